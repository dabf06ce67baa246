/** The table at the end of the lesson; in English it is the one that the tour prints. @module */

export { ideas } from "../../lessons/ideas.ts";
