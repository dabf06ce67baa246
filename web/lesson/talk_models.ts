/// <reference lib="dom" />
/**
 * The models of the sections on answering, which the browser keeps: one that has only read, one that was
 * taught to answer, and one that was rewarded.
 *
 * @module
 */

import { computed, keep, type ReadonlySignal, recall, type Signal, signal } from "../deps.ts";
import type { ModelFiles } from "../engine/inside.ts";

/** The models; `null` for those that are not trained yet. */
export interface TalkModels {
  readonly read: ModelFiles | null;
  readonly taught: ModelFiles | null;
  readonly rewarded: ModelFiles | null;
}

/** The models that there are. */
export const talkModels: Signal<TalkModels> = signal({ read: null, taught: null, rewarded: null });

/** The model that answers best, if there is one. */
export const answerer: ReadonlySignal<ModelFiles | null> = computed(() =>
  talkModels.value.rewarded ?? talkModels.value.taught
);

/** The key in the browser's store, which the chat page reads, too. */
const KEPT = "nanodino talk";
/** Changes with what is kept. */
const FORMAT = 1;

/** Replaces some of the models, and keeps all for another visit. */
export function setTalkModels(change: Partial<TalkModels>): void {
  talkModels.value = { ...talkModels.value, ...change };
  // A page that was opened in private may keep nothing.
  keep(KEPT, { format: FORMAT, models: talkModels.value }).catch(() => {});
}

/** The models that the browser kept, if it did. */
export async function recallTalkModels(): Promise<TalkModels | null> {
  const kept = await recall<{ format: number; models: TalkModels }>(KEPT).catch(() => undefined);
  return kept?.format === FORMAT ? kept.models : null;
}
