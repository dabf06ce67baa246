/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The way of a token through a model, from the text to the token that is written next. @module */

import type { JSX } from "../deps.ts";
import type { Opened, Seen } from "../engine/inside.ts";
import { Bars, visible } from "../parts/bars.tsx";
import { Button } from "../parts/controls.tsx";
import { words } from "../words/labs.ts";

const { flow: text } = words.inside;

/** Tokens that each stop names: of the text, or of what the model would say. */
const [BEFORE, GUESSES] = [4, 3];

/** The stops of a token: its text, its embedding, each layer, and the probabilities of what comes next. */
export function Flow({ seen, token, model, isLinked, onWrite }: {
  readonly seen: Seen;
  /** The place of the token. */
  readonly token: number;
  readonly model: Opened;
  /** Whether the page has the sections that tell of each stop. */
  readonly isLinked: boolean;
  /** Writes the next token. */
  readonly onWrite: () => void;
}): JSX.Element {
  const { ids, texts, stages, attention } = seen;
  const { nEmbd, vocabSize } = model.meta.modelConfig;
  const name = (id: number) => visible(texts.get(id)!);
  const names = ids.slice(0, token + 1).map(name);
  const title = (title: string, section: string) => (
    <h4>{isLinked ? <a href={`#${section}`}>{title}</a> : title}</h4>
  );
  /** The likeliest next tokens if a stage were the last one. */
  const guesses = (stage: number) => {
    const { likely, probabilities } = stages[stage]!;
    const first = token * likely.length / ids.length;
    return (
      <Bars
        id={`flow${stage}`}
        caption={stage === stages.length - 1
          ? text.next
          : text.guess(stage === 0 ? words.inside.embedding : words.inside.layer(stage))}
        bars={Array.from(
          { length: GUESSES },
          (_, rank) => [name(likely[first + rank]!), probabilities[first + rank]!],
        )}
      />
    );
  };
  /** The token that each head of a layer reads most. */
  const read = (layer: number) =>
    attention[layer]!.map((pattern) => {
      const row = pattern.subarray(token * ids.length, token * ids.length + token + 1);
      return names[row.indexOf(Math.max(...row))]!;
    });
  return (
    <ol class="flow" aria-label={text.title}>
      <li>
        {title(text.tokens, "tokens")}
        <p>{text.cut(names.length)}</p>
        <p class="strip">
          {token >= BEFORE && "… "}
          {names.slice(-BEFORE).map((name, i) => <code key={i}>{name}</code>)}
        </p>
      </li>
      <li>
        {title(text.embedding, "embeddings")}
        <p>{text.row(names.at(-1)!, nEmbd)}</p>
        {guesses(0)}
      </li>
      {attention.map((_, layer) => (
        <li key={layer}>
          {title(words.inside.layer(layer + 1), layer === 0 ? "attention" : "block")}
          <p>{text.reads(read(layer))}</p>
          {guesses(layer + 1)}
        </li>
      ))}
      <li>
        {title(text.output, "letters")}
        <p>{text.scores(vocabSize)}</p>
        {guesses(stages.length - 1)}
        <p class="buttons">
          <Button class="primary" onClick={onWrite}>{text.write}</Button>
        </p>
        <p class="work">{text.again}</p>
      </li>
    </ol>
  );
}
