/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A matrix whose cells are chosen one at a time, by pointer or by arrow keys, and can be marked. @module */

import type { JSX, TargetedKeyboardEvent } from "../deps.ts";
import { fixed } from "./number.ts";

/** A cell, by its row and its column. */
export type Cell = readonly [row: number, column: number];

/** Properties of {@linkcode MatrixGrid}. */
export interface MatrixProps {
  /** A name by which tests find it. */
  readonly id: string;
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly values: readonly (readonly number[])[];
  /** Decimals. @default {2} */
  readonly digits?: number;
  /** The value that has the full color. @default {the largest one} */
  readonly most?: number;
  /** The cell that is chosen, if it is one of these. */
  readonly chosen: Cell | null;
  /** Classes of a cell: how it stands out. */
  readonly markOf?: (row: number, column: number) => string;
  readonly onChoose: (row: number, column: number) => void;
}

/** Steps of color between 0 and the full one: pages may have no styles of their own in their markup. */
const LEVELS = 5;

function levelOf(value: number, most: number): string {
  if (!Number.isFinite(value) || most === 0) return "";
  const level = Math.min(LEVELS, Math.round(LEVELS * Math.abs(value) / most));
  return level === 0 ? "" : `${value < 0 ? "minus" : "plus"}${level}`;
}

/** How far the arrow keys go: down, and to the right. */
const moves: Readonly<Record<string, Cell>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

function move(event: TargetedKeyboardEvent<HTMLTableElement>): void {
  const by = moves[event.key];
  const cell = (event.target as HTMLElement).closest("td");
  if (by === undefined || cell === null) return;
  event.preventDefault();
  const row = cell.parentElement as HTMLTableRowElement;
  const next = event.currentTarget.rows[row.rowIndex + by[0]]?.cells[cell.cellIndex + by[1]];
  if (next?.tagName === "TD" && next.hasAttribute("tabindex")) next.focus();
}

/** Draws it. One of its cells is reached by Tab, the others by the arrow keys. */
export function MatrixGrid(props: MatrixProps): JSX.Element {
  const { id, title, rows, columns, values, digits = 2, chosen, markOf, onChoose } = props;
  const finite = values.flat().filter(Number.isFinite).map(Math.abs);
  const { most = Math.max(0, ...finite) } = props;
  const [tabRow, tabColumn] = chosen ?? [0, 0];
  return (
    <table class="matrix" role="grid" data-matrix={id} onKeyDown={move}>
      <caption>{title}</caption>
      <thead>
        <tr>
          <td />
          {columns.map((name, i) => <th key={i} scope="col">{name}</th>)}
        </tr>
      </thead>
      <tbody>
        {values.map((row, i) => (
          <tr key={i}>
            <th scope="row">{rows[i]}</th>
            {row.map((value, j) => {
              const isChosen = chosen?.[0] === i && chosen[1] === j;
              return (
                <td
                  key={j}
                  role="gridcell"
                  tabIndex={i === tabRow && j === tabColumn ? 0 : -1}
                  aria-selected={isChosen}
                  class={`${levelOf(value, most)} ${markOf?.(i, j) ?? ""}`.trim()}
                  onFocus={() => onChoose(i, j)}
                >
                  {Number.isFinite(value) ? fixed(value, digits) : value < 0 ? "−∞" : `${value}`}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
