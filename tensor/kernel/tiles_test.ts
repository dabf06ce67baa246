import { assert, assertEquals } from "@std/assert";
import { type Axis, cutIntoTiles } from "./programs.ts";

const lengths = (axes: readonly Axis[]): number[] => axes.map((axis) => axis.length);

/** The positions of every element of every operand, sorted. */
function places(axes: readonly Axis[]): string[] {
  let all: number[][] = [axes[0]!.strides.map(() => 0)];
  for (const { length, strides } of axes) {
    all = all.flatMap((place) =>
      Array.from({ length }, (_, i) => place.map((at, k) => at + i * strides[k]!))
    );
  }
  return all.map((place) => place.join()).sort();
}

const transposed = (rows: number, columns: number): Axis[] => [
  { length: rows, strides: [columns, 1] },
  { length: columns, strides: [1, rows] },
];

Deno.test("a matrix that is read across is tiled, with sides that divide its own", () => {
  assertEquals(lengths(cutIntoTiles(transposed(100, 300))), [10, 15, 10, 20]);
  assertEquals(places(cutIntoTiles(transposed(100, 300))), places(transposed(100, 300)));
  assertEquals(lengths(cutIntoTiles(transposed(16, 3200))), [16, 16, 200]);
});

Deno.test("an axis between the two tiled ones stays outside of the tiles", () => {
  const [run, crossing] = transposed(64, 256) as [Axis, Axis];
  const between = { length: 3, strides: [64 * 256, 64 * 256] };
  const tiles = cutIntoTiles([run, between, crossing]);
  assertEquals(lengths(tiles), [16, 16, 4, 3, 16]);
  assertEquals(places(tiles), places([run, between, crossing]));
});

Deno.test("sizes without a suitable divisor, few elements and contiguous rows are not tiled", () => {
  const bias = [{ length: 4096, strides: [1, 1] }, { length: 100, strides: [4096, 0] }];
  const scale = [{ length: 4096, strides: [1, 0] }, { length: 100, strides: [4096, 1] }];
  const empty = [{ length: 0, strides: [300, 1] }, { length: 300, strides: [1, 0] }];
  for (const axes of [transposed(101, 300), transposed(300, 101), transposed(20, 30)]) {
    assert(cutIntoTiles(axes) === axes, `expected that ${lengths(axes)} stay as they are`);
  }
  for (const axes of [bias, scale, empty, []]) assert(cutIntoTiles(axes) === axes);
});
