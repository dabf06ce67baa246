/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A head that copies: letters of the reader's own, and what came next the last time. @module */

import { inductionHead } from "../../lessons/induction.ts";
import { type JSX, signal } from "../deps.ts";
import { Bars } from "../parts/bars.tsx";
import { LettersInput } from "../parts/controls.tsx";
import { type Cell, MatrixGrid } from "../parts/matrix.tsx";
import { fixed } from "../parts/number.ts";
import { setting } from "../state.ts";
import { words } from "../words/attention.ts";

const { induction: text } = words;
const MAX_LETTERS = 7;
const typed = setting<string>("inductionText", "dinodi");
type HeadName = "previous" | "induction";
const chosen = signal<readonly [HeadName, Cell] | null>(null);

/** The letters that count. */
function lettersNow(): string {
  return [...typed.value.replaceAll(/\s/g, "")].slice(0, MAX_LETTERS).join("");
}

/** The widget. */
export function InductionWidget(): JSX.Element {
  const now = lettersNow();
  return (
    <>
      <LettersInput of={typed} label={text.own} most={MAX_LETTERS} />
      {now === "" ? <p role="status">{text.empty}</p> : <Heads letters={now} />}
    </>
  );
}

function Heads({ letters: typed }: { readonly letters: string }): JSX.Element {
  const { letters, alphabet, previous, induction } = inductionHead(typed);
  const traces = { previous, induction };
  const end = letters.length - 1;
  const last = induction.heads[0]!.pattern[end]!;
  const [name, [row, column]] = chosen.value ??
    ["induction", [end, last.indexOf(Math.max(...last))]] as const;
  const [i, j] = [Math.min(row, end), Math.min(column, end)];
  const share = fixed(traces[name].heads[0]!.pattern[i]![j]!, 2);
  const shares = induction.output.at(-1)!;
  const best = shares.indexOf(Math.max(...shares));
  const grid = (of: HeadName): JSX.Element => (
    <MatrixGrid
      key={of}
      id={of}
      title={text[of]}
      rows={letters}
      columns={letters}
      values={traces[of].heads[0]!.pattern}
      most={1}
      chosen={of === name && chosen.value !== null ? [i, j] : null}
      onChoose={(row, column) => chosen.value = [of, [row, column]]}
    />
  );
  return (
    <>
      <p role="status">
        {best === 0 ? text.nothing(letters[end]!) : text.found(letters[end]!, alphabet[best]!)}
      </p>
      <div class="matrices">
        {grid("previous")}
        {grid("induction")}
        <Bars
          id="copies"
          caption={text.copies}
          bars={alphabet.map((letter, at) => [letter, shares[at]!])}
        />
      </div>
      <p class="work" data-induction>
        {name === "previous"
          ? text.explainPrevious(letters[i]!, letters[j]!, share)
          : text.explainInduction(letters[i]!, letters[j]!, letters[Math.max(0, j - 1)]!, share)}
      </p>
    </>
  );
}
