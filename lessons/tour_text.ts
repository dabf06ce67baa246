/** Numbers and tables of the tour, in plain text. @module */

/** Formats a number with at most `digits` decimals, without trailing zeros. */
export function formatNumber(x: number, digits = 4): string {
  const text = `${Number(x.toFixed(digits))}`;
  return text === "-0" ? "0" : text;
}

/** Aligns rows of text in columns: the first `left` columns to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    "  " + row.map((cell, i) => i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("  ").trimEnd()
  );
}

/** A text in lines of at most 80 columns. */
export function paragraph(text: string): string[] {
  return text.match(/\S.{0,79}(?=\s|$)/g) ?? [];
}
