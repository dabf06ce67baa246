/**
 * Synthetic points in the plane with a label of 0 or 1, which the network of section 8 learns.
 *
 * @module
 */

import { childSeed, randomUniform } from "../../autograd/random.ts";

/** The synthetic sets. */
export const pointSets = ["clouds", "circle", "xor", "spiral"] as const;
/** The name of a set; `own` are points that the reader placed. */
export type PointSet = typeof pointSets[number] | "own";

/** A point: x and y from −1 to 1, and its label. */
export type Point = readonly [x: number, y: number, label: 0 | 1];

/** The inputs that a network may see of a point: functions of its two coordinates. */
export const features = {
  x: (x: number, _y: number): number => x,
  y: (_x: number, y: number): number => y,
  xx: (x: number, _y: number): number => x * x,
  yy: (_x: number, y: number): number => y * y,
  xy: (x: number, y: number): number => x * y,
  sinx: (x: number, _y: number): number => Math.sin(4 * x),
  siny: (_x: number, y: number): number => Math.sin(4 * y),
} as const;
/** The name of an input. */
export type Feature = keyof typeof features;

/** Rows and columns of the map of outputs. */
export const GRID = 48;
/** Rows and columns of the map of one neuron. */
export const SMALL_GRID = 16;

/** The corners of the plane that is shown. */
export function bounds(set: PointSet): readonly [least: number, most: number] {
  return set === "xor" ? [-0.5, 1.5] : [-1.1, 1.1];
}

/** A number of a normal distribution: the sum of twelve uniform ones, less 6. */
function normal(seed: number, index: number): number {
  return Array.from({ length: 12 }, (_, i) => randomUniform(seed, 12 * index + i))
    .reduce((sum, x) => sum + x) - 6;
}

const rules: Readonly<Record<typeof pointSets[number], (seed: number, i: number) => Point>> = {
  clouds: (seed, i) => {
    const side = i % 2 === 0 ? -0.4 : 0.4;
    return [
      side + 0.18 * normal(seed, 2 * i),
      side + 0.18 * normal(seed, 2 * i + 1),
      i % 2 as 0 | 1,
    ];
  },
  circle: (seed, i) => {
    const angle = 2 * Math.PI * randomUniform(seed, 2 * i);
    const radius = 0.4 * randomUniform(seed, 2 * i + 1) + (i % 2 === 0 ? 0 : 0.55);
    return [radius * Math.cos(angle), radius * Math.sin(angle), i % 2 as 0 | 1];
  },
  // The four rows of the README's example.
  xor: (_, i) => [i >> 1 & 1, i & 1, ((i >> 1 ^ i) & 1) as 0 | 1],
  spiral: (seed, i) => {
    const at = (i >> 1) / 100;
    const angle = 1.75 * at * 2 * Math.PI + (i % 2) * Math.PI;
    const noise = (index: number) => 0.02 * normal(seed, index);
    return [
      0.9 * at * Math.sin(angle) + noise(2 * i),
      0.9 * at * Math.cos(angle) + noise(2 * i + 1),
      i % 2 as 0 | 1,
    ];
  },
};

/**
 * Makes a set of points: 4 for `xor`, 200 for the others. The same seed makes the same points.
 *
 * @param noise How far points are off their places: the standard deviation of each coordinate.
 *
 * @example
 * ```ts
 * import { makePoints } from "./points.ts";
 *
 * const rows = makePoints("xor", 1).map((point) => point.join(" ")).join(", ");
 * if (rows !== "0 0 0, 0 1 1, 1 0 1, 1 1 0") throw new Error(rows);
 * ```
 */
export function makePoints(set: typeof pointSets[number], seed: number, noise = 0): Point[] {
  const count = set === "xor" ? 4 : 200;
  const off = (index: number) => noise === 0 ? 0 : noise * normal(childSeed(seed, 2), index);
  return Array.from({ length: count }, (_, i) => {
    const [x, y, label] = rules[set](childSeed(seed, 1), i);
    return [x + off(2 * i), y + off(2 * i + 1), label];
  });
}
