/** The words of the section on answering. @module */

/** The words. */
export const words = {
  example: "A conversation",
  examples: {
    animal: "A question",
    sum: "A sum, with the calculator",
    guess: "A sum, in a hurry",
    hello: "Who are you?",
  },
  template: "The conversation as the model reads it: one box for each token",
  learned: "it learns to write this",
  given: "it only reads this",
  special: "a special token",
  counts: (tokens: number, learned: number, isTrained: boolean) =>
    `${tokens} tokens, ${learned} of them to learn` +
    (isTrained ? "." : ". Without merges, each letter is a token."),
  train: "Train it",
  again: "Teach it again",
  stop: "Stop",
  steps: "Steps of teaching",
  reading: (step: number, steps: number) => `It reads: step ${step} of ${steps}`,
  learning: (step: number, steps: number) => `It learns to answer: step ${step} of ${steps}`,
  stopped: "Stopped. Press the button to go on.",
  restored: "Your browser kept this model. Ask it something.",
  untrained: "Not trained yet. It takes about a minute: first it reads, then it learns to answer.",
  done: (right: number, all: number) =>
    right === all
      ? `It answers! All ${all} questions about animals that nobody asked about before are right.`
      : `It answers: ${right} of ${all} questions about animals that nobody asked about before are right.`,
  lossPlot: "The loss over the steps of teaching: each step, and smoothed",
  sharePlot: "The share of right answers over the steps of teaching",
  share: "share of right answers",
  animals: "animals nobody asked about",
  sums: "sums",
  readingRow: "Steps of reading",
  learningRow: "Steps of teaching",
  lossRow: "Loss on what it learns to write",
  animalsRow: "Right about animals that no conversation mentions",
  sumsRow: "Right sums",
  compare: "The same questions before and after",
  columns: ["Question", "Before: it goes on", "After: it answers"],
  questions: [
    "What does the cow say?",
    "Where does the owl live?",
    "What does the pig eat?",
    "What is 27+16?",
    "Who are you?",
  ],
  own: "Your question",
  ask: "Ask both",
  needs: "This takes the model that you teach in the section on answering.",
};
