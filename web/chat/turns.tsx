/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The turns of a chat: text, folded calls of tools, and the probabilities of tokens. @module */

import { computed, effect, type JSX, signal } from "../deps.ts";
import { Bars, TokenStrip, visible } from "../parts/bars.tsx";
import { Button } from "../parts/controls.tsx";
import { IconButton } from "../parts/icons.tsx";
import { words } from "../words/chat.ts";
import type { Piece } from "./backend.ts";
import {
  answering,
  canAsk,
  continueAnswer,
  current,
  joinPieces,
  model,
  regenerate,
  saidIn,
  say,
  textOf,
  type Turn,
} from "./chats.ts";
import { focusComposer } from "./composer.tsx";
import { CopyButton } from "./copy.tsx";
import { goToEnd } from "./scroll.tsx";

/** The number of the turn that is edited; −1 for none. */
const edited = signal(-1);
/** The answer whose tokens are shown, and the one of them that is looked at. */
const inspected = signal<{ readonly turn: number; readonly token: number } | null>(null);

const shownId = computed(() => current.value.id);
effect(() => {
  // The turns of another chat have these numbers, too.
  shownId.value;
  edited.value = -1;
  inspected.value = null;
});

/** Shows the text of an answer. */
export type Prose = (props: { readonly text: string }) => JSX.Element;

/** All turns. */
export function Turns({ prose }: { readonly prose: Prose }): JSX.Element {
  const { id, turns } = current.value;
  // The last answer tells how far back the model saw.
  const seenFrom = turns.at(-1)?.truncated ?? 0;
  return (
    <ol class="turns">
      {turns.map((turn, i) => (
        <li key={`${id} ${i}`} class={turn.role} data-turn={turn.role}>
          {i === seenFrom && i > 0 && <p class="forgotten">{words.forgotten}</p>}
          <h2 class="unseen">
            {turn.role === "user" ? words.you : model.value?.id ?? words.model}
          </h2>
          {turn.role === "user"
            ? <Question turn={turn} place={i} />
            : <Answer turn={turn} prose={prose} place={i} isLast={i === turns.length - 1} />}
        </li>
      ))}
    </ol>
  );
}

function Question({ turn, place }: { readonly turn: Turn; readonly place: number }): JSX.Element {
  if (edited.value === place) return <Editor text={textOf(turn)} place={place} />;
  return (
    <>
      <p class="said" dir="auto">{textOf(turn)}</p>
      <div class="actions">
        <CopyButton text={() => textOf(turn)} />
        <IconButton
          icon="edit"
          name={words.edit}
          disabled={answering.value !== null}
          onClick={() => edited.value = place}
        />
      </div>
    </>
  );
}

/** Takes the focus once, when an element is there. */
const takeFocus = (element: HTMLElement | null) => element?.focus();

function Editor({ text, place }: { readonly text: string; readonly place: number }): JSX.Element {
  const close = () => {
    edited.value = -1;
    focusComposer();
  };
  const submit = (form: HTMLFormElement) => {
    const text = new FormData(form).get("text") as string;
    if (text.trim() === "" || !canAsk.value) return;
    close();
    void say(text, place);
    goToEnd();
  };
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        submit(event.currentTarget);
      }}
    >
      <textarea
        name="text"
        dir="auto"
        aria-label={words.editing}
        rows={3}
        ref={takeFocus}
        onKeyDown={(event) => {
          if (event.key === "Escape") close();
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit(event.currentTarget.form!);
        }}
      >
        {text}
      </textarea>
      <div class="buttons">
        <button type="submit">{words.send}</button>
        <Button onClick={close}>{words.cancel}</Button>
        <span class="note">{words.replaces}</span>
      </div>
    </form>
  );
}

