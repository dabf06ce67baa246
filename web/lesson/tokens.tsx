/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Tokens: the tokenizer's training, merge by merge, on the reader's text. @module */

import { type MergeStep, mergeSteps, Tokenizer } from "../../tokenizer/mod.ts";
import { computed, type JSX } from "../deps.ts";
import { visible } from "../parts/bars.tsx";
import { Button, Slider } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Plot } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { reset, setting, slider } from "../state.ts";
import { words } from "../words/lesson.ts";
import { words as text } from "../words/tokens.ts";

const own = setting<string>("tokenText", text.sentence);
const MAX_MERGES = 100;
const merged = slider("tokenMerges", text.merges, 0, [0, MAX_MERGES, 1]);

/** Longer texts are cut: every pair of them is counted again at each merge. */
const MAX_LENGTH = 600;
/** Rows of the table of pairs. */
const PAIRS = 6;

/** A state of the training, and the text in its tokens. */
interface Stage extends MergeStep {
  readonly tokenizer: Tokenizer;
  readonly ids: readonly number[];
}

/** The training, merge by merge, until nothing is left to merge or it is long enough. */
const stages = computed<readonly Stage[]>(() => {
  const sentence = own.value.slice(0, MAX_LENGTH);
  return mergeSteps([sentence]).take(MAX_MERGES + 1).map((step) => {
    const tokenizer = Tokenizer.fromMerges(step.merges);
    return { ...step, tokenizer, ids: tokenizer.encode(sentence) };
  }).toArray();
});

/** A token as text, or as its bytes where it is only a part of a letter. */
function nameOf(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.vocabulary.tokens[id]!;
  try {
    return visible(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return [...bytes].map((byte) => byte.toString(16).toUpperCase()).join(" ");
  }
}

/** The next merge, in a sentence. */
function statusOf({ pairs: [first], tokenizer }: Stage): string {
  if (first === undefined) return own.value === "" ? text.empty : text.done;
  const [left, right] = first.pair.map((id) => nameOf(tokenizer, id)) as [string, string];
  return first.count === 1 ? text.last(left, right) : text.status(left, right, first.count);
}

/** Bytes of the text. */
const bytesNow = () => new TextEncoder().encode(own.value.slice(0, MAX_LENGTH)).length;

/** Bytes per token. */
const ratioOf = (tokens: number) => tokens === 0 ? 0 : bytesNow() / tokens;

/** The text in its tokens, of which those of the newest merge stand out. */
function Pieces({ stage: { tokenizer, merges, ids } }: { readonly stage: Stage }): JSX.Element {
  const newest = 255 + merges.length;
  return (
    <p class="tokens pieces" aria-label={text.strip} role="group" data-tokens>
      {ids.map((id, i) => (
        <code key={i} class={id < 256 ? "" : id === newest ? "newest" : "merged"}>
          {nameOf(tokenizer, id)}
        </code>
      ))}
    </p>
  );
}

/** The lengths in bytes and in tokens. */
function Counts({ stage: { merges, ids } }: { readonly stage: Stage }): JSX.Element {
  const [bytes, ratio] = [bytesNow(), fixed(ratioOf(ids.length), 2)];
  return (
    <Rows
      of="tokens"
      rows={[
        ["tokenBytes", text.rows.bytes, `${bytes}`],
        ["tokenCount", text.rows.tokens, `${ids.length}`],
        ["tokenRatio", text.rows.ratio, ratio, `${bytes} ÷ ${ids.length}`],
        [
          "tokenVocabulary",
          text.rows.vocabulary,
          `${256 + merges.length}`,
          text.vocabularyWork(merges.length),
        ],
      ]}
    />
  );
}

/** The pairs that could be merged next. */
function Pairs({ stage: { tokenizer, pairs } }: { readonly stage: Stage }): JSX.Element {
  const name = (id: number) => nameOf(tokenizer, id);
  return (
    <div>
      {pairs.length > 0 && (
        <Table
          id="pairs"
          caption={text.pairs}
          head={text.pairColumns}
          rows={pairs.slice(0, PAIRS).map(({ pair: [left, right], count }) => [
            `${name(left)} + ${name(right)}`,
            `${count}`,
            `${name(left)}${name(right)}`,
          ])}
        />
      )}
    </div>
  );
}

/** The tokens that were learned, the newest first. */
function Vocabulary({ stage: { tokenizer, merges } }: { readonly stage: Stage }): JSX.Element {
  if (merges.length === 0) return <p class="work">{text.none}</p>;
  const name = (id: number) => nameOf(tokenizer, id);
  return (
    <div class="tall">
      <Table
        id="vocabulary"
        caption={text.learned}
        head={text.learnedColumns}
        rows={merges.map(([left, right], i) => [
          `${256 + i}`,
          `${name(left)} + ${name(right)}`,
          name(256 + i),
        ]).reverse()}
      />
    </div>
  );
}

/** The widget. */
export function TokensWidget(): JSX.Element {
  const all = stages.value;
  const last = all.length - 1;
  const at = Math.min(merged.value, last);
  const now = all[at]!;
  const ratios = all.map(({ ids }, i) => [i, ratioOf(ids.length)] as const);
  return (
    <>
      <p>
        <label for={own.id}>{text.own}</label>
        <textarea
          id={own.id}
          rows={3}
          maxLength={MAX_LENGTH}
          spellcheck={false}
          value={own.value}
          onInput={(event) => own.value = event.currentTarget.value}
        />
      </p>
      <Slider of={merged} most={Math.max(1, last)} />
      <p class="buttons">
        <Button class="primary" onClick={() => merged.value = at + 1} disabled={at >= last}>
          {text.next}
        </Button>
        <Button onClick={() => merged.value = at - 1} disabled={at === 0}>{text.back}</Button>
        <Button onClick={() => reset(own, merged)}>{words.actions.reset}</Button>
      </p>
      <p role="status">{statusOf(now)}</p>
      <Pieces stage={now} />
      <Counts stage={now} />
      <div class="pair">
        <Pairs stage={now} />
        <div>
          <Plot
            title={text.plot}
            xName={text.merged}
            x={[0, Math.max(1, last)]}
            y={[0, 1.12 * Math.max(1, ratios[last]![1])]}
            curves={[
              { name: text.ratio, color: "a", points: ratios },
              { name: text.now, color: "b", look: "dots", points: [ratios[at]!] },
            ]}
          />
          <Vocabulary stage={now} />
        </div>
      </div>
    </>
  );
}
