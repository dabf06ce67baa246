/** The letters that the picture of the opening shows. @module */

/** Three letters of dinosaurs’ names, and some that may follow them. */
export const openingLetters = { before: "sau", next: "ntrld" } as const;
