/** Non-negative least squares for few coefficients. */

/**
 * Solves min ‖rows · x − targets‖² subject to x ≥ 0.
 *
 * It solves the unconstrained problem for each subset of the columns and returns the best solution
 * without negative coefficients. That is the optimum, because the nonzero coefficients of the optimum
 * solve the unconstrained problem of their subset.
 *
 * @param rows One row for each target, with at most a dozen columns.
 * @param targets The right-hand side.
 * @throws {RangeError} If there are fewer rows than columns, or rows differ in length.
 */
export function nonNegativeLeastSquares(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
): number[] {
  const columns = rows[0]?.length ?? 0;
  if (rows.length < columns || rows.length !== targets.length) {
    throw new RangeError(
      `Cannot fit: wanted at least ${columns} rows and a target for each, got ${rows.length} rows ` +
        `and ${targets.length} targets`,
    );
  }
  const ragged = rows.find((row) => row.length !== columns);
  if (ragged !== undefined) {
    throw new RangeError(`Cannot fit: wanted rows of ${columns} numbers, got ${ragged.length}`);
  }
  // Columns of equal norm keep the normal equations well conditioned.
  const sizes = Array.from(
    { length: columns },
    (_, j) => Math.hypot(...rows.map((row) => row[j]!)),
  );
  const scaled = rows.map((row) => row.map((value, j) => sizes[j] === 0 ? 0 : value / sizes[j]!));
  let best = { coefficients: new Array<number>(columns).fill(0), error: sumOfSquares(targets) };
  for (let subset = 1; subset < 2 ** columns; subset++) {
    const chosen = sizes.flatMap((size, j) => (subset >> j & 1) === 1 && size > 0 ? [j] : []);
    const solution = solveNormal(scaled.map((row) => chosen.map((j) => row[j]!)), targets);
    if (solution === null || solution.some((value) => value < 0)) continue;
    const coefficients = new Array<number>(columns).fill(0);
    chosen.forEach((j, i) => coefficients[j] = solution[i]!);
    const error = sumOfSquares(scaled.map((row, i) => dot(row, coefficients) - targets[i]!));
    if (error < best.error) best = { coefficients, error };
  }
  return best.coefficients.map((value, j) => sizes[j] === 0 ? 0 : value / sizes[j]!);
}

/** Solves `rowsᵀ rows x = rowsᵀ targets` by Gaussian elimination; `null` if it is singular. */
function solveNormal(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
): number[] | null {
  const count = rows[0]!.length;
  const matrix = Array.from({ length: count }, (_, i) => [
    ...Array.from(
      { length: count },
      (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0),
    ),
    rows.reduce((sum, row, k) => sum + row[i]! * targets[k]!, 0),
  ]);
  for (let i = 0; i < count; i++) {
    const rest = matrix.slice(i);
    const pivot = i +
      rest.indexOf(rest.reduce((a, b) => Math.abs(b[i]!) > Math.abs(a[i]!) ? b : a));
    [matrix[i], matrix[pivot]] = [matrix[pivot]!, matrix[i]!];
    const row = matrix[i]!;
    if (Math.abs(row[i]!) < 1e-12) return null;
    for (const other of matrix) {
      if (other === row) continue;
      const factor = other[i]! / row[i]!;
      for (let j = i; j <= count; j++) other[j]! -= factor * row[j]!;
    }
  }
  return matrix.map((row, i) => row[count]! / row[i]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function sumOfSquares(values: readonly number[]): number {
  return dot(values, values);
}
