/** A report of all stages of a model, as Markdown and as a page. @module */

import { escapeXml } from "../../gpt/files/svg.ts";
import type { ReportRow } from "../../gpt/internals.ts";

/** A stage in a report. */
export interface ReportSection {
  /** Heading. */
  readonly title: string;
  /** The inputs and results of the stage. */
  readonly rows: readonly ReportRow[];
  /** Path of a picture of its curves, relative to the report. */
  readonly picture?: string;
  /** Texts that its model writes. */
  readonly samples: readonly string[];
}

/** Content of a report of all stages. */
export interface StagesReport {
  /** Heading. */
  readonly title: string;
  /** Where and how long it ran. */
  readonly rows: readonly ReportRow[];
  /** The stages, in their order. */
  readonly sections: readonly ReportSection[];
  /** Final figures by stage: the names of stages, and a row for each figure; empty where it was not measured. */
  readonly figures: {
    readonly columns: readonly string[];
    readonly rows: readonly (readonly string[])[];
  };
}

/**
 * Formats a report as Markdown.
 *
 * @example
 * ```ts
 * import { reportAsMarkdown } from "./stages_report.ts";
 *
 * const figures = { columns: ["base", "sft"], rows: [["loss", "3.1", "1.2"]] };
 * const text = reportAsMarkdown({ title: "A model", rows: [], sections: [], figures });
 * if (!text.includes("| loss | 3.1 | 1.2 |")) throw new Error(text);
 * ```
 */
export function reportAsMarkdown({ title, rows, sections, figures }: StagesReport): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  const table = (head: readonly string[], body: readonly (readonly string[])[]) =>
    body.length === 0 ? [] : [line(head), line(head.map(() => "---")), ...body.map(line), ""];
  const quote = (text: string) => text.split("\n").map((each) => `> ${escapeXml(each)}`.trimEnd());
  return [
    `# ${title}`,
    "",
    ...table(["", ""], rows),
    ...table(["", ...figures.columns], figures.rows),
    ...sections.flatMap(({ title, rows, picture, samples }) => [
      `## ${title}`,
      "",
      ...table(["", ""], rows),
      ...(picture === undefined ? [] : [`![${title}: curves](${picture})`, ""]),
      ...samples.flatMap((sample) => [...quote(sample), ""]),
    ]),
  ].join("\n");
}

const STYLE = ":root{color-scheme:light dark}body{max-width:50rem;margin:auto;padding:1rem;" +
  "font:1rem/1.5 system-ui,sans-serif}table{border-collapse:collapse;margin:1rem 0}" +
  "th,td{border-bottom:1px solid gray;padding:.2rem 1rem .2rem 0;text-align:left;" +
  "overflow-wrap:anywhere}" +
  "img{max-width:100%}blockquote{white-space:pre-wrap;margin:1rem 0;padding-left:1rem;" +
  "border-left:3px solid gray}";

/**
 * Formats a report as a page without scripts.
 *
 * @example
 * ```ts
 * import { reportAsHtml } from "./stages_report.ts";
 *
 * const figures = { columns: ["base"], rows: [["loss", "<1"]] };
 * const page = reportAsHtml({ title: "A model", rows: [], sections: [], figures });
 * if (!page.includes("<td>&lt;1</td>")) throw new Error(page);
 * ```
 */
export function reportAsHtml({ title, rows, sections, figures }: StagesReport): string {
  const row = ([name = "", ...cells]: readonly string[]) =>
    `<tr><th scope="row">${escapeXml(name)}</th>${
      cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join("")
    }</tr>`;
  const head = (names: readonly string[]) =>
    `<thead><tr><td></td>${
      names.map((name) => `<th scope="col">${escapeXml(name)}</th>`).join("")
    }</tr></thead>`;
  const table = (names: readonly string[], body: readonly (readonly string[])[]) =>
    body.length === 0
      ? ""
      : `<table>${names.length === 0 ? "" : head(names)}<tbody>${
        body.map(row).join("")
      }</tbody></table>`;
  const parts = sections.map(({ title, rows, picture, samples }) =>
    `<section><h2>${escapeXml(title)}</h2>${table([], rows)}${
      picture === undefined
        ? ""
        : `<img src="${escapeXml(picture)}" alt="${escapeXml(title)}: curves">`
    }${samples.map((sample) => `<blockquote>${escapeXml(sample)}</blockquote>`).join("")}</section>`
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeXml(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escapeXml(title)}</h1>${table([], rows)}
${table(figures.columns, figures.rows)}
${parts.join("\n")}</main></body></html>
`;
}
