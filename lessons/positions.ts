/**
 * Rotary positions: pairs of numbers are arrows, which turn by the place of their word.
 *
 * Source: Su et al., “RoFormer” (2021); the library's operation is in `tensor/ops/rotary.ts`.
 *
 * @module
 */

/** A head of four numbers is two arrows: a fast one, and one that is ten times as slow. */
const BASE = 100;

/**
 * How far each arrow turns from one place to the next, in radians: the first one by 1, the others ever less.
 *
 * @param size The numbers of a head: two for each arrow.
 */
export function frequencies(size: number, base: number = BASE): number[] {
  return Array.from({ length: size / 2 }, (_, i) => base ** (-2 * i / size));
}

/**
 * Turns the arrows of a head by its place, clockwise. Arrow i is number i and number i + size / 2.
 *
 * @example A word at place 0 stays as it is
 * ```ts
 * import { turn } from "./positions.ts";
 *
 * if (turn([1, 2, 3, 4], 0).join() !== "1,2,3,4") throw new Error("it turned");
 * ```
 */
export function turn(head: readonly number[], place: number, base: number = BASE): number[] {
  const angles = frequencies(head.length, base).map((frequency) => place * frequency);
  const half = angles.length;
  const [first, second] = [head.slice(0, half), head.slice(half)];
  return [
    ...angles.map((angle, i) => first[i]! * Math.cos(angle) + second[i]! * Math.sin(angle)),
    ...angles.map((angle, i) => second[i]! * Math.cos(angle) - first[i]! * Math.sin(angle)),
  ];
}

/** The course of {@linkcode positions}. */
export interface PositionsTrace {
  /** The query, turned. */
  readonly query: readonly number[];
  /** The key, turned. */
  readonly key: readonly number[];
  /** The share of each arrow in the score. */
  readonly products: readonly number[];
  /** Their sum: q · k. */
  readonly score: number;
}

/**
 * The score of a query at one place and a key at another: it depends on their distance only.
 *
 * @param places Of the query, and of the key.
 *
 * @example
 * ```ts
 * import { positions } from "./positions.ts";
 *
 * const [near, far] = [positions([5, 3]), positions([25, 23])];
 * if (Math.abs(near.score - far.score) > 1e-12) throw new Error("the distance is 2 in both");
 * ```
 */
export function positions(
  [asks, answers]: readonly [number, number],
  query: readonly number[] = [1, 1, 0, 0],
  key: readonly number[] = [1, 1, 0, 0],
): PositionsTrace {
  const [turnedQuery, turnedKey] = [turn(query, asks), turn(key, answers)];
  const half = query.length / 2;
  const at = (i: number) => turnedQuery[i]! * turnedKey[i]!;
  const products = Array.from({ length: half }, (_, i) => at(i) + at(i + half));
  const score = products.reduce((sum, x) => sum + x);
  return { query: turnedQuery, key: turnedKey, products, score };
}
