/** Formats tensors as text. @module */

/** Number of elements shown at each end of a long axis. */
const EDGE = 3;

/**
 * Formats an array as nested brackets: integers exactly, other numbers with at most six significant
 * digits, and axes of more than six elements abbreviated.
 */
export function formatArray(data: ArrayLike<number>, shape: readonly number[]): string {
  const formatNumber = data instanceof Int32Array
    ? String
    : (value: number) => String(Number(value.toPrecision(6)));
  const format = (axis: number, offset: number): string => {
    if (axis === shape.length) return formatNumber(data[offset]!);
    const length = shape[axis]!;
    const step = shape.slice(axis + 1).reduce((size, each) => size * each, 1);
    const at = (i: number) => format(axis + 1, offset + i * step);
    const parts = length <= 2 * EDGE ? Array.from({ length }, (_, i) => at(i)) : [
      ...Array.from({ length: EDGE }, (_, i) => at(i)),
      "…",
      ...Array.from({ length: EDGE }, (_, i) => at(length - EDGE + i)),
    ];
    const isInner = axis === shape.length - 1;
    return `[${parts.join(isInner ? ", " : ",\n" + " ".repeat(axis + 1))}]`;
  };
  return format(0, 0);
}
