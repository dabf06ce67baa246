/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The box in which a message is written. @module */

import { type JSX, useEffect } from "../deps.ts";
import { Icon, IconButton } from "../parts/icons.tsx";
import { words } from "../words/chat.ts";
import { answering, canAsk, draft, model, say, stop } from "./chats.ts";
import { goToEnd } from "./scroll.tsx";

/** Where there is no mouse, the focus would open a keyboard over half of the screen. */
export const hasMouse: boolean = matchMedia("(hover: hover)").matches;

/** Puts the focus into the box. */
export function focusComposer(): void {
  if (hasMouse) document.getElementById("message")?.focus();
}

/** Says something as if it had been written into the box. */
export function send(text: string): void {
  if (text.trim() === "" || !canAsk.value) return;
  void say(text);
  goToEnd();
}

function sendDraft(): void {
  const text = draft.value;
  if (text.trim() === "" || !canAsk.value) return;
  draft.value = "";
  send(text);
}

/** The box, with a button that sends, or stops the answer that comes. */
export function Composer(): JSX.Element {
  const isComing = answering.value !== null;
  const isBase = model.value?.stage === "base";
  useEffect(() => {
    // A reader who is elsewhere, or marks a text, is left there.
    const isNowhere = document.activeElement === document.body && getSelection()?.type !== "Range";
    if (isNowhere) focusComposer();
  }, [isComing]);
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        sendDraft();
      }}
    >
      <div class="box">
        <label for="message" class="unseen">{words.message}</label>
        <textarea
          id="message"
          dir="auto"
          enterkeyhint="send"
          rows={1}
          placeholder={isBase ? words.begin : words.ask}
          value={draft.value}
          aria-describedby="hint"
          onInput={(event) => draft.value = event.currentTarget.value}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            sendDraft();
          }}
        />
        {isComing
          ? <IconButton class="send" icon="stop" name={words.stop} onClick={stop} />
          : (
            <button
              type="submit"
              class="icon-button send"
              aria-label={words.send}
              title={words.send}
              disabled={model.value === null || draft.value.trim() === ""}
            >
              <Icon name="send" />
            </button>
          )}
      </div>
      <p id="hint" class="hint">{words.hint}</p>
    </form>
  );
}
