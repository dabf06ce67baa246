/** The words of the section on optimizers. @module */

/** The words. */
export const words = {
  start: "Let them run",
  again: "Once more",
  names: { sgd: "SGD", momentum: "Momentum", adam: "Adam", muon: "Muon" },
  rule: "Your rule",
  schedule: "Schedule",
  schedules: {
    constant: "constant",
    warmdown: "warmup, plateau, warmdown",
    cosine: "cosine",
  },
  rate: "Learning rates ×",
  steps: "Steps",
  shown: "Up to step",
  valley: (said: readonly string[]) =>
    `The valley from above: the loss is lowest in the middle, steep up and down, flat to both sides. ` +
    (said.length === 0 ? "Nobody has started yet." : said.join("; ")),
  ends: (name: string, loss: string) => `${name} is at a loss of ${loss}`,
  across: "steep",
  along: "flat →",
  loss: "loss",
  losses: "The loss over the steps",
  multiplier: "Learning rate",
  multipliers: "What the learning rate is multiplied by, over the steps",
  waiting: "Four of the library’s optimizers wait at the upper left.",
  status: (name: string, loss: string) => `Lowest now: ${name}, with a loss of ${loss}.`,
  columns: ["Optimizer", "Loss", "Place across", "Place along"],
  muon: {
    make: "Make them equal",
    matrix: "The update",
    cells: ["a", "b", "c", "d"],
    before: "A gradient as a matrix. Its two singular values say how far it moves two directions.",
    about:
      "The update turns a circle into this shape. Where the shape is long, weights move far; where it is " +
      "thin, they hardly move. Muon makes it round.",
    picture: (before: string, after: string | null) =>
      `A circle, as the update stretches it: ${before} times as long as it is wide` +
      (after === null ? "." : `, and ${after} times after five rounds.`),
    legend: { before: "the update", after: "after five rounds" },
    table: "The two singular values, after each of five rounds",
    columns: ["Round", "Larger", "Smaller", "a, b; c, d"],
    status: (ratio: string, after: string) =>
      `Before, one direction got ${ratio} times as much as the other. Now: ${after} times.`,
  },
  own: {
    label: "The update rule: sets w",
    loop: [
      "for (t = 1; t <= 60; t++)",
      "  for (w of weights)",
      "    g = gradient of the loss at w",
    ],
    run: "Run it",
    presets: {
      sgd: "SGD",
      momentum: "Momentum",
      sign: "Signs only",
      adam: "Adam",
    },
    rate: "Learning rate lr",
    help:
      "You have w, its gradient g, the step t, lr, and two numbers that are kept: m and v. And sqrt, " +
      "abs, sign, min, max.",
    running: "It runs…",
    done: (loss: string) => `After 60 steps the loss is ${loss}.`,
    good: (loss: string) => `After 60 steps the loss is ${loss}. You have written an optimizer!`,
    error: (message: string) => `Line 4: ${message}`,
    endless: "stopped: it did not come to an end within a second",
    imports: "a rule cannot load code",
    waiting: "Change the line, and run it.",
    final: "Loss at the end",
    steep: "Place across",
    flat: "Place along",
  },
};
