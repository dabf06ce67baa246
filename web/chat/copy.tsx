/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A button that copies a text. @module */

import { type JSX, useState } from "../deps.ts";
import { IconButton } from "../parts/icons.tsx";
import { words } from "../words/chat.ts";
import { status } from "./chats.ts";

/** Milliseconds for which it shows that it has copied. */
const SHOWN = 2000;

/** Copies a text, and shows for a while that it has. */
export function CopyButton({ text }: { readonly text: () => string }): JSX.Element {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    const isDone = await copyText(text());
    status.value = isDone ? words.copied : words.notCopied;
    setCopied(isDone);
    if (isDone) setTimeout(() => setCopied(false), SHOWN);
  };
  return (
    <IconButton
      icon={isCopied ? "done" : "copy"}
      name={words.copy}
      onClick={() => void copy()}
    />
  );
}

/** Puts a text onto the clipboard. Returns whether the browser let it. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // A page that comes from another machine without TLS has no clipboard but this one.
    const focused = document.activeElement as HTMLElement | null;
    const box = document.createElement("textarea");
    box.className = "unseen";
    box.value = text;
    document.body.append(box);
    box.select();
    const isDone = document.execCommand("copy");
    box.remove();
    focused?.focus();
    return isDone;
  }
}
