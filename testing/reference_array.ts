/** Double-precision arrays for simple reference implementations. */

export interface ReferenceArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((size, length) => size * length, 1);

/** Calls `use` with every index of a shape, in row-major order. */
export function forEachIndex(
  shape: readonly number[],
  use: (index: readonly number[], position: number) => void,
): void {
  const size = sizeOf(shape);
  const index = shape.map(() => 0);
  for (let position = 0; position < size; position++) {
    use(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The element at an index of a shape that the array is broadcast to. */
export function at(array: ReferenceArray, index: readonly number[]): number {
  const skip = index.length - array.shape.length;
  let position = 0;
  array.shape.forEach((length, axis) => {
    position = position * length + (length === 1 ? 0 : index[axis + skip]!);
  });
  return array.data[position]!;
}

/** Creates an array by computing each element from its index. */
export function build(
  shape: readonly number[],
  element: (index: readonly number[]) => number,
): ReferenceArray {
  const data = new Float64Array(sizeOf(shape));
  forEachIndex(shape, (index, position) => data[position] = element(index));
  return { shape, data };
}

export function broadcast(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const lengths = shapes.map((shape) => shape[shape.length - rank + axis] ?? 1);
    return lengths.find((length) => length !== 1) ?? 1;
  });
}

export function map(
  f: (...values: number[]) => number,
  ...arrays: ReferenceArray[]
): ReferenceArray {
  return build(
    broadcast(...arrays.map(({ shape }) => shape)),
    (index) => f(...arrays.map((array) => at(array, index))),
  );
}

/** Reduces along axes: `reduce` gets the elements of each group, in order. */
export function reduceAxes(
  array: ReferenceArray,
  axes: readonly number[],
  keepAxes: boolean,
  reduce: (values: number[]) => number,
): ReferenceArray {
  const along = axes.map((axis) => axis < 0 ? axis + array.shape.length : axis);
  const kept = array.shape.map((length, axis) => along.includes(axis) ? 1 : length);
  const inner = array.shape.map((length, axis) => along.includes(axis) ? length : 1);
  const result = build(kept, (outer) => {
    const values: number[] = [];
    forEachIndex(inner, (index) => values.push(at(array, index.map((i, a) => i + outer[a]!))));
    return reduce(values);
  });
  const shape = keepAxes ? kept : array.shape.filter((_, axis) => !along.includes(axis));
  return { shape, data: result.data };
}

/** Maps each line along an axis to a line of the same length. */
export function mapLines(
  array: ReferenceArray,
  axis: number,
  f: (line: readonly number[]) => readonly number[],
): ReferenceArray {
  const along = axis < 0 ? axis + array.shape.length : axis;
  const length = array.shape[along]!;
  const result = { shape: array.shape, data: new Float64Array(array.data.length) };
  const positionOf = (index: readonly number[]) =>
    index.reduce((position, i, a) => position * array.shape[a]! + i, 0);
  forEachIndex(array.shape.with(along, Math.min(1, length)), (index) => {
    const positions = Array.from({ length }, (_, i) => positionOf(index.with(along, i)));
    const line = f(positions.map((position) => array.data[position]!));
    positions.forEach((position, i) => result.data[position] = line[i]!);
  });
  return result;
}

/** Matmul of the last two axes, with broadcast batches. */
export function matmulReference(
  a: ReferenceArray,
  b: ReferenceArray,
  transposeA = false,
  transposeB = false,
): ReferenceArray {
  const [rows, inner] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return build([...batch, rows!, columns], (index) => {
    const outer = index.slice(0, -2);
    const [i, j] = index.slice(-2) as [number, number];
    let sum = 0;
    for (let k = 0; k < inner!; k++) {
      const left = at(a, [...outer, ...(transposeA ? [k, i] : [i, k])]);
      sum += left * at(b, [...outer, ...(transposeB ? [j, k] : [k, j])]);
    }
    return sum;
  });
}
