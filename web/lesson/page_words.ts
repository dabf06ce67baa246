/** The words around the sections of the lesson; their text is in `prose.md`. @module */

export const words = {
  skip: "Skip to the lesson",
  contents: "Contents",
  code: "The code that computes this",
  line: (path: string, line: number) => `${path}, line ${line}`,
  noscript:
    "Without JavaScript the numbers stay as they are; all text, code and formulas are here.",
  ideas: ["Idea", "File", "Becomes"],
};
