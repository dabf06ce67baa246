/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/** Shares of a whole as bars, and tokens as a strip of text. @module */

import type { JSX } from "../deps.ts";
import { fixed } from "./number.ts";

/** A table of names and shares from 0 to 1, each with a bar. */
export function Bars({ id, caption, bars }: {
  /** What tests call it. */
  readonly id: string;
  readonly caption: string;
  readonly bars: readonly (readonly [name: string, share: number])[];
}): JSX.Element {
  return (
    <table class="bars" data-table={id}>
      <caption>{caption}</caption>
      <tbody>
        {bars.map(([name, share], i) => (
          <tr key={i}>
            <th scope="row">{name}</th>
            <td>
              <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect width={100 * share} height="6" />
              </svg>
            </td>
            <td class="number">{fixed(share, 4)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Tokens as buttons in a row of text, one of them chosen; the stronger, the more color. */
export function TokenStrip({ label, tokens, chosen, onChoose }: {
  readonly label: string;
  /** Texts, what they are called by who does not see them, and strengths from 0 to 1. */
  readonly tokens: readonly (readonly [text: string, name: string, strength: number])[];
  readonly chosen: number;
  readonly onChoose: (index: number) => void;
}): JSX.Element {
  return (
    <div class="tokens" role="group" aria-label={label}>
      {tokens.map(([text, name, strength], i) => (
        <button
          key={i}
          type="button"
          style={{ "--strength": strength.toFixed(2) }}
          aria-pressed={i === chosen}
          aria-label={name}
          title={name}
          onClick={() => onChoose(i)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
