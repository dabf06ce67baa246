/** Measures the sides of a comparison in turn. @module */

import { median } from "../harness.ts";
import type { Measured, Row } from "../results.ts";
import type { Contestant, Side } from "./contestant.ts";
import type { Sample } from "./protocol.ts";

/** A number that both sides give. */
export interface Quantity {
  /** What was compared, in the table. */
  readonly name: string;
  /** Its name in a {@linkcode Sample}. */
  readonly key: string;
  /** Its unit. */
  readonly unit: string;
  /** Whether less is better. */
  readonly lessIsBetter?: boolean;
  /** How many times as good ours should be, if that is known. */
  readonly wanted: number | null;
}

/** Ours against others. */
export interface Comparison {
  /** What it is about, for `--only`. */
  readonly name: string;
  /** Where it is. */
  readonly device: "cpu" | "webgpu";
  /** nanodino. */
  readonly ours: Side;
  /** The others: the best one counts. */
  readonly others: readonly Side[];
  /** The rows that come of it. */
  readonly quantities: readonly Quantity[];
  /** By how much what came out may differ; without it nothing is compared. */
  readonly tolerance?: number;
  /** Measurements of each side, where a dozen would take too long. */
  readonly rounds?: number;
  /** Whether it takes minutes: then a quick run leaves it out. */
  readonly isLong?: boolean;
}

/** A side that has been started, or why it could not be. */
interface Entry {
  readonly library: string;
  contestant: Contestant | null;
  reason?: string;
  readonly samples: Sample[];
}

/** After so many seconds no round is begun, if there were {@linkcode FEWEST_ROUNDS}. */
const MOST_SECONDS = 45;
const FEWEST_ROUNDS = 3;

/**
 * Starts the sides, compares what came out, measures them in turn and takes the medians.
 *
 * @throws {Error} If ours cannot be started, or something else came out of it.
 */
export async function measureComparison(
  comparison: Comparison,
  { isQuick }: { readonly isQuick: boolean },
): Promise<Row[]> {
  const entries: Entry[] = [];
  try {
    for (const side of [comparison.ours, ...comparison.others]) entries.push(await start(side));
    const [ours, ...others] = entries as [Entry, ...Entry[]];
    if (ours.contestant === null) throw new Error(ours.reason);
    checkEqual(comparison, ours, others);
    const rounds = isQuick ? Math.min(3, comparison.rounds ?? 3) : comparison.rounds ?? 12;
    const begin = performance.now();
    for (let round = 0; round < rounds; round++) {
      const isLate = performance.now() - begin > 1000 * MOST_SECONDS;
      if (isLate && round >= FEWEST_ROUNDS) break;
      for (const entry of entries) await measureOnce(entry, entry === ours);
    }
    return comparison.quantities.map((quantity) => rowOf(comparison, quantity, ours, others));
  } finally {
    for (const { contestant } of entries) await contestant?.close();
  }
}

async function start(side: Side): Promise<Entry> {
  const { library } = side;
  try {
    return { library, contestant: await side.start(), samples: [] };
  } catch (error) {
    return { library, contestant: null, reason: reasonOf(error), samples: [] };
  }
}

/** Measures a side; one of the others that fails is left out from then on, with all that it gave. */
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

function rowOf(
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
    ...{ name, device, unit, wanted, ours: our, others: others.map(measured) },
    ratio: best?.ratio ?? null,
    spread: byRound.length === 0 ? null : [Math.min(...byRound), Math.max(...byRound)],
  };
}
