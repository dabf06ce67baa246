/** A small GPT that is trained in Deno, to compare with one in a page. @module */

import { type Device, openDevice } from "../../tensor/mod.ts";
import { type GptProgress, type GptTask, trainGpt } from "../engine/gpt.ts";
import type { GptSpec } from "../engine/gpt_spec.ts";
import type { ModelFiles } from "../engine/inside.ts";

/** The settings of {@linkcode link}. */
export const small: GptSpec = {
  task: "add",
  own: "",
  merges: 64,
  depth: 1,
  width: 32,
  heads: 2,
  context: 32,
  optimizer: "muon",
  rate: 1,
  schedule: "trapezoid",
  seed: 1,
  steps: 20,
};
/** The default settings of the page. */
export const preset: GptSpec = {
  ...small,
  task: "sort",
  merges: 0,
  depth: 2,
  width: 64,
  context: 64,
  steps: 400,
};
/** The address of a page with what is small. */
export const link =
  "#task=add&merges=64&gptDepth=1&gptWidth=32&context=32&gptSteps=20&gptDevice=cpu";

let device: Promise<Device> | undefined;

Deno.test.afterAll(async () => await (await device)?.close());

/** Runs something on a device of two threads, the same for all tests of a process, as it compiles kernels once. */
export async function onCpu<Result>(run: (device: Device) => Promise<Result>): Promise<Result> {
  device ??= openDevice("cpu", { blas: false, threads: 2 });
  return await run(await device);
}

/** Trains in Deno. */
export function trainInDeno(task: GptTask): Promise<GptProgress[]> {
  return onCpu((device) => Array.fromAsync(trainGpt(device, task, new AbortController().signal)));
}

/** The losses among events. */
export function lossesOf(events: readonly GptProgress[]): number[] {
  return events.flatMap((event) => event.kind === "step" ? [event.loss] : []);
}

/** The last files among events. */
export function filesOf(events: readonly GptProgress[]): ModelFiles {
  const last = events.findLast((event) => event.kind === "files");
  if (last?.kind !== "files") throw new Error("wanted files, got none");
  return last.files;
}

/** Writes files into a folder. */
export async function writeFiles(folder: string, files: ModelFiles): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, file] of files) await Deno.writeFile(`${folder}/${name}`, file.stream());
}
