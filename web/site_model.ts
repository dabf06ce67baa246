/**
 * The model that comes with the lesson: a GPT of the page, trained on stories before the page is built.
 *
 * The repository holds no weights. `task site` trains the model once, and keeps it below
 * `$NANODINO_HOME`; every run of the same code gives the same model.
 *
 * @module
 */

import { storySource } from "../stories/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { trainGpt } from "./engine/gpt.ts";
import type { GptSpec } from "./engine/gpt_spec.ts";
import { storiesText } from "./engine/stories_text.ts";
import { halveCheckpoint } from "./half_precision.ts";

/** The run: larger than the presets of the page, and of the same kind, so that a reader can go on with it. */
export const siteModelSpec: GptSpec = {
  task: "stories",
  own: "",
  merges: 512,
  depth: 2,
  width: 96,
  heads: 3,
  context: 256,
  optimizer: "muon",
  rate: 1,
  schedule: "trapezoid",
  seed: 1,
  steps: 900,
};

/** Changes with the run and with the world of its stories. */
export async function siteModelVersion(): Promise<string> {
  const { fingerprint } = await storySource().open("train");
  const text = JSON.stringify([siteModelSpec, fingerprint]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** Options for {@linkcode trainSiteModel}. */
export interface SiteModelOptions {
  /** Stops it between two steps; then there is no model. */
  readonly signal: AbortSignal;
  /** Called with the number of steps that are done. */
  readonly onStep?: (step: number) => void;
  /** Another run, for tests. @default {siteModelSpec} */
  readonly spec?: GptSpec;
}

/** Trains it. Returns its files by name, without the state of the optimizer; `null` if it was stopped. */
export async function trainSiteModel(
  device: Device,
  { signal, onStep = () => {}, spec = siteModelSpec }: SiteModelOptions,
): Promise<Map<string, Uint8Array<ArrayBuffer>> | null> {
  const own = storiesText();
  for await (const event of trainGpt(device, { spec: { ...spec, own } }, signal)) {
    if (event.kind === "step") onStep(event.step);
    if (event.kind !== "files" || event.step < spec.steps) continue;
    const files = Array.from(
      event.files,
      async ([name, file]) => [name, await file.bytes()] as const,
    );
    return await halveCheckpoint(new Map(await Promise.all(files)));
  }
  return null;
}
