/** Cases of cross-entropy, from logits and fused with the linear layer. @module */

import {
  at,
  matmulReference,
  type ReferenceArray,
  sizeOf,
} from "../../../testing/reference_array.ts";
import {
  crossEntropy,
  linearCrossEntropy,
  type LinearCrossEntropyOptions,
  type Reduction,
} from "../../mod.ts";
import type { Case, CaseInput } from "./cases.ts";

const input = (shape: readonly number[], filling: CaseInput["filling"]): CaseInput => ({
  shape,
  filling,
});

const add = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

export function logSumExpLine(line: readonly number[]): number {
  const largest = Math.max(...line);
  return largest + Math.log(add(line.map((x) => Math.exp(x - largest))));
}

function lossOf(line: readonly number[], target: number, cap: number | undefined): number {
  if (target === -1) return 0;
  const logits = cap === undefined ? line : line.map((x) => cap * Math.tanh(x / cap));
  return logSumExpLine(logits) - logits[target]!;
}

function reference(
  logits: ReferenceArray,
  targets: ReferenceArray,
  reduction: Reduction,
  softcap: number | undefined,
): ReferenceArray {
  const classes = logits.shape.at(-1)!;
  const losses = Array.from(
    targets.data,
    (target, row) =>
      lossOf([...logits.data.slice(row * classes, (row + 1) * classes)], target, softcap),
  );
  if (reduction === "none") return { shape: targets.shape, data: Float64Array.from(losses) };
  const counted = targets.data.filter((target) => target !== -1).length;
  const total = add(losses) / (reduction === "mean" ? counted : 1);
  return { shape: [], data: Float64Array.of(total) };
}

const variants = (["mean", "sum", "none"] as const).flatMap((reduction) =>
  [undefined, 2].map((softcap) => ({
    reduction,
    softcap,
    name: `${reduction}${softcap ? " capped" : ""}`,
    options: softcap ? { reduction, softcap } : { reduction },
  }))
);

const ofLogits = [[6, 5], [2, 3, 5], [1, 4], [0, 4], [3, 1001]].flatMap((shape) =>
  variants.map(({ name, options, reduction, softcap }): Case => ({
    name: `crossEntropy [${shape}] ${name}`,
    inputs: [input(shape, "normal"), input(shape.slice(0, -1), "classes")],
    run: ([x, targets]) => crossEntropy(x!, targets!, options),
    reference: ([x, targets]) => reference(x!, targets!, reduction, softcap),
    differentiable: sizeOf(shape) > 0,
  }))
);

/** Rows, width, rows of the weight, and options. */
const linear: (readonly [number[], number, number, LinearCrossEntropyOptions])[] = [
  [[6], 3, 5, {}],
  [[2, 3], 3, 5, {}],
  [[7], 5, 9, { classes: 6 }],
  [[1], 1, 4, {}],
  [[0], 3, 4, {}],
  [[5], 8, 1001, { classes: 997 }],
];

const ofHidden = linear.flatMap(([rows, width, padded, special]) =>
  variants.map(({ name, options, reduction, softcap }): Case => ({
    name: `linearCrossEntropy [${rows}, ${width}] by [${padded}, ${width}] ${name}`,
    inputs: [
      input([...rows, width], "normal"),
      input([padded, width], "normal"),
      input(rows, "classes"),
    ],
    run: ([x, weight, targets]) =>
      linearCrossEntropy(x!, weight!, targets!, { ...options, ...special }),
    reference: ([x, weight, targets]) => {
      const { classes = padded } = special;
      const count = sizeOf(rows);
      const logits = matmulReference(
        { shape: [count, width], data: x!.data },
        transposed(weight!, classes),
      );
      return reference(logits, targets!, reduction, softcap);
    },
    differentiable: sizeOf(rows) > 0,
  }))
);

/** Classes and probabilities as targets, with weights and smoothing, of which all have gradients. */
const weighted = (["mean", "sum", "none"] as const).flatMap((reduction) =>
  [[6, 5], [2, 3, 4], [1, 2]].flatMap((shape) =>
    [true, false].map((isSoft): Case => {
      const rows = shape.slice(0, -1);
      const classes = shape.at(-1)!;
      const labelSmoothing = isSoft ? 0.1 : 0.25;
      return {
        name: `crossEntropy [${shape}] ${isSoft ? "of probabilities" : "weighted"} ${reduction}`,
        inputs: [
          input(shape, "normal"),
          isSoft ? input(shape, "positive") : input(rows, "classes"),
          input([classes], "positive"),
        ],
        run: ([x, targets, weight]) =>
          crossEntropy(x!, targets!, { weight, labelSmoothing, reduction }),
        reference: ([x, targets, weight]) => {
          const losses = Array.from({ length: sizeOf(rows) }, (_, row) => {
            if (!isSoft && targets!.data[row] === -1) return 0;
            const line = [...x!.data.slice(row * classes, (row + 1) * classes)];
            return add(line.map((logit, c) => {
              const isTarget = Number(targets!.data[row] === c);
              const target = isSoft ? targets!.data[row * classes + c]! : isTarget;
              const share = (1 - labelSmoothing) * target + labelSmoothing / classes;
              return weight!.data[c]! * share * (logSumExpLine(line) - logit);
            }));
          });
          if (reduction === "none") return { shape: rows, data: Float64Array.from(losses) };
          const total = isSoft
            ? losses.length
            : add([...targets!.data].map((target) => weight!.data[target] ?? 0));
          return {
            shape: [],
            data: Float64Array.of(add(losses) / (reduction === "sum" ? 1 : total)),
          };
        },
        differentiable: true,
      };
    })
  )
);

function transposed(matrix: ReferenceArray, rows: number): ReferenceArray {
  const columns = matrix.shape[1]!;
  const data = Float64Array.from(
    { length: rows * columns },
    (_, i) => at(matrix, [i % rows, Math.floor(i / rows)]),
  );
  return { shape: [columns, rows], data };
}

export const lossCases: readonly Case[] = [...ofLogits, ...ofHidden, ...weighted];
