/** The words of the section on embeddings and positions. @module */

/** The words. */
export const words = {
  table: {
    word: "Word",
    title: "The table: a row for each word",
    row: "The row",
    rowName: "row",
    status: (word: string, id: number, row: string) =>
      `“${word}” is token ${id}, so it gets row ${id}: ${row}.`,
    number: (i: number) => `${i}`,
    similar: (word: string) => `How much each word looks like “${word}”`,
    work: "1 × its row, and 0 × every other row: a multiplication that only copies",
  },
  positions: {
    asks: "Place of the word that asks",
    answers: "Place of the word that answers",
    both: "Move both one place on",
    swap: "Swap the two",
    dials: ["Fast arrows: 57° a place", "Slow arrows: a tenth of that"],
    dial: (name: string, asks: number, answers: number) =>
      `${name}. The query at place ${asks}, the key at place ${answers}.`,
    query: "query",
    key: "key",
    distance: "Distance",
    fast: "Fast arrows, q · k",
    slow: "Slow arrows, q · k",
    score: "Score, the sum of both",
    status: (distance: number) =>
      distance === 0
        ? "The same place: all arrows point the same way, and the score is highest."
        : `${Math.abs(distance)} ${Math.abs(distance) === 1 ? "place" : "places"} apart. ` +
          "Move both on: the arrows turn, and the score stays.",
    plot: "The score over the distance of two words",
    now: "now",
  },
};
