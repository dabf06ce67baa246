/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The chat page. @module */

import { type JSX, render, signal } from "../deps.ts";
import { Button, Slider } from "../parts/controls.tsx";
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
            <Button
              aria-current={chat.id === current.value.id}
              onClick={() => showChat(chat.id)}
            >
              {titleOf(chat)}
            </Button>
            <Button aria-label={`Remove ${titleOf(chat)}`} onClick={() => removeChat(chat.id)}>
              ×
            </Button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Settings(): JSX.Element {
  return (
    <details>
      <summary>Settings</summary>
      <Slider of={temperature} />
      <Slider of={topK} zero="all" />
    </details>
  );
}

function Key(): JSX.Element {
  return (
    <form
      class="buttons"
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
