import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { differentiate } from "./differentiate.ts";
import { evaluate } from "./testing/evaluate.ts";
import * as ex from "./expression.ts";
import { defineProgram, type Program } from "./program.ts";
import { stagesOf } from "./row_stages.ts";

const softmax = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
  const e = ex.exp(ex.subtract(x, ex.detach(ex.rowMax(x))));
  return [ex.divide(e, ex.rowSum(e))];
});
const layerNorm = defineProgram(
  { name: "layerNorm", inputs: ["x", "weight"], scalars: ["epsilon"] },
  ({ x, weight, epsilon }) => {
    const distance = ex.subtract(x, ex.rowMean(x));
    const variance = ex.rowMean(ex.square(distance));
    return [ex.multiply(weight, ex.divide(distance, ex.sqrt(ex.add(variance, epsilon))))];
  },
);
const firstLargest = defineProgram({ name: "argmax", inputs: ["x"] }, ({ x }) => [
  ex.rowMin(ex.select(ex.equal(x, ex.rowMax(x)), ex.columnIndex, ex.rowLength)),
]);
const smallestAndChosen = defineProgram(
  { name: "smallest and chosen", inputs: ["x", "at"], perRow: ["at"] },
  ({ x, at }) => [
    ex.rowMin(x),
    ex.subtract(x, ex.rowMin(x)),
    ex.multiply(at, ex.rowSum(ex.select(ex.equal(ex.columnIndex, at), x, 0))),
  ],
);
const countsAndPlaces = defineProgram(
  { name: "counts and places", inputs: ["y"], perRow: ["y"] },
  ({ y }) => [
    ex.divide(ex.columnIndex, ex.rowSum(ex.add(ex.columnIndex, y))),
    ex.broadcast(ex.add(ex.rowSum(y), ex.rowMax(y))),
  ],
);
const doubled = defineProgram(
  { name: "doubled", inputs: ["x", "y"], perRow: ["y"] },
  ({ x, y }) => [
    ex.add(x, ex.add(y, ex.rowLength)),
  ],
);

const programs: readonly Program[] = [
  ...[softmax, layerNorm, firstLargest, smallestAndChosen, countsAndPlaces, doubled],
  ...[softmax, layerNorm, smallestAndChosen].map((program) =>
    differentiate(program, program.inputs.map(() => true))
  ),
];

/** The outputs of a program whose rows are cut into pieces of this length. */
function inPieces(
  program: Program,
  rows: number,
  columns: number,
  inputs: readonly Float64Array[],
  scalars: readonly number[],
  most: number,
): Float64Array[] {
  const varies = [...program.inputs.map(({ isPerRow }) => !isPerRow), ...program.outputVaries];
  const outputs = program.outputVaries.map((v) => new Float64Array(v ? rows * columns : rows));
  const { stages, resultCount } = stagesOf(program);
  const results = Array.from({ length: resultCount }, () => new Float64Array(rows).fill(NaN));
  const operands = [...inputs, ...outputs, ...results];
  for (const { program, reads, writes } of stages) {
    const isCut = [...reads, ...writes].some((index) => varies[index]);
    for (let first = 0; first < columns; first += isCut ? most : columns) {
      const length = isCut ? Math.min(most, columns - first) : columns;
      const given = reads.map((index) =>
        varies[index] ? columnsOf(operands[index]!, columns, first, length) : operands[index]!
      );
      evaluate(program, rows, length, given, [...scalars, first, columns]).forEach((some, i) => {
        const index = writes[i]!;
        if (!varies[index]) return operands[index]!.set(some);
        some.forEach((value, j) => {
          operands[index]![Math.floor(j / length) * columns + first + j % length] = value;
        });
      });
    }
  }
  return outputs;
}

function columnsOf(x: Float64Array, columns: number, first: number, length: number): Float64Array {
  return x.filter((_, i) => i % columns >= first && i % columns < first + length);
}

const numbers = (count: number, seed: number) =>
  Float64Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233) * 1.7);

for (const program of programs) {
  Deno.test(`${program.name} of rows in pieces equals that of whole rows`, () => {
    const [rows, columns] = [3, 10];
    const inputs = program.inputs.map(({ isPerRow }, i) =>
      isPerRow ? Float64Array.of(2, 0, 9) : numbers(rows * columns, i + 1)
    );
    // A row of ones, to which no other number is close.
    inputs[0]?.fill(1, columns, 2 * columns);
    const scalars = program.scalars.map(() => 0.125);
    const check = () => {
      const whole = evaluate(program, rows, columns, inputs, scalars);
      for (const most of [1, 3, 4, 9, 10]) {
        inPieces(program, rows, columns, inputs, scalars, most).forEach((output, o) =>
          output.forEach((value, i) => {
            const [wanted, what] = [whole[o]![i]!, `output ${o}, element ${i} by ${most}`];
            if (Number.isFinite(wanted)) assertAlmostEquals(value, wanted, 1e-12, what);
            else assertEquals(value, wanted, what);
          })
        );
      }
    };
    check();
    if (program.inputs[0]!.isPerRow) return;
    for (const [special, place] of [[NaN, 4], [Infinity, 17], [-Infinity, 29]] as const) {
      inputs[0]![place] = special;
      check();
    }
  });
}

Deno.test("per-row values are computed once, not for every piece", () => {
  const { stages, resultCount } = stagesOf(smallestAndChosen);
  assertEquals(resultCount, 2);
  // Both reductions at once, the elements, and the values per row.
  assertEquals(stages.map(({ writes }) => writes), [[5, 6], [3], [2, 4]]);
  // The per-row input and both results; nothing of the row itself.
  assertEquals(stages[2]!.reads, [1, 5, 6]);
});

Deno.test("a stage that reads no element of the row gets the piece's length from an operand", () => {
  assert(stagesOf(countsAndPlaces).stages[0]!.program.inputs.some(({ isPerRow }) => !isPerRow));
});
