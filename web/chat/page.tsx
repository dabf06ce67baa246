/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The chat page, whoever answers. @module */

import { type JSX, render, signal, useEffect, useRef } from "../deps.ts";
import { Button, Slider } from "../parts/controls.tsx";
import { Icon, IconButton } from "../parts/icons.tsx";
import { Mark } from "../parts/mark.tsx";
import { words } from "../words/chat.ts";
import {
  chats,
  current,
  fetchModel,
  hasRoom,
  isWrongKey,
  keepChats,
  key,
  model,
  newChat,
  problem,
  removeChat,
  removed,
  restoreChat,
  setBackend,
  showChat,
  status,
  stop,
  temperature,
  titleOf,
  topK,
  wantsKey,
} from "./chats.ts";
import type { Backend } from "./backend.ts";
import { Composer, focusComposer, hasMouse } from "./composer.tsx";
import { Card, Greeting } from "./greeting.tsx";
import { Following, goToEnd, isFollowing } from "./scroll.tsx";
import { type Prose, Turns } from "./turns.tsx";

/** Whether the list of chats is open where the window is too narrow for it. */
const isMenuOpen = signal(false);

/** The view of the model's inside, and whether it is shown in place of the chat. */
let Look: (() => JSX.Element) | undefined;
const isLooking = signal(false);

/** Shows a text as it is. */
const plain: Prose = ({ text }) => <span>{text}</span>;
/** Shows the text of an answer; that of a base model, which continues texts, is shown as it is. */
let prose = plain;

/** A link. */
export interface Link {
  readonly text: string;
  readonly href: string;
}

/** Where the model comes from, if that is a page. */
let home: Link | undefined;

/** Shows a chat from its end. */
function open(change: () => void): void {
  change();
  isMenuOpen.value = false;
  goToEnd();
  focusComposer();
}

/** The button that opens the menu. */
const menuButton: { current: HTMLButtonElement | null } = { current: null };

function closeMenu(): void {
  isMenuOpen.value = false;
  menuButton.current?.focus();
}

function Page(): JSX.Element {
  const { turns } = current.value;
  const away = isLooking.value ? "away" : "";
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
            ref={menuButton}
            onClick={() => isMenuOpen.value = true}
          />
          {model.value !== null && <Card of={model.value} />}
          {Look !== undefined && (
            <Button
              class="look"
              onClick={() => isLooking.value = !isLooking.value}
            >
              <Icon name={isLooking.value ? "chat" : "eye"} />
              <span>{isLooking.value ? words.talk : words.look}</span>
            </Button>
          )}
          <IconButton
            class="narrow"
            icon="add"
            name={words.newChat}
            onClick={() => open(newChat)}
          />
        </header>
        {Look !== undefined && isLooking.value && (
          <div class="scroller">
            <div class="column" data-widget="inside">
              <h2 id="inside-title">{words.inside}</h2>
              <Look />
            </div>
          </div>
        )}
        <Following class={`scroller ${away}`}>
          <div class="column">
            {turns.length > 0
              ? <Turns prose={model.value?.stage === "base" ? plain : prose} />
              : model.value !== null && <Greeting of={model.value} />}
            {wantsKey.value ? <Key /> : <Problem />}
          </div>
        </Following>
        <div class={`column foot ${away}`}>
          {!isFollowing.value && turns.length > 0 && (
            <IconButton class="to-end" icon="down" name={words.down} onClick={goToEnd} />
          )}
          {!hasRoom.value && <p class="no-room">{words.noRoom}</p>}
          <Composer />
        </div>
        <p role="status" class="unseen">{status.value}</p>
      </main>
    </>
  );
}

function Sidebar(): JSX.Element {
  const closer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Tab goes on in the menu, and not in the chat behind it.
    if (isMenuOpen.value) closer.current?.focus();
  }, [isMenuOpen.value]);
  return (
    <>
      <aside class={isMenuOpen.value ? "open" : ""} aria-label={words.sidebar}>
        <div class="brand">
          <Mark />
          <p>{words.brand}</p>
          <IconButton
            class="narrow"
            icon="close"
            name={words.closeMenu}
            ref={closer}
            onClick={closeMenu}
          />
        </div>
        <Button class="new" onClick={() => open(newChat)}>
          <Icon name="add" />
          {words.newChat}
        </Button>
        <Chats />
        <Removed />
        {home !== undefined && <a class="home" href={home.href}>{home.text}</a>}
        <details>
          <summary>{words.settings}</summary>
          <Slider of={temperature} />
          <p class="note">{words.temperatureHelp}</p>
          <Slider of={topK} zero={words.all} />
          <p class="note">{words.topKHelp}</p>
        </details>
      </aside>
      {isMenuOpen.value && <div class="veil" onClick={closeMenu} />}
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
              <span dir="auto">{titleOf(chat)}</span>
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

/** The chat that was removed last, which can come back. */
function Removed(): JSX.Element | null {
  const undo = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // The button that had the focus is gone with the chat.
    if (document.activeElement === document.body) undo.current?.focus();
  }, [removed.value]);
  if (removed.value === null) return null;
  return (
    <p class="removed">
      <span dir="auto">{words.gone(titleOf(removed.value))}</span>
      <button type="button" ref={undo} onClick={() => open(restoreChat)}>{words.undo}</button>
    </p>
  );
}

/** That the server does not answer, before it ever has; or that there is no model yet, and where to make one. */
function Problem(): JSX.Element | null {
  if (problem.value === null) return null;
  if (home !== undefined) {
    return (
      <div class="missing">
        <Mark />
        <p>{problem.value}</p>
        <a href={home.href}>{home.text}</a>
      </div>
    );
  }
  return (
    <p class="ending failed">
      {problem.value}
      <Button onClick={() => void fetchModel()}>{words.again}</Button>
    </p>
  );
}

function Key(): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Nothing can be asked without it.
    if (hasMouse) field.current!.focus();
  }, []);
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        key.value = new FormData(event.currentTarget).get("key") as string;
        void fetchModel().then(() => !wantsKey.value && focusComposer());
      }}
    >
      <label for="key">{words.key}</label>
      <input
        id="key"
        name="key"
        type="password"
        autocomplete="off"
        aria-describedby="wrong-key"
        ref={field}
      />
      <button type="submit">{words.useKey}</button>
      <p id="wrong-key" class="ending failed">{isWrongKey.value && words.wrongKey}</p>
    </form>
  );
}

/**
 * Shows the page.
 *
 * @param backend Who answers.
 * @param more What shows the inside of the model, a link to where the model was made, and what shows the
 * text of an answer.
 */
export function startChat(
  backend: Backend,
  more: { readonly look?: () => JSX.Element; readonly home?: Link; readonly prose?: Prose } = {},
): void {
  setBackend(backend);
  Look = more.look;
  home = more.home;
  prose = more.prose ?? prose;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const card = document.querySelector<HTMLDetailsElement>(".card[open]");
    if (isMenuOpen.value) closeMenu();
    else if (card !== null) card.open = false;
    else stop();
  });
  render(<Page />, document.getElementById("page")!);
  keepChats();
  focusComposer();
  void fetchModel().then(() => document.documentElement.dataset.ready = "");
}
