/** Cases of einsum, without `...` and axes of length 1. @module */

import { at, build, type ReferenceArray, sizeOf } from "../../../testing/reference_array.ts";
import { einsum } from "../../mod.ts";
import type { Case } from "./cases.ts";

/** The sum over all letters that are not in the result, element by element. */
function reference(equation: string, operands: readonly ReferenceArray[]): ReferenceArray {
  const [left, output] = equation.split("->") as [string, string];
  const terms = left.split(",");
  const lengths = new Map<string, number>();
  terms.forEach((term, i) =>
    [...term].forEach((letter, axis) => lengths.set(letter, operands[i]!.shape[axis]!))
  );
  const summed = [...lengths.keys()].filter((letter) => !output.includes(letter));
  const shape = [...output].map((letter) => lengths.get(letter)!);
  const inner = summed.map((letter) => lengths.get(letter)!);
  return build(shape, (index) => {
    let sum = 0;
    for (let place = 0; place < sizeOf(inner); place++) {
      const letters = new Map([...output].map((letter, i) => [letter, index[i]!]));
      let rest = place;
      for (const [i, letter] of summed.entries()) {
        letters.set(letter, rest % inner[i]!);
        rest = Math.floor(rest / inner[i]!);
      }
      sum += operands.reduce(
        (product, operand, i) =>
          product * at(operand, [...terms[i]!].map((letter) => letters.get(letter)!)),
        1,
      );
    }
    return sum;
  });
}

const equations: readonly (readonly [equation: string, ...shapes: number[][]])[] = [
  ["ij,jk->ik", [3, 4], [4, 2]],
  ["bij,bkj->bik", [2, 3, 4], [2, 2, 4]],
  ["bi,bi->b", [3, 5], [3, 5]],
  ["i,j->ij", [3], [4]],
  ["ij->ji", [2, 5]],
  ["iji->j", [3, 2, 3]],
  ["ii->", [4, 4]],
  ["aij,jk,ka->ai", [2, 3, 2], [2, 4], [4, 2]],
  ["ij,j->i", [0, 3], [3]],
];

export const einsumCases: readonly Case[] = equations.map(([equation, ...shapes]): Case => ({
  name: `einsum ${equation} ${shapes.map((shape) => `[${shape}]`).join(" ")}`,
  inputs: shapes.map((shape) => ({ shape, filling: "normal" })),
  run: (operands) => einsum(equation, operands),
  reference: (operands) => reference(equation, operands),
  differentiable: true,
}));
