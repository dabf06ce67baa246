/** The pages that show stored results: bench/RESULTS.md, the README's figures and its chart. */

import { comparisonChart } from "./chart.ts";
import { SECTIONS } from "./peers/comparisons.ts";
import { asMarkdown, format, keyOf, type Results, type Row, type Session } from "./results.ts";

export const ROOT: URL = new URL("../", import.meta.url);

/** Names under which the text of a page can show the figures of a row. */
const FIGURES: Readonly<Record<string, string>> = {
  nanochat: "cpu: `base` step, MuonAdamW, BLAS",
  pytorch: "cpu: `base` step, plain AdamW, BLAS",
  "jax-js": "cpu: step of the plain GPT, AdamW, no BLAS, jax-js",
  tensorflow: "cpu: step of the plain GPT, AdamW, no BLAS, TensorFlow.js",
};

const BARS: readonly (readonly [label: string, key: string])[] = [
  ["Training step, MuonAdamW", FIGURES.nanochat!],
  ["Training step, AdamW", FIGURES.pytorch!],
  ["Training step, plain GPT, no BLAS", FIGURES["jax-js"]!],
  ["Decoding, batch 1", "cpu: decoding, batch 1, context 256"],
  ["Decoding, batch 1, against llama.cpp", "cpu: decoding, batch 1, f32, same widths"],
  ["Prefill, 128 tokens", "cpu: prefill, 128 tokens"],
];

/**
 * Makes every page that shows results.
 *
 * @param read Reads a page as it is now, by its path below {@linkcode ROOT}.
 * @returns The pages by their paths.
 * @throws {Error} If a page names an unknown figure, or lacks the place for the tables.
 */
export async function resultPages(
  results: Results,
  read: (path: string) => Promise<string>,
): Promise<Map<string, string>> {
  const rows = new Map(
    results.sessions.flatMap(({ rows }) => rows).map((row) => [keyOf(row), row]),
  );
  const bars = BARS.map(([label, key]) => ({ label, row: rowNamed(rows, key) }));
  return new Map([
    ["README.md", fillFigures(await read("README.md"), rows)],
    [
      "bench/RESULTS.md",
      fillTables(await read("bench/RESULTS.md"), resultTables(results)),
    ],
    ["assets/speed.svg", comparisonChart("Speed on two CPU cores, more is better", bars)],
  ]);
}

/** The measurements: a heading for each session, below it a table for each section. */
export function resultTables({ sessions }: Results): string {
  return sessions.map(sessionTables).join("\n\n");
}

function sessionTables({ date, machine, versions, rows }: Session): string {
  const list = (facts: Readonly<Record<string, string | number>>) =>
    Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");
  const sections = Object.entries(SECTIONS).flatMap(([title, comparisons]) => {
    const keys = comparisons.flatMap((comparison) =>
      comparison.quantities.map(({ name }) => keyOf({ ...comparison, name }))
    );
    const its = keys.flatMap((key) => rows.filter((row) => keyOf(row) === key));
    return its.length === 0 ? [] : [`### ${title}`, asMarkdown(its)];
  });
  const measured = `Measured on ${date.slice(0, 10)}: ${list(machine)}; ${list(versions)}.`;
  return [measured, ...sections].join("\n\n");
}

/** Between these two lines of a page its tables stand. */
const [BEGIN, END] = ["<!-- tables: begin -->", "<!-- tables: end -->"] as const;

export function fillTables(page: string, tables: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot write the tables: wanted the lines ${BEGIN} and ${END}, got none`);
  }
  return `${page.slice(0, begin + BEGIN.length)}\n\n${tables}\n\n${page.slice(end)}`;
}

/** Replaces the ratios in a page: what stands between `<!--=NAME-->` and `<!--/-->`. */
export function fillFigures(page: string, rows: ReadonlyMap<string, Row>): string {
  return page.replace(/<!--=(.*?)-->.*?<!--\/-->/gs, (_, name: string) => {
    const { ratio } = rowNamed(rows, FIGURES[name] ?? name);
    return `<!--=${name}-->${format(ratio)} ×<!--/-->`;
  });
}

function rowNamed(rows: ReadonlyMap<string, Row>, key: string): Row {
  const row = rows.get(key);
  if (row === undefined) {
    throw new Error(`Cannot show a result: wanted one of bench/results.json, got "${key}"`);
  }
  return row;
}
