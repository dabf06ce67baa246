/** A bar chart of comparisons, as SVG. */

import { escapeXml, svgDocument } from "../gpt/files/svg.ts";
import { format, type Row } from "./results.ts";

export interface Bar {
  readonly label: string;
  readonly row: Row;
}

/**
 * Draws two bars for each comparison: the best of the other libraries, which has the same length
 * everywhere, and nanodino, so many times as long as it is faster.
 *
 * @throws {Error} If a row is not a speed, or was not compared.
 */
export function comparisonChart(title: string, bars: readonly Bar[]): string {
  const compared = bars.map(({ label, row }) => {
    const other = fastestOther(row);
    if (other === null || row.ratio === null) {
      throw new Error(
        `Cannot draw "${row.name}": wanted a speed compared with another's, got none`,
      );
    }
    return { label, row, other, ratio: row.ratio };
  });
  const [width, left, rowHeight, top] = [880, 300, 44, 48];
  // Room for the text after the longest bar.
  const unit = (width - left - 220) / Math.max(1, ...compared.map(({ ratio }) => ratio));
  const bar = (kind: string, y: number, times: number, text: string) => {
    const length = Math.round(10 * unit * times) / 10;
    return [
      `<rect class="${kind}" x="${left}" y="${y}" width="${length}" height="15"/>`,
      `<text x="${left + length + 8}" y="${y + 12}">${escapeXml(text)}</text>`,
    ];
  };
  const body = compared.flatMap(({ label, row, other, ratio }, i) => {
    const y = top + rowHeight * i;
    const ours = `nanodino ${format(row.ours.value)} ${row.unit}, ${format(ratio)} ×`;
    return [
      `<text x="${left - 12}" y="${y + 21}" text-anchor="end" font-size="13">` +
      `${escapeXml(label)}</text>`,
      ...bar("accent", y, ratio, ours),
      ...bar("other", y + 16, 1, `${other.library} ${format(other.value)}`),
    ];
  });
  const size = { width, height: top + rowHeight * compared.length + 8 };
  const summary = compared.map(({ label, ratio, other }) =>
    `${label}: ${format(ratio)} × ${other.library}`
  );
  return svgDocument(size, `${title}. ${summary.join("; ")}`, [
    `<text x="24" y="28" font-size="15">${escapeXml(title)}</text>`,
    ...body,
  ]);
}

function fastestOther({ others, unit }: Row): { library: string; value: number } | null {
  if (!unit.endsWith("/s")) return null;
  const measured = others.flatMap(({ library, value }) =>
    value === null ? [] : [{ library, value }]
  );
  return measured.toSorted((a, b) => b.value - a.value)[0] ?? null;
}
