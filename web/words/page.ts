/** The words of the lesson's page, around its text, which is in `lesson.md`. @module */

/** The words. */
export const words = {
  skip: "Skip to the lesson",
  brand: "nanodino",
  description:
    "How numbers learn: a lesson that computes everything on your machine, from one multiplication " +
    "to a GPT that you train yourself.",
  picture: "A dinosaur with a small network inside, and a network that has learned a spiral",
  share: "From one neuron to a GPT",
  contents: "Contents",
  minutes: (minutes: number) => `${minutes} min`,
  next: (title: string) => `Next: ${title}\u00a0→`,
  /** How questions begin that widgets answer. */
  predict: "Predict, then try:",
  code: "The code that computes this",
  read: "Read on:",
  line: (path: string, line: number) => `${path}, line ${line}`,
  noscript:
    "Without JavaScript the numbers stay as they are; all text, code and formulas are here, and on a " +
    "second page.",
  ideas: ["Idea", "File here", "In nanochat", "Becomes"],
};
