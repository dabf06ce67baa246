/** Which rank updates which parameter. @module */

/** The work of updating one parameter. */
export interface OwnedWork {
  /** The name. */
  readonly name: string;
  /** The cost of its update, in any unit. */
  readonly cost: number;
}

/**
 * Gives each parameter to a rank, so that all ranks have about the same work: the largest first,
 * each to the rank with the least work so far. It depends on nothing else, so all ranks agree.
 *
 * @example
 * ```ts
 * import { ownersOf } from "./owners.ts";
 *
 * const work = [{ name: "a", cost: 3 }, { name: "b", cost: 2 }, { name: "c", cost: 1 }];
 * const owners = ownersOf(work, 2);
 * if (owners.get("a") !== 0 || owners.get("b") !== 1 || owners.get("c") !== 1) {
 *   throw new Error("expected 3 on one rank, 2 + 1 on the other");
 * }
 * ```
 */
export function ownersOf(work: readonly OwnedWork[], ranks: number): Map<string, number> {
  const loads = new Array<number>(ranks).fill(0);
  const owners = new Map<string, number>();
  const largestFirst = [...work].sort((a, b) => b.cost - a.cost || (a.name < b.name ? -1 : 1));
  for (const { name, cost } of largestFirst) {
    const rank = loads.indexOf(Math.min(...loads));
    loads[rank]! += cost;
    owners.set(name, rank);
  }
  return owners;
}
