/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The chat page. @module */

import { type JSX, render, signal } from "../deps.ts";
import { Button, Slider } from "../parts/controls.tsx";
import { Icon, IconButton } from "../parts/icons.tsx";
import { Mark } from "../parts/mark.tsx";
import { words } from "../words/chat.ts";
import {
  chats,
  current,
  keepChats,
  key,
  meetModel,
  model,
  newChat,
  problem,
  removeChat,
  showChat,
  status,
  stop,
  temperature,
  titleOf,
  topK,
  wantsKey,
} from "./chats.ts";
import { Composer, focusComposer } from "./composer.tsx";
import { Card, Greeting } from "./greeting.tsx";
import { Following, goToEnd, isFollowing } from "./scroll.tsx";
import { Turns } from "./turns.tsx";

/** Whether the list of chats is open where the window is too narrow for it. */
const isMenuOpen = signal(false);

/** Shows a chat from its end. */
function open(change: () => void): void {
  change();
  isMenuOpen.value = false;
  goToEnd();
  focusComposer();
}

function Page(): JSX.Element {
  const { turns } = current.value;
  return (
    <>
      <a class="skip" href="#message">{words.skip}</a>
      <Sidebar />
      <main>
        <h1 class="unseen">{words.title}</h1>
        <header>
          <IconButton
            class="narrow"
            icon="menu"
            name={words.menu}
            aria-expanded={isMenuOpen.value}
            onClick={() => isMenuOpen.value = true}
          />
          {model.value !== null && <Card of={model.value} />}
          <IconButton
            class="narrow"
            icon="add"
            name={words.newChat}
            onClick={() => open(newChat)}
          />
        </header>
        <Following class="scroller">
          <div class="column">
            {turns.length > 0 ? <Turns /> : model.value !== null && <Greeting of={model.value} />}
            {wantsKey.value ? <Key /> : <Problem />}
          </div>
        </Following>
        <div class="column foot">
          {!isFollowing.value && (
            <IconButton class="to-end" icon="down" name={words.down} onClick={goToEnd} />
          )}
          <Composer />
        </div>
        <p role="status" class="unseen">{status.value}</p>
      </main>
    </>
  );
}

function Sidebar(): JSX.Element {
  const close = () => isMenuOpen.value = false;
  return (
    <>
      <aside class={isMenuOpen.value ? "open" : ""} aria-label={words.sidebar}>
        <div class="brand">
          <Mark />
          <p>{words.brand}</p>
          <IconButton class="narrow" icon="close" name={words.closeMenu} onClick={close} />
        </div>
        <Button class="new" onClick={() => open(newChat)}>
          <Icon name="add" />
          {words.newChat}
        </Button>
        <Chats />
        <details>
          <summary>{words.settings}</summary>
          <Slider of={temperature} />
          <p class="note">{words.temperatureHelp}</p>
          <Slider of={topK} zero={words.all} />
          <p class="note">{words.topKHelp}</p>
        </details>
      </aside>
      {isMenuOpen.value && <div class="veil" onClick={close} />}
    </>
  );
}

function Chats(): JSX.Element {
  return (
    <nav aria-label={words.chats}>
      <ul class="chats">
        {chats.value.filter(({ turns }) => turns.length > 0).map((chat) => (
          <li key={chat.id}>
            <Button
              aria-current={chat.id === current.value.id}
              onClick={() => open(() => showChat(chat.id))}
            >
              {titleOf(chat)}
            </Button>
            <IconButton
              icon="close"
              name={words.remove(titleOf(chat))}
              onClick={() => removeChat(chat.id)}
            />
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** That the server does not answer, before it ever has. */
function Problem(): JSX.Element | null {
  if (problem.value === null) return null;
  return (
    <p class="ending failed">
      {problem.value}
      <Button onClick={() => void meetModel()}>{words.again}</Button>
    </p>
  );
}

function Key(): JSX.Element {
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        key.value = new FormData(event.currentTarget).get("key") as string;
        void meetModel();
      }}
    >
      <label for="key">{words.key}</label>
      <input id="key" name="key" type="password" autocomplete="off" />
      <button type="submit">{words.useKey}</button>
    </form>
  );
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (isMenuOpen.value) isMenuOpen.value = false;
  else stop();
});
render(<Page />, document.getElementById("page")!);
keepChats();
focusComposer();
void meetModel();
document.documentElement.dataset.ready = "";
