/** Pages that hold a model, each one file. @module */

export { modelPageTemplate } from "./build.ts";
export { packCheckpoint } from "./eight_bits.ts";
export { fillTemplate, type ModelCard } from "./template.ts";
