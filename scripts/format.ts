/** Formatting numbers for people. */

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Three significant digits and a letter: `26.2 M`, `1.85 T`. */
export function short(value: number): string {
  const steps = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const;
  // 999,999 is 1.00 M, not 1.00e+3 k.
  const rounded = Number(value.toPrecision(3));
  const [size, letter] = steps.find(([size]) => rounded >= size) ?? [1, ""];
  return `${(rounded / size).toPrecision(3)} ${letter}`.trimEnd();
}

/** Bytes in units of 1,024: `36.5 MiB`. */
export function bytes(value: number): string {
  if (value < 1024) return `${value} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let [amount, power] = [value / 1024, 0];
  // 1,048,575 bytes are 1.0 MiB, not 1024.0 KiB.
  while (amount >= 1023.95 && power < units.length - 1) {
    [amount, power] = [amount / 1024, power + 1];
  }
  return `${amount.toFixed(1)} ${units[power]}`;
}

/** `9.3 s`, `6:45`, `2:03:09` */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => `${value}`.padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `48 %` */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** Formats rows of cells: the first column to the left, others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n");
}
