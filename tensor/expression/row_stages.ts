/**
 * Splits a row program into stages, for rows that are cut into pieces. Softmax becomes: the maximum
 * of each piece, the maximum of these, the sum of each piece, the sum of these, and the elements.
 *
 * @module
 */

import * as ex from "./expression.ts";
import type { Expression, ReduceOperation } from "./expression.ts";
import { makeProgram, type Program, reductionPasses } from "./program.ts";
import { pruneInputs } from "./prune.ts";
import { replaceParts } from "./rebuild.ts";

/**
 * A program that computes part of another one on a piece of a row. Two scalars follow those of the
 * other program: the piece's start in the row, and the length of the whole row.
 */
export interface RowPart {
  readonly program: Program;
  /**
   * Indices of its operands: the inputs of the whole program, its outputs, and the results of its
   * reductions (one per row). Of an output only the length matters.
   */
  readonly used: readonly number[];
}

/** Reductions that depend only on those of earlier stages. */
export interface ReductionStage {
  /** On a piece of the row: one output per reduction. */
  readonly piece: RowPart;
  /** Combines the results of the pieces, one row per reduction. */
  readonly combine: Program;
}

export interface RowStages {
  /** Results are numbered from the first stage to the last. */
  readonly reductions: readonly ReductionStage[];
  readonly resultCount: number;
  readonly perElement: RowPart | null;
  readonly perRow: RowPart | null;
}

const known = new WeakMap<Program, RowStages>();

/**
 * Splits a row program into stages.
 *
 * @example A sum of squares
 * ```ts
 * import { evaluate } from "./evaluate.ts";
 * import { rowSum, square } from "./expression.ts";
 * import { defineProgram } from "./program.ts";
 * import { stagesOf } from "./row_stages.ts";
 *
 * const norm = defineProgram({ name: "norm", inputs: ["x"] }, ({ x }) => [rowSum(square(x))]);
 * const { piece, combine } = stagesOf(norm).reductions[0]!;
 * const [first] = evaluate(piece.program, 1, 2, [Float64Array.of(1, 2)], [0, 3]);
 * const [second] = evaluate(piece.program, 1, 1, [Float64Array.of(3)], [2, 3]);
 * const [sum] = evaluate(combine, 1, 2, [Float64Array.of(first![0]!, second![0]!)], []);
 * if (sum![0] !== 14) throw new Error("expected 1 + 4 + 9");
 * ```
 */
export function stagesOf(program: Program): RowStages {
  let stages = known.get(program);
  if (stages === undefined) known.set(program, stages = makeStages(program));
  return stages;
}

function makeStages(program: Program): RowStages {
  const { inputs, outputs, outputVaries, scalars } = program;
  const passes = reductionPasses(program).flatMap((pass) => {
    const varying = pass.filter((e) => e.a.varies);
    return varying.length === 0 ? [] : [varying];
  });
  const results = passes.flat();
  const firstResult = inputs.length + outputs.length;
  const [begin, length] = [ex.scalar(scalars.length), ex.scalar(scalars.length + 1)];
  const replace = (e: Expression, part: (e: Expression) => Expression): Expression | null => {
    switch (e.kind) {
      case "columnIndex":
        return ex.add(ex.columnIndex, begin);
      case "rowLength":
        return length;
      case "reduce":
        if (e.a.varies) return ex.input(firstResult + results.indexOf(e), true);
        // Constant along a non-empty row.
        return e.operation === "sum" ? ex.multiply(part(e.a), length) : part(e.a);
      default:
        return null;
    }
  };
  const partOf = (formulas: readonly Expression[], isCut: boolean): RowPart =>
    makePart(program, results.length, formulas, isCut);
  const outputsThat = (vary: boolean): RowPart | null => {
    const some = outputs.filter((_, i) => outputVaries[i] === vary);
    return some.length === 0 ? null : partOf(replaceParts(some, replace), vary);
  };
  return {
    reductions: passes.map((pass) => {
      const operations = pass.map((e) => e.operation);
      const operands = replaceParts(pass.map((e) => e.a), replace);
      return {
        piece: partOf(operands.map((a, i) => ex.reduce(operations[i]!, a)), true),
        combine: combineProgram(program, operations),
      };
    }),
    resultCount: results.length,
    perElement: outputsThat(true),
    perRow: outputsThat(false),
  };
}

/** @param isCut Whether it runs on pieces, and needs an operand to tell their length. */
function makePart(
  program: Program,
  resultCount: number,
  formulas: readonly Expression[],
  isCut: boolean,
): RowPart {
  const { name, inputs, outputs, scalars } = program;
  const isPerRow = [
    ...program.perRow,
    ...program.outputVaries.map((varies) => !varies),
    ...Array.from({ length: resultCount }, () => true),
  ];
  const all = makeProgram(
    name,
    [
      ...inputs,
      ...outputs.map((_, i) => `output ${i}`),
      ...Array.from({ length: resultCount }, (_, i) => `reduction ${i}`),
    ],
    isPerRow,
    [...scalars, "begin", "length"],
    formulas,
    {
      integers: isPerRow.map((_, i) => program.integers[i] ?? false),
      overIntegers: program.overIntegers,
      isRow: true,
    },
  );
  const pruned = pruneInputs(all);
  const knowsLength = pruned.program.perRow.includes(false) ||
    pruned.program.outputVaries.includes(true);
  return !isCut || knowsLength ? pruned : pruneInputs(all, [isPerRow.indexOf(false)]);
}

function combineProgram(
  { name, overIntegers }: Program,
  operations: readonly ReduceOperation[],
): Program {
  return makeProgram(
    name,
    operations.map((_, i) => `pieces ${i}`),
    operations.map(() => false),
    [],
    operations.map((operation, i) => ex.reduce(operation, ex.input(i))),
    { overIntegers },
  );
}
