/** Pages that hold a model, each one file. @module */

export { halveCheckpoint } from "../half_precision.ts";
export { modelPageTemplate } from "./build.ts";
export { fillTemplate, type ModelCard } from "./template.ts";
