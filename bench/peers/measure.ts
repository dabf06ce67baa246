/** Measures the sides of a comparison alternately. */

import { median } from "../statistics.ts";
import type { Measured, Row } from "../results.ts";
import type { Contestant, Settings, Side } from "./contestant.ts";
import type { Sample } from "./protocol.ts";

export interface Quantity {
  readonly name: string;
  /** The key in a {@linkcode Sample}. */
  readonly key: string;
  readonly unit: string;
  readonly lessIsBetter?: boolean;
  readonly wanted: number | null;
}

export interface Comparison {
  readonly name: string;
  readonly device: "cpu" | "webgpu";
  readonly ours: Side;
  /** The other sides; the best of them counts. */
  readonly others: readonly Side[];
  readonly quantities: readonly Quantity[];
  /** Largest difference of results; without it results are not compared. */
  readonly tolerance?: number;
  /** Measurements of each side. @default {12} */
  readonly rounds?: number;
  /** Takes minutes: quick runs skip it. */
  readonly isLong?: boolean;
}

/** A started side, or the reason why it did not start. */
interface Entry {
  readonly library: string;
  contestant: Contestant | null;
  reason?: string;
  readonly samples: Sample[];
}

/** No round starts after this many seconds, once {@linkcode MIN_ROUNDS} are done. */
const MAX_SECONDS = 45;
const MIN_ROUNDS = 3;

/**
 * Starts all sides, compares their results, measures them alternately and takes medians.
 *
 * @throws {Error} If ours does not start, or results differ.
 */
export async function measureComparison(
  comparison: Comparison,
  { isQuick, ...settings }: { readonly isQuick: boolean } & Settings,
): Promise<Row[]> {
  const entries: Entry[] = [];
  try {
    for (const side of [comparison.ours, ...comparison.others]) {
      entries.push(await start(side, settings));
    }
    const [ours, ...others] = entries as [Entry, ...Entry[]];
    if (ours.contestant === null) throw new Error(ours.reason);
    checkEqual(comparison, ours, others);
    const rounds = isQuick ? Math.min(3, comparison.rounds ?? 3) : comparison.rounds ?? 12;
    const begin = performance.now();
    for (let round = 0; round < rounds; round++) {
      const isLate = performance.now() - begin > 1000 * MAX_SECONDS;
      if (isLate && round >= MIN_ROUNDS) break;
      for (const entry of entries) await measureOnce(entry, entry === ours);
    }
    return comparison.quantities.map((quantity) => makeRow(comparison, quantity, ours, others));
  } finally {
    for (const { contestant } of entries) await contestant?.close();
  }
}

async function start(side: Side, settings: Settings): Promise<Entry> {
  const { library } = side;
  try {
    return { library, contestant: await side.start(settings), samples: [] };
  } catch (error) {
    return { library, contestant: null, reason: reasonOf(error), samples: [] };
  }
}

/** Measures a side once; if one of the others fails, it is excluded, with all of its samples. */
async function measureOnce(entry: Entry, isOurs: boolean): Promise<void> {
  const { contestant } = entry;
  if (contestant === null) return;
  try {
    entry.samples.push(await contestant.measure());
  } catch (error) {
    if (isOurs) throw error;
    entry.contestant = null;
    entry.samples.length = 0;
    entry.reason = reasonOf(error);
    await contestant.close();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}

function checkEqual({ name, tolerance }: Comparison, ours: Entry, others: readonly Entry[]): void {
  if (tolerance === undefined) return;
  const wanted = ours.contestant!.check;
  for (const { library, contestant } of others) {
    if (contestant === null) continue;
    const { check } = contestant;
    const at = wanted.findIndex((value, i) => !(Math.abs(value - check[i]!) <= tolerance));
    if (check.length !== wanted.length || at >= 0) {
      throw new Error(
        `Cannot compare "${name}": nanodino gives ${wanted[at] ?? wanted.length} and ${library} ` +
          `${check[at] ?? check.length}`,
      );
    }
  }
}

function makeRow(
  { device }: Comparison,
  { name, key, unit, lessIsBetter = false, wanted }: Quantity,
  ours: Entry,
  others: readonly Entry[],
): Row {
  const values = (entry: Entry) => entry.samples.map((sample) => sample[key] ?? NaN);
  const measured = (entry: Entry): Measured =>
    entry.samples.length > 0
      ? { library: entry.library, value: median(values(entry)) }
      : { library: entry.library, value: null, reason: entry.reason ?? "not measured" };
  const ratio = (our: number, other: number) => lessIsBetter ? other / our : our / other;
  const our = measured(ours);
  const best = others.filter(({ samples }) => samples.length > 0)
    .map((entry) => ({ entry, ratio: ratio(our.value!, measured(entry).value!) }))
    .toSorted((a, b) => a.ratio - b.ratio)[0];
  const byRound = best === undefined
    ? []
    : values(ours).map((value, i) => ratio(value, values(best.entry)[i]!));
  return {
    name,
    device,
    unit,
    wanted,
    ours: our,
    others: others.map(measured),
    ratio: best?.ratio ?? null,
    spread: byRound.length === 0 ? null : [Math.min(...byRound), Math.max(...byRound)],
  };
}
