/** The words of the section on the block. @module */

/** The words. */
export const words = {
  parts: {
    norm: "Norm",
    attention: "Attention",
    mlp: "MLP",
    square: "Square in ReLU²",
  },
  partsLabel: "Parts of the block",
  state: (name: string, isOn: boolean) => `${name}: ${isOn ? "on" : "off"}`,
  river: (stages: readonly string[]) =>
    `The river of numbers from left to right, ${
      stages.join("; ")
    }. A wider strand is a larger number; ` +
    "attention and the MLP flow in from below.",
  stages: ["At its source", "After attention", "After the MLP"],
  says: (word: string, share: string) => `“${word}”, ${share}`,
  stream: "The river of “He”, in numbers",
  streamRows: ["“He” itself", "+ attention", "= river", "+ MLP", "= river"],
  size: (rms: string) => `Size (RMS) at the end: ${rms}`,
  neurons: "The MLP: three neurons",
  neuronRows: ["reads", "says"],
  next: "What may come next",
  status: (word: string, share: string) => `“Rex ate ferns. He ${word} …” (${share})`,
  verdict: {
    whole: "Attention brings who he is and what he did. The MLP puts both together: he is full.",
    noAttention:
      "Without attention “He” knows only itself. Even the MLP has nothing to put together.",
    noMlp: "It knows of an animal and of a deed, but nobody puts them together.",
    noSquare:
      "ReLU alone adds animal and deed, and takes away each of them: nothing is left. The square is what " +
      "makes “and” out of “plus”.",
    noNorm:
      "Without norms each part reads numbers of any size. Here they are small, so attention is less sure. " +
      "In a deep model they grow from block to block, until nothing can be learned.",
    nothing: "Nothing flows in: the river ends as it began.",
  },
};