function Answer({ turn, place, isLast, prose }: {
  readonly turn: Turn;
  readonly place: number;
  readonly isLast: boolean;
  readonly prose: Prose;
}): JSX.Element {
  const isComing = isLast && answering.value !== null;
  const isInspected = inspected.value?.turn === place;
  const isEmpty = textOf(turn) === "";
  const toggle = () => inspected.value = isInspected ? null : { turn: place, token: 0 };
  return (
    <>
      <div class="said" dir="auto" aria-busy={isComing}>
        {isInspected
          ? <Tokens turn={turn} place={place} />
          : <Parts pieces={turn.pieces} prose={prose} />}
        {isComing && <span class="cursor" aria-hidden="true" />}
      </div>
      {!isComing && <Ending turn={turn} place={place} isLast={isLast} />}
      {!isComing && (
        <div class="actions">
          {!isEmpty && <CopyButton text={() => saidIn(turn)} />}
          {isLast && (
            <IconButton
              icon="repeat"
              name={words.regenerate}
              onClick={() => void regenerate()}
            />
          )}
          {!isEmpty && (
            <IconButton
              icon="shares"
              name={words.probabilities}
              aria-pressed={isInspected}
              onClick={toggle}
            />
          )}
          <Timing of={turn} />
        </div>
      )}
    </>
  );
}

/** How an answer ended that did not end by itself, and what can be done about that. */
function Ending({ turn, place, isLast }: {
  readonly turn: Turn;
  readonly place: number;
  readonly isLast: boolean;
}): JSX.Element | null {
  const { finish, problem } = turn;
  if (finish === undefined || finish === "stop") return null;
  const text = { length: words.cut, stopped: words.stopped, failed: problem }[finish];
  const isCut = finish === "length" || textOf(turn) !== "" && problem !== words.full;
  return (
    <p class={`ending ${finish}`}>
      {text}
      {isLast && (isCut
        ? <Button onClick={() => void continueAnswer()}>{words.continue}</Button>
        : <Button onClick={() => void regenerate()}>{words.again}</Button>)}
      {isLast && finish === "failed" && (
        <Button onClick={() => edited.value = place - 1}>{words.edit}</Button>
      )}
    </p>
  );
}

function Timing(
  { of: { firstToken, tokensPerSecond } }: { readonly of: Turn },
): JSX.Element | null {
  if (firstToken === undefined) return null;
  const first = firstToken.toFixed(2);
  return (
    <span class="note">
      {tokensPerSecond === undefined
        ? words.firstOnly(first)
        : words.timing(first, tokensPerSecond.toFixed(0))}
    </span>
  );
}

/** Text, and calls of tools with what came of them, folded. */
function Parts({ pieces, prose: Prose }: {
  readonly pieces: readonly Piece[];
  readonly prose: Prose;
}): JSX.Element {
  const parts = joinPieces(pieces);
  return (
    <>
      {parts.map(({ type, text }, i) => {
        if (type === "text") return <Prose key={i} text={text} />;
        if (type === "python_output") return null;
        const next = parts[i + 1];
        return (
          <details key={i} class="tool">
            <summary>{words.calculator}</summary>
            <code>{text}</code> = <code>{next?.type === "python_output" ? next.text : ""}</code>
          </details>
        );
      })}
    </>
  );
}

/** The tokens of an answer, and the likeliest ones in place of one of them. */
function Tokens({ turn, place }: { readonly turn: Turn; readonly place: number }): JSX.Element {
  const tokens = turn.pieces.flatMap(({ tokens }) => tokens);
  const chosen = Math.min(inspected.value?.token ?? 0, tokens.length - 1);
  if (tokens.length === 0) return <p class="note">{words.noTokens}</p>;
  const { token, logprob, top } = tokens[chosen]!;
  return (
    <>
      <TokenStrip
        label={words.tokens}
        tokens={tokens.map(({ token, logprob }) => [
          visible(token),
          words.token(visible(token), percent(logprob)),
          -logprob / Math.LN2,
        ])}
        chosen={chosen}
        onChoose={(token) => inspected.value = { turn: place, token }}
      />
      <Bars
        id="likely"
        caption={words.sampled(visible(token), percent(logprob))}
        bars={top.map(({ token, logprob }) => [visible(token), Math.exp(logprob)])}
      />
    </>
  );
}

function percent(logprob: number): string {
  return `${(100 * Math.exp(logprob)).toFixed(1)}\u00a0%`;
}
