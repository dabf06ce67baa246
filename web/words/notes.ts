/** The notes on words of the lesson, by the names that `lesson.md` has for them. @module */

/** The notes. */
export const notes: Readonly<Record<string, string>> = {
  gpt:
    "Generative pretrained transformer: a program that has read a lot of text, and writes what may " +
    "come next, a piece at a time. ChatGPT is one that has learned to answer.",
  probability: "How likely something is: 0 is never, 1 is always, and 0.5 is heads or tails.",
  calculus: "The part of mathematics about how fast things change. You can read on without it.",
  chainRule:
    "If one gear turns the next twice as fast, and that one turns a third three times as fast, " +
    "the third turns six times as fast. Rates along a chain are multiplied.",
  rate: "How long each step is: a gradient is multiplied by it before it is taken off its weight.",
  tensor:
    "Numbers in rows and columns: a list, a table, a stack of tables. One operation works on all " +
    "of them at once.",
  ln:
    "The natural logarithm. −ln 1 is 0, −ln 0.5 is 0.69, and −ln 0.01 is 4.61: the less likely, the " +
    "larger.",
  byte:
    "A number from 0 to 255, the unit of all files. An English letter takes one byte, “é” takes two, " +
    "and most emoji take four.",
  bpe: "Philip Gage invented it in 1994 to make files smaller. Rico Sennrich, Barry Haddow and " +
    "Alexandra Birch used it for translation in 2016, and GPTs took it from there.",
  nanochat:
    "A small ChatGPT, complete and open, by Andrej Karpathy. It is written in Python; nanodino, " +
    "which computes this page, builds the same in TypeScript.",
  rotary: "Rotary position embedding, or RoPE, by Jianlin Su and others, 2021.",
  dot: "The dot product: multiply the numbers of two rows, place by place, and add up the results.",
  softmax:
    "Each number becomes e to the power of it, divided by the sum of all these. So all are " +
    "between 0 and 1, and add up to 1. Section 9 has it in numbers.",
  induction: "Found by Catherine Olsson and others in 2022, in small models that they took apart.",
  mlp: "Multilayer perceptron: layers of neurons, one after the other, as in section 2.",
  residual:
    "Adding instead of replacing comes from residual networks, by Kaiming He and others, 2015. " +
    "Before that, very deep networks learned worse than shallow ones.",
  matrix: "A table of numbers. The weights of a layer are one, with a row for each of its neurons.",
  adam:
    "By Diederik Kingma and Jimmy Ba, 2014. Most networks since then were trained by it or by its " +
    "kin.",
  muon:
    "By Keller Jordan and others, 2024, for the hidden layers of a network. The name is short for " +
    "“momentum orthogonalized by Newton–Schulz”.",
  singular:
    "A matrix stretches some directions much and others little. Its singular values say how much.",
  checkpoint:
    "All numbers of a run, saved: its weights, and what else it needs to go on as if it had " +
    "never stopped.",
  h100:
    "A processor for data centers, by Nvidia, made for the arithmetic of networks. One costs about as " +
    "much as a car.",
  smear:
    "An idea of nanochat: each token takes in a little of the token before it. The next section " +
    "shows how much.",
  lens: "An idea that somebody called nostalgebraist had in 2020.",
  engine:
    "The program around the model. It runs the model for one token after the other, and puts " +
    "together what it writes.",
  batch: "Several texts that a model works on together.",
  keysValues:
    "What a token leaves for those after it: a key to be found by, and a value to give, as in " +
    "section 12.",
};
