/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The turns of a chat: text, folded calls of tools, and the probabilities of tokens. @module */

import { type JSX, signal } from "../deps.ts";
import { Button } from "../parts/controls.tsx";
import type { Piece, TokenProbability } from "./api.ts";
import { answering, current, model, regenerate, say, textOf, type Turn } from "./chats.ts";

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
          <button type="button" aria-pressed={isInspected} onClick={toggle}>Probabilities</button>
        </div>
      )}
    </>
  );
}

/** Text, and calls of tools with what came of them, folded. */
function Parts({ pieces }: { readonly pieces: readonly Piece[] }): JSX.Element {
  const groups: { isTool: boolean; pieces: Piece[] }[] = [];
  for (const piece of pieces) {
    const isTool = piece.type !== "text";
    if (groups.at(-1)?.isTool === isTool) groups.at(-1)!.pieces.push(piece);
    else groups.push({ isTool, pieces: [piece] });
  }
  const joined = (all: readonly Piece[], type: Piece["type"]) =>
    all.filter((piece) => piece.type === type).map(({ text }) => text).join("");
  return (
    <>
      {groups.map(({ isTool, pieces }, i) =>
        isTool
          ? (
            <details key={i} class="tool">
              <summary>Calculator</summary>
              <code>{joined(pieces, "python")}</code> ={" "}
              <code>{joined(pieces, "python_output")}</code>
            </details>
          )
          : <span key={i}>{joined(pieces, "text")}</span>
      )}
    </>
  );
}

/** The tokens of an answer: the arrows go from one to the next, and the table follows. */
function Tokens({ turn, place }: { readonly turn: Turn; readonly place: number }): JSX.Element {
  const tokens = turn.pieces.flatMap(({ tokens }) => tokens);
  const chosen = Math.min(inspected.value?.token ?? 0, tokens.length - 1);
  const look = (token: number) => inspected.value = { turn: place, token };
  const move = (event: KeyboardEvent, token: number) => {
    const by =
      { ArrowRight: 1, ArrowLeft: -1, Home: -tokens.length, End: tokens.length }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(tokens.length - 1, token + by));
    look(next);
    const list = (event.currentTarget as HTMLElement).parentElement!;
    (list.children[next] as HTMLElement).focus();
  };
  if (tokens.length === 0) return <p class="note">There are no probabilities for this answer.</p>;
  return (
    <>
      <div class="tokens" role="group" aria-label="Tokens; the arrow keys go from one to the next">
        {tokens.map(({ token, logprob }, i) => (
          <button
            key={i}
            type="button"
            tabIndex={i === chosen ? 0 : -1}
            aria-label={`${visible(token)}, ${percent(logprob)}`}
            aria-pressed={i === chosen}
            data-likely={likelihood(logprob)}
            onMouseEnter={() => look(i)}
            onFocus={() => look(i)}
            onKeyDown={(event) => move(event, i)}
          >
            {visible(token)}
          </button>
        ))}
      </div>
      <Likely token={tokens[chosen]!} />
    </>
  );
}

function Likely(
  { token: { token, logprob, top } }: { readonly token: TokenProbability },
): JSX.Element {
  return (
    <table class="likely">
      <caption>“{visible(token)}” was sampled with {percent(logprob)}</caption>
      <thead>
        <tr>
          <th scope="col">Token</th>
          <th scope="col">Probability</th>
        </tr>
      </thead>
      <tbody>
        {top.map(({ token, logprob }) => (
          <tr key={token}>
            <th scope="row">{visible(token)}</th>
            <td>{percent(logprob)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A token with what is not seen made visible. */
function visible(token: string): string {
  return token.replaceAll(" ", "·").replaceAll("\n", "⏎");
}

function percent(logprob: number): string {
  return `${(100 * Math.exp(logprob)).toFixed(1)} %`;
}

function likelihood(logprob: number): "high" | "middle" | "low" {
  const probability = Math.exp(logprob);
  return probability > 0.5 ? "high" : probability > 0.1 ? "middle" : "low";
}
