/** @jsxImportSource npm:preact@11.2.0 */

/** A table of numbers: a name, how it is computed, what it is. @module */

import type { JSX } from "../deps.ts";

/** A number: what tests call it, what the reader calls it, the number, and how it is computed. */
export type Row = readonly [id: string, name: string, value: string, work?: string];

/** A table of numbers; on a narrow screen the work stands above the value. */
export function Rows({ of, rows }: {
  /** The widget that it belongs to, whose title is its name. */
  readonly of: string;
  readonly rows: readonly Row[];
}): JSX.Element {
  return (
    <table class="rows" aria-labelledby={`${of}-title`}>
      <tbody>
        {rows.map(([id, name, value, work]) => (
          <tr key={id}>
            <th scope="row">{name}</th>
            <td class="work">{work}</td>
            <td class="number" data-row={id}>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A grid of cells under a head. */
export function Table(
  { caption, head, label = caption ?? head.join(", "), rows, id, isNamed = false }: {
    readonly caption?: string;
    /** A label for screen readers. @default {the caption, or else the head} */
    readonly label?: string | undefined;
    readonly head: readonly string[];
    /** The first cell of a row names it. */
    readonly rows: readonly (readonly (string | JSX.Element)[])[];
    readonly id?: string;
    /**
     * Whether each cell has the name of its column: on a narrow screen it stands before the cell, and rows
     * are below each other. @default {false}
     */
    readonly isNamed?: boolean;
  },
): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class={isNamed ? "grid named" : "grid"} data-table={id}>
        {caption && <caption>{caption}</caption>}
        <thead>
          <tr>{head.map((name) => <th key={name} scope="col">{name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], i) => (
            <tr key={i}>
              <th scope="row">{name}</th>
              {cells.map((cell, j) => (
                <td key={j} data-name={isNamed ? head[j + 1] : undefined}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
