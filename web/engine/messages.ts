/** What a page and its engine say to each other. @module */

import type { CharacterOptions, CharacterTraining } from "../../lessons/character_model.ts";
import type { GptProgress, GptTask } from "./gpt.ts";
import type { InsideEvent, InsideInput } from "./inside.ts";
import type { NetworkProgress, NetworkSpec } from "./network.ts";

/** The device that the reader chose. */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/** Each task of the engine: what it is given, and what it tells while it runs. */
export interface Tasks {
  readonly network: { readonly input: NetworkSpec; readonly event: NetworkProgress };
  /** Trains a small GPT on a text, or goes on. */
  readonly gpt: { readonly input: GptTask; readonly event: GptProgress };
  /** Looks inside a model. */
  readonly inside: { readonly input: InsideInput; readonly event: InsideEvent };
  /** Trains the lessons' model of letters, on scalars. */
  readonly letters: { readonly input: CharacterOptions; readonly event: CharacterTraining };
}

/** To the engine: start a task, or end, pause or resume one that runs; `step` runs to the next event. */
export type Order =
  | {
    readonly [Name in keyof Tasks]: {
      readonly id: number;
      readonly kind: "start";
      readonly task: Name;
      readonly input: Tasks[Name]["input"];
      readonly device: DeviceChoice;
    };
  }[keyof Tasks]
  | { readonly id: number; readonly kind: "stop" | "pause" | "resume" | "step" };

/** From the engine: the device that a task runs on, what it tells, how it ended. */
export type Report =
  | { readonly id: number; readonly kind: "device"; readonly description: string }
  | { readonly id: number; readonly kind: "event"; readonly event: Tasks[keyof Tasks]["event"] }
  | { readonly id: number; readonly kind: "end" }
  | { readonly id: number; readonly kind: "error"; readonly message: string };
