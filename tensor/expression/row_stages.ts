/**
 * Splits a row program into stages, for rows that are cut into parts. Softmax becomes: the maximum of
 * the parts so far, the sum of the parts so far, and the elements.
 *
 * @module
 */

import { memoize } from "../memoize.ts";
import * as ex from "./expression.ts";
import type { Expression } from "./expression.ts";
import { floatInput, makeProgram, type Program, reductionPasses } from "./program.ts";
import { pruneInputs } from "./prune.ts";
import { replaceParts } from "./rebuild.ts";

/**
 * A program that runs on the parts of each row in ascending order. Two scalars follow those of the
 * whole program: where the part begins in the row, and the length of the whole row.
 */
export interface RowStage {
  readonly program: Program;
  /**
   * Indices of what it reads: the inputs of the whole program, its outputs, and the results of its
   * reductions (one per row). Of an output only the length matters.
   */
  readonly reads: readonly number[];
  /** Indices of what it writes: results, with which later parts are combined, or outputs. */
  readonly writes: readonly number[];
}

export interface RowStages {
  readonly stages: readonly RowStage[];
  /** Number of reductions. */
  readonly resultCount: number;
}

/**
 * Splits a row program into stages.
 *
 * @example A sum of squares
 * ```ts
 * import { evaluate } from "./testing/evaluate.ts";
 * import { rowSum, square } from "./expression.ts";
 * import { defineProgram } from "./program.ts";
 * import { stagesOf } from "./row_stages.ts";
 *
 * const norm = defineProgram({ name: "norm", inputs: ["x"] }, ({ x }) => [rowSum(square(x))]);
 * const { program } = stagesOf(norm).stages[0]!;
 * const nothing = new Float64Array(1);
 * const [first] = evaluate(program, 1, 2, [Float64Array.of(1, 2), nothing], [0, 3]);
 * const [sum] = evaluate(program, 1, 1, [Float64Array.of(3), first!], [2, 3]);
 * if (sum![0] !== 14) throw new Error("expected 1 + 4 + 9");
 * ```
 */
export const stagesOf: (program: Program) => RowStages = memoize(makeStages);

function makeStages(program: Program): RowStages {
  const { inputs, outputs, outputVaries, scalars } = program;
  const passes = reductionPasses(program);
  const results = passes.flat();
  const firstResult = inputs.length + outputs.length;
  const [begin, length] = [ex.scalar(scalars.length), ex.scalar(scalars.length + 1)];
  const replace = (e: Expression): Expression | null => {
    switch (e.kind) {
      case "columnIndex":
        return ex.add(ex.columnIndex, begin);
      case "rowLength":
        return length;
      case "reduce":
        return ex.input(firstResult + results.indexOf(e), true);
      default:
        return null;
    }
  };
  const outputsThat = (vary: boolean): readonly RowStage[] => {
    const some = outputs.flatMap((_, i) => outputVaries[i] === vary ? [i] : []);
    if (some.length === 0) return [];
    const formulas = replaceParts(some.map((i) => outputs[i]!), replace);
    return [makeStage(program, results.length, formulas, some.map((i) => inputs.length + i))];
  };
  return {
    stages: [
      ...passes.map((pass) => {
        const operands = replaceParts(pass.map((e) => e.a), replace);
        const places = pass.map((e) => firstResult + results.indexOf(e));
        const formulas = pass.map(({ operation }, i) => {
          const ofPart = ex.reduce(operation, operands[i]!);
          const ofBoth = COMBINE[operation](ex.input(places[i]!, true), ofPart);
          return ex.select(ex.equal(begin, 0), ofPart, ofBoth);
        });
        return makeStage(program, results.length, formulas, places);
      }),
      ...outputsThat(true),
      // Last, because these may be written over what the elements depend on.
      ...outputsThat(false),
    ],
    resultCount: results.length,
  };
}

const COMBINE = { sum: ex.add, max: ex.max, min: ex.min };

function makeStage(
  program: Program,
  resultCount: number,
  formulas: readonly Expression[],
  writes: readonly number[],
): RowStage {
  const { outputVaries, scalars } = program;
  const inputs = [
    ...program.inputs,
    ...outputVaries.map((varies, i) => floatInput(`output ${i}`, !varies)),
    ...Array.from({ length: resultCount }, (_, i) => floatInput(`reduction ${i}`, true)),
  ];
  const all = makeProgram({
    ...program,
    inputs,
    scalars: [...scalars, "begin", "length"],
    outputs: formulas,
  });
  const { program: own, used } = pruneInputs(all);
  return { program: own, reads: used, writes };
}
