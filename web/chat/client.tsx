/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The chat page. @module */

import { type JSX, render, signal } from "../deps.ts";
import { Button } from "../parts/controls.tsx";
import {
  answering,
  chats,
  current,
  keepChats,
  key,
  meetModel,
  model,
  newChat,
  removeChat,
  say,
  showChat,
  status,
  stop,
  temperature,
  titleOf,
  topK,
  wantsKey,
} from "./chats.ts";
import { Turns } from "./turns.tsx";

const draft = signal("");

function send(): void {
  const text = draft.value;
  if (text.trim() === "" || answering.value !== null || model.value === null) return;
  draft.value = "";
  void say(text);
}

function Page(): JSX.Element {
  const isBase = model.value?.stage === "base";
  return (
    <>
      <a class="skip" href="#message">To the message</a>
      <aside aria-label="Chats and settings">
        <h1>{model.value?.id ?? "nanodino"}</h1>
        {isBase && <p class="note">A base model: it continues what you write.</p>}
        <Button onClick={newChat}>New chat</Button>
        <Chats />
        <Settings />
      </aside>
      <main>
        <Turns />
        {wantsKey.value && <Key />}
        <Composer />
        <p role="status" class="note">{status.value}</p>
      </main>
    </>
  );
}

function Chats(): JSX.Element {
  return (
    <nav aria-label="Chats">
      <ul class="chats">
        {chats.value.map((chat) => (
          <li key={chat.id}>
            <button
              type="button"
              aria-current={chat.id === current.value.id}
              onClick={() => showChat(chat.id)}
            >
              {titleOf(chat)}
            </button>
            <button
              type="button"
              aria-label={`Remove ${titleOf(chat)}`}
              onClick={() => removeChat(chat.id)}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Settings(): JSX.Element {
  return (
    <details class="settings">
      <summary>Settings</summary>
      <Range
        id="temperature"
        label="Temperature"
        value={temperature}
        max={2}
        step={0.1}
        text={temperature.value.toFixed(1)}
      />
      <Range
        id="topK"
        label="Top-k"
        value={topK}
        max={200}
        step={1}
        text={topK.value === 0 ? "all" : `${topK.value}`}
      />
    </details>
  );
}

function Range({ id, label, value, max, step, text }: {
  readonly id: string;
  readonly label: string;
  readonly value: typeof topK;
  readonly max: number;
  readonly step: number;
  readonly text: string;
}): JSX.Element {
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={0}
        max={max}
        step={step}
        value={value.value}
        aria-valuetext={text}
        onInput={(event) => value.value = event.currentTarget.valueAsNumber}
      />
      <output for={id}>{text}</output>
    </div>
  );
}

function Key(): JSX.Element {
  return (
    <form
      class="key"
      onSubmit={(event) => {
        event.preventDefault();
        key.value = new FormData(event.currentTarget).get("key") as string;
        void meetModel();
      }}
    >
      <label for="key">The server's key</label>
      <input id="key" name="key" type="password" autocomplete="off" />
      <button type="submit">Use it</button>
    </form>
  );
}

function Composer(): JSX.Element {
  const isComing = answering.value !== null;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label for="message">Message</label>
      <textarea
        id="message"
        rows={2}
        value={draft.value}
        onInput={(event) => draft.value = event.currentTarget.value}
        onKeyDown={(event) => {
          if (event.key === "Escape") stop();
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {isComing
        ? <Button onClick={stop}>Stop</Button>
        : <button type="submit" disabled={model.value === null}>Send</button>}
    </form>
  );
}

render(<Page />, document.getElementById("page")!);
keepChats();
void meetModel();
document.documentElement.dataset.ready = "";
