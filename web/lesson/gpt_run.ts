/// <reference lib="dom" />
/** The run of section 10: what the reader sets, what the engine says, what the browser keeps. @module */

import { forget, keep, recall, type Signal, signal } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { GptProgress, GptTask } from "../engine/gpt.ts";
import { type GptSpec, RANGES } from "../engine/gpt_spec.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { choice, setting, slider, valuesOf } from "../state.ts";
import { words } from "./words.ts";

const { gpt: text, network } = words;

/** What the reader sets, besides the text of their own and the device. */
export const settings = {
  task: choice("task", text.task, "sort", text.tasks),
  merges: slider("merges", text.merges, 0, [0, RANGES.merges[1], 64]),
  depth: slider("gptDepth", text.depth, 2, [1, RANGES.depth[1], 1]),
  width: slider("gptWidth", text.width, 64, [32, RANGES.width[1], 32]),
  heads: choice("heads", text.heads, "2", text.headCounts),
  context: slider("context", text.context, 64, [16, RANGES.context[1], 16]),
  optimizer: choice("gptOptimizer", network.optimizer, "muon", text.optimizers),
  rate: choice("gptRate", network.rate, "1.0", text.learningRates),
  schedule: choice("schedule", text.schedule, "trapezoid", text.schedules),
  steps: slider("gptSteps", network.steps, 400, [20, RANGES.steps[1], 20]),
  seed: slider("gptSeed", network.seed, 1, [1, RANGES.seed[1], 1]),
};
export const device = choice("gptDevice", network.device, "auto", network.devices);
export const own = setting<string>("ownText", "");

export type Event<Kind extends GptProgress["kind"]> = GptProgress & { readonly kind: Kind };

/** A run, as far as it went. */
export interface Shown {
  readonly start: Event<"start">;
  /** What was told of it; of its checkpoints the last one. */
  readonly events: readonly GptProgress[];
}

export const message = signal("");
export const latest = new Latest("gpt", message);
export const shown: Signal<Shown | null> = signal(null);
/** Earlier runs, to compare with. */
export const others: Signal<readonly Shown[]> = signal([]);
const MAX_OTHERS = 6;
/** The files of the model that was trained last. */
export const trained: Signal<ModelFiles | null> = signal(null);

/** The events of a kind, in order. */
export function eventsOf<Kind extends GptProgress["kind"]>(
  shown: Shown | null,
  kind: Kind,
): Event<Kind>[] {
  return (shown?.events ?? []).filter((event): event is Event<Kind> => event.kind === kind);
}

function spec(): GptSpec {
  const set = valuesOf(settings);
  return { ...set, own: own.value, heads: Number(set.heads), rate: Number(set.rate) };
}

function hear(event: GptProgress): void {
  const before = shown.value?.events ?? [];
  if (event.kind === "start") {
    shown.value = { start: event, events: before.filter(({ step }) => step <= event.step) };
    return;
  }
  // A run that goes on repeats what it said at that step.
  const isOld = ({ kind, step }: GptProgress) =>
    kind === event.kind && (kind === "files" || step === event.step);
  const events = [...before.filter((one) => !isOld(one)), event];
  shown.value = { ...shown.value!, events };
  if (event.kind !== "files") return;
  trained.value = event.files;
  // A page that was opened in private may keep nothing.
  keep(KEPT, { format: FORMAT, shown: shown.value, others: others.value }).catch(() => {});
}

/** What the browser calls it: other sites at its address may keep things, too. */
const KEPT = "nanodino gpt";
/** Changes with what is kept, so that a page does not read what another version of it kept. */
const FORMAT = 3;

async function begin(task: GptTask): Promise<void> {
  message.value = network.starting;
  await latest.start(task, device.value, hear);
}

/** Makes room for another run; the one that is shown stays to compare with. */
function leave(): void {
  latest.stop();
  if (eventsOf(shown.value, "step").length > 0) {
    const { start, events } = shown.value!;
    const left = { start, events: events.filter(({ kind }) => kind !== "files") };
    others.value = [...others.value, left].slice(-MAX_OTHERS);
  }
  shown.value = null;
}

/** Starts a run as the reader set it. */
export function start(): void {
  leave();
  void begin({ spec: spec() });
}

/** Goes on with a checkpoint of the reader's. */
export async function load(list: FileList): Promise<void> {
  leave();
  const files = new Map(Array.from(list, (file) => [file.name, file]));
  await begin({ from: files, own: own.value, steps: 0 });
  if (shown.value !== null) hear({ kind: "files", step: shown.value.start.step, files });
}

/** Goes on from the last files: all steps that are left, or some. */
export function goOn(steps?: number): void {
  const { files } = eventsOf(shown.value, "files")[0]!;
  const { spec } = shown.value!.start;
  void begin({ from: files, own: spec.own, ...(steps === undefined ? {} : { steps }) });
}

/** Forgets all runs. */
export function clear(): void {
  latest.stop();
  shown.value = trained.value = null;
  message.value = "";
  others.value = [];
  forget(KEPT).catch(() => {});
}

/** Shows the run that the browser kept. */
export async function restore(): Promise<void> {
  type Kept = { format?: number; shown: Shown; others: readonly Shown[] };
  const kept = await recall<Kept>(KEPT).catch(() => undefined);
  if (kept === undefined || latest.run.value !== null) return;
  if (kept.format !== FORMAT) {
    clear();
    message.value = text.stale;
    return;
  }
  ({ shown: shown.value, others: others.value } = kept);
  trained.value = eventsOf(kept.shown, "files")[0]?.files ?? null;
  message.value = text.restored;
}
