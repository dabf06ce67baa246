/** The words of the section on overfitting. @module */

/** The words. */
export const words = {
  start: "Train all three",
  stop: "Stop",
  steps: "Steps of each",
  step: "Look at step",
  lowest: "Go to the lowest test loss of 20 sentences",
  end: "Go to the end",
  runs: {
    few: "20 sentences",
    decay: "20, with weight decay",
    many: "2,000 sentences",
  },
  reading: "Making up the sentences…",
  training: (run: string) => `It reads: ${run}`,
  waiting: "Three runs of the same model, some seconds each.",
  status: (few: string, many: string) =>
    `On sentences that it has never seen: ${few} bits per byte after 20 sentences, ${many} after 2,000.`,
  plot: (run: string) => `${run}: bits per byte of what it reads, and of what it has never seen`,
  own: "what it reads",
  heldOut: "never seen",
  best: "lowest",
  bits: "bits/byte",
  writes: (run: string, step: number) => `${run}, after step ${step}, writes:`,
  copy: "by heart",
  columns: ["Run", "Reads", "Never seen", "Lowest, at step", "By heart"],
  lowestAt: (bits: string, step: number) => `${bits}, at ${step}`,
  copies: (count: number, all: number) => `${count} of ${all}`,
  table: "Bits per byte, and how many of its sentences it has only learned by heart",
};
