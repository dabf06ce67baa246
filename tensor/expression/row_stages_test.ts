import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { differentiate } from "./differentiate.ts";
import { evaluate } from "./evaluate.ts";
import * as ex from "./expression.ts";
import { defineProgram, type Program } from "./program.ts";
import { type RowPart, stagesOf } from "./row_stages.ts";

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
  const varies = [...program.perRow.map((perRow) => !perRow), ...program.outputVaries];
  const outputs = program.outputVaries.map((v) => new Float64Array(v ? rows * columns : rows));
  const results: Float64Array[] = [];
  const runPart = ({ program, used }: RowPart, first: number, length: number) => {
    const operands = used.map((index) => {
      if (index >= varies.length) return results[index - varies.length]!;
      const whole = [...inputs, ...outputs][index]!;
      return varies[index] ? columnsOf(whole, columns, first, length) : whole;
    });
    return evaluate(program, rows, length, operands, [...scalars, first, columns]);
  };
  const { reductions, resultCount, perElement, perRow } = stagesOf(program);
  const firsts = Array.from({ length: Math.ceil(columns / most) }, (_, i) => i * most);
  const lengthAt = (first: number) => Math.min(most, columns - first);
  for (const { piece, combine } of reductions) {
    const partials = firsts.map((first) => runPart(piece, first, lengthAt(first)));
    const byReduction = combine.inputs.map((_, i) =>
      Float64Array.from(
        { length: rows * firsts.length },
        (_, j) => partials[j % firsts.length]![i]![Math.floor(j / firsts.length)]!,
      )
    );
    results.push(...evaluate(combine, rows, firsts.length, byReduction, []));
  }
  assertEquals(results.length, resultCount);
  for (const first of perElement === null ? [] : firsts) {
    const given = runPart(perElement!, first, lengthAt(first)).values();
    outputs.forEach((output, i) => {
      if (!program.outputVaries[i]) return;
      const some = given.next().value!;
      some.forEach((value, j) => {
        const [row, column] = [Math.floor(j / lengthAt(first)), j % lengthAt(first)];
        output[row * columns + first + column] = value;
      });
    });
  }
  const given = (perRow === null ? [] : runPart(perRow, 0, columns)).values();
  return outputs.map((output, i) => program.outputVaries[i] ? output : given.next().value!);
}

function columnsOf(x: Float64Array, columns: number, first: number, length: number): Float64Array {
  return x.filter((_, i) => i % columns >= first && i % columns < first + length);
}

const numbers = (count: number, seed: number) =>
  Float64Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233) * 1.7);

for (const program of programs) {
  Deno.test(`${program.name} of rows in pieces equals that of whole rows`, () => {
    const [rows, columns] = [3, 10];
    const inputs = program.perRow.map((perRow, i) =>
      perRow ? Float64Array.of(2, 0, 9) : numbers(rows * columns, i + 1)
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
    if (program.perRow[0]) return;
    for (const [special, place] of [[NaN, 4], [Infinity, 17], [-Infinity, 29]] as const) {
      inputs[0]![place] = special;
      check();
    }
  });
}

Deno.test("per-row values are computed once, not for every piece", () => {
  const { perElement, perRow, reductions } = stagesOf(smallestAndChosen);
  assertEquals(reductions.length, 1);
  assertEquals(reductions[0]!.combine.outputs.length, 2);
  assertEquals([perElement!.program.outputs.length, perRow!.program.outputs.length], [1, 2]);
  // The per-row input and both results; nothing of the row itself.
  assertEquals(perRow!.used, [1, 5, 6]);
});

Deno.test("a stage that reads no element of the row gets the piece's length from an operand", () => {
  const { piece } = stagesOf(countsAndPlaces).reductions[0]!;
  assert(piece.program.perRow.includes(false));
});
