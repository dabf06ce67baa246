/**
 * What a page and its engine say to each other. Each task has a channel of its own, whose port comes
 * with its {@linkcode Start}.
 *
 * @module
 */

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

/** To the engine: starts a task after those before it. */
export type Start = {
  readonly [Name in keyof Tasks]: {
    readonly task: Name;
    readonly input: Tasks[Name]["input"];
    readonly device: DeviceChoice;
  };
}[keyof Tasks];

/** To a task: end at the next event, wait there, go on, or go on to the event after. */
export type Order = "stop" | "pause" | "resume" | "step";

/** From a task: the device that it runs on, what it tells, and how it ended. */
export type Report<Event = Tasks[keyof Tasks]["event"]> =
  | { readonly kind: "device"; readonly description: string }
  | { readonly kind: "event"; readonly event: Event }
  | { readonly kind: "end" }
  | { readonly kind: "error"; readonly message: string };
