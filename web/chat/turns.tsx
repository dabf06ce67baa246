/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The turns of a chat: text, folded calls of tools, and the probabilities of tokens. @module */

import { type JSX, signal } from "../deps.ts";
import { Bars, TokenStrip, visible } from "../parts/bars.tsx";
import { Button } from "../parts/controls.tsx";
import type { Piece } from "./api.ts";
import { answering, current, model, partsOf, regenerate, say, textOf, type Turn } from "./chats.ts";

/** The number of the turn that is edited; −1 for none. */
const edited = signal(-1);
/** The answer whose tokens are shown, and the one of them that is looked at. */
const inspected = signal<{ readonly turn: number; readonly token: number } | null>(null);

/** All turns. */
export function Turns(): JSX.Element {
  const { turns } = current.value;
  return (
    <ol class="turns">
      {turns.map((turn, i) => (
        <li key={`${current.value.id} ${i}`} class={turn.role} data-turn={turn.role}>
          <h2>{turn.role === "user" ? "You" : model.value?.id ?? "Model"}</h2>
          {turn.role === "user"
            ? <Question turn={turn} place={i} />
            : <Answer turn={turn} place={i} isLast={i === turns.length - 1} />}
        </li>
      ))}
    </ol>
  );
}

function Question({ turn, place }: { readonly turn: Turn; readonly place: number }): JSX.Element {
  if (edited.value === place) return <Editor text={textOf(turn)} place={place} />;
  return (
    <>
      <p class="said">{textOf(turn)}</p>
      <div class="buttons">
        <Button disabled={answering.value !== null} onClick={() => edited.value = place}>
          Edit
        </Button>
      </div>
    </>
  );
}

function Editor({ text, place }: { readonly text: string; readonly place: number }): JSX.Element {
  const close = () => edited.value = -1;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const text = new FormData(event.currentTarget).get("text") as string;
        if (text.trim() === "") return;
        close();
        say(text, place);
      }}
    >
      <textarea
        name="text"
        aria-label="Your message, edited"
        rows={3}
        ref={(element) => element?.focus()}
        onKeyDown={(event) => {
          if (event.key === "Escape") close();
        }}
      >
        {text}
      </textarea>
      <div class="buttons">
        <button type="submit">Send</button>
        <Button onClick={close}>Cancel</Button>
        <span class="note">What follows is replaced.</span>
      </div>
    </form>
  );
}

function Answer({ turn, place, isLast }: {
  readonly turn: Turn;
  readonly place: number;
  readonly isLast: boolean;
}): JSX.Element {
  const isComing = isLast && answering.value !== null;
  const isInspected = inspected.value?.turn === place;
  const toggle = () => inspected.value = isInspected ? null : { turn: place, token: 0 };
  return (
    <>
      <div class="said" aria-busy={isComing}>
        {isInspected ? <Tokens turn={turn} place={place} /> : <Parts pieces={turn.pieces} />}
        {isComing && <span class="cursor" aria-hidden="true">▍</span>}
      </div>
      {turn.note !== undefined && <p class="note">{turn.note}</p>}
      {!isComing && (
        <div class="buttons">
          {isLast && <Button onClick={() => void regenerate()}>Regenerate</Button>}
          <Button aria-pressed={isInspected} onClick={toggle}>Probabilities</Button>
        </div>
      )}
    </>
  );
}

/** Text, and calls of tools with what came of them, folded. */
function Parts({ pieces }: { readonly pieces: readonly Piece[] }): JSX.Element {
  const parts = partsOf(pieces);
  return (
    <>
      {parts.map(({ type, text }, i) => {
        if (type === "text") return <span key={i}>{text}</span>;
        if (type === "python_output") return null;
        const next = parts[i + 1];
        return (
          <details key={i} class="tool">
            <summary>Calculator</summary>
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
  if (tokens.length === 0) return <p class="note">There are no probabilities for this answer.</p>;
  const { token, logprob, top } = tokens[chosen]!;
  return (
    <>
      <TokenStrip
        label="Tokens; the arrow keys go from one to the next"
        tokens={tokens.map(({ token, logprob }) => [
          visible(token),
          `${visible(token)}, ${percent(logprob)}`,
          -logprob / Math.LN2,
        ])}
        chosen={chosen}
        onChoose={(token) => inspected.value = { turn: place, token }}
      />
      <Bars
        id="likely"
        caption={`“${visible(token)}” was sampled with ${percent(logprob)}`}
        bars={top.map(({ token, logprob }) => [visible(token), Math.exp(logprob)])}
      />
    </>
  );
}

function percent(logprob: number): string {
  return `${(100 * Math.exp(logprob)).toFixed(1)} %`;
}
