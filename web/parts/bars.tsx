/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Shares of a whole as bars, and tokens as a strip of text. @module */

import type { JSX, TargetedKeyboardEvent } from "../deps.ts";
import { fixed } from "./number.ts";

/** A table of names and shares from 0 to 1, each with a bar. */
export function Bars({ id, caption, bars }: {
  /** A name by which tests find it. */
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

/** A token as it is shown: spaces and line breaks can be seen. */
export function visible(token: string): string {
  return token.replaceAll(" ", "·").replaceAll("\n", "⏎");
}

/** As much surprise as this has the full color. */
const MAX_BITS = 10;

/** Tokens as buttons in a row of text, one of them chosen; the arrow keys choose the next ones. */
export function TokenStrip({ label, tokens, chosen, onChoose }: {
  readonly label: string;
  /** Texts, what they are called by who does not see them, and surprise in bits, which colors them. */
  readonly tokens: readonly (readonly [text: string, name: string, bits: number])[];
  readonly chosen: number;
  readonly onChoose: (index: number) => void;
}): JSX.Element {
  const move = (event: TargetedKeyboardEvent<HTMLButtonElement>, from: number) => {
    const end = tokens.length - 1;
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: end }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const strip = event.currentTarget.parentElement!;
    (strip.children[Math.max(0, Math.min(to, end))] as HTMLElement).focus();
  };
  return (
    <div class="tokens" role="group" aria-label={label}>
      {tokens.map(([text, name, bits], i) => (
        <button
          key={i}
          type="button"
          style={{ "--strength": Math.min(1, bits / MAX_BITS).toFixed(2) }}
          tabIndex={i === chosen ? 0 : -1}
          aria-pressed={i === chosen}
          aria-label={name}
          title={name}
          onClick={() => onChoose(i)}
          onFocus={() => onChoose(i)}
          onKeyDown={(event) => move(event, i)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
