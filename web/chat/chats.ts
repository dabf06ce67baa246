/// <reference lib="dom" />
/** The chats, which the browser keeps, and what can be done with them. @module */

import { computed, effect, signal } from "../deps.ts";
import { slider } from "../state.ts";
import {
  findModel,
  type Message,
  type ModelInfo,
  type Part,
  type Piece,
  ServerError,
  streamAnswer,
} from "./api.ts";

/** A turn of a chat. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly pieces: readonly Piece[];
  /** What the reader should know of it: that it was stopped, or failed. */
  readonly note?: string;
}

/** A chat. */
export interface Chat {
  readonly id: string;
  readonly turns: readonly Turn[];
}

interface Kept {
  readonly chats: readonly Chat[];
  readonly current: string;
  readonly temperature: number;
  readonly topK: number;
}

const STORE = "nanodino chats";

const kept = readKept();
/** All chats, the newest first; never empty. */
export const chats = signal<readonly Chat[]>(kept.chats);
/** The id of the chat that was chosen. */
const currentId = signal(kept.current);
/** The chat that is shown; the newest one, if that was removed. */
export const current = computed(() =>
  chats.value.find(({ id }) => id === currentId.value) ?? chats.value[0]!
);
/** How to sample: 0 is certain. */
export const temperature = slider("temperature", "Temperature", kept.temperature, [0, 2, 0.1]);
/** Sample from so many of the most likely tokens; 0 for all. */
export const topK = slider("topK", "Top-k", kept.topK, [0, 200, 1]);
/** The server's key, which is kept until the page is closed. */
export const key = signal("");
/** Whether the server has asked for a key. */
export const wantsKey = signal(false);
/** The model, when it is known. */
export const model = signal<ModelInfo | null>(null);
/** What a screen reader is told. */
export const status = signal("");
/** Stops the answer that comes; `null` if none does. */
export const answering = signal<AbortController | null>(null);

/** Keeps what changes, if the browser has room. */
export function keepChats(): void {
  effect(() => {
    const value: Kept = {
      chats: chats.value.filter(({ turns }) => turns.length > 0),
      current: current.value.id,
      temperature: temperature.value,
      topK: topK.value,
    };
    // Streamed tokens are kept when the answer ends.
    if (answering.value !== null) return;
    try {
      localStorage.setItem(STORE, JSON.stringify(value));
    } catch {
      status.value = "The browser has no room to keep this chat.";
    }
  });
}

/** Asks which model there is. */
export async function meetModel(): Promise<void> {
  try {
    model.value = await findModel(key.value);
    wantsKey.value = false;
    status.value = `${model.value.id} is ready.`;
  } catch (error) {
    if (error instanceof ServerError && error.status === 401) wantsKey.value = true;
    status.value = `${(error as Error).message}`;
  }
}

/** Begins a chat. */
export function newChat(): void {
  stop();
  const chat = emptyChat();
  chats.value = [chat, ...chats.value.filter(({ turns }) => turns.length > 0)];
  currentId.value = chat.id;
}

/** Forgets a chat. */
export function removeChat(id: string): void {
  if (id === current.value.id) stop();
  const rest = chats.value.filter((chat) => chat.id !== id);
  chats.value = rest.length === 0 ? [emptyChat()] : rest;
  status.value = "The chat is removed.";
}

/** Shows a chat. */
export function showChat(id: string): void {
  if (id !== current.value.id) stop();
  currentId.value = id;
}

/** Ends the answer that comes; what was said stays. */
export function stop(): void {
  answering.value?.abort();
}

/** Says something in place of a turn and all that follows it, and streams the answer. */
export async function say(text: string, place: number = current.value.turns.length): Promise<void> {
  const question: Turn = { role: "user", pieces: [{ type: "text", text, tokens: [] }] };
  await answer([...current.value.turns.slice(0, place), question]);
}

/** Answers the last question again. */
export async function regenerate(): Promise<void> {
  const { turns } = current.value;
  const end = turns.at(-1)?.role === "assistant" ? turns.length - 1 : turns.length;
  await answer(turns.slice(0, end));
}

/** The title of a chat: how it begins. */
export function titleOf({ turns }: Chat): string {
  return turns[0] === undefined ? "New chat" : textOf(turns[0]).slice(0, 40) || "New chat";
}

/** The characters of a turn. */
export function textOf({ pieces }: Turn): string {
  return pieces.map(({ text }) => text).join("");
}

async function answer(turns: readonly Turn[]): Promise<void> {
  if (model.value === null || answering.value !== null) return;
  const { id } = current.value;
  const controller = new AbortController();
  answering.value = controller;
  status.value = "Answering";
  let pieces: readonly Piece[] = [];
  const show = (note?: string) => {
    const turn: Turn = { role: "assistant", pieces, ...(note === undefined ? {} : { note }) };
    chats.value = chats.value.map((chat) =>
      chat.id === id ? { id, turns: [...turns, turn] } : chat
    );
  };
  show();
  try {
    const left = await stream(turns, controller.signal, (piece) => {
      pieces = [...pieces, piece];
      show();
    });
    if (left > 0) show(`The oldest ${left} turns were left out: the chat is long.`);
    status.value = "The answer is complete.";
  } catch (error) {
    const message = controller.signal.aborted ? "Stopped." : (error as Error).message;
    if (error instanceof ServerError && error.status === 401) wantsKey.value = true;
    show(message);
    status.value = message;
  } finally {
    answering.value = null;
  }
}

/** Streams an answer, without the oldest turns where all are too many; returns how many. */
async function stream(
  turns: readonly Turn[],
  signal: AbortSignal,
  onPiece: (piece: Piece) => void,
): Promise<number> {
  for (let left = 0;; left += 2) {
    const messages = turns.slice(left).map(messageOf);
    const sampling = { temperature: temperature.value, top_k: topK.value };
    try {
      const pieces = streamAnswer(model.value!, messages, sampling, key.value, signal);
      for await (const piece of pieces) onPiece(piece);
      return left;
    } catch (error) {
      const isLong = error instanceof ServerError && error.code === "context_length_exceeded";
      if (!isLong || turns.length - left <= 2) throw error;
    }
  }
}

/** Pieces as they belong together: those of a kind that follow each other are one part. */
export function partsOf(pieces: readonly Piece[]): Part[] {
  return pieces.reduce<Part[]>((all, { type, text }) => {
    const last = all.at(-1);
    if (last?.type !== type) return [...all, { type, text }];
    return [...all.slice(0, -1), { type, text: last.text + text }];
  }, []);
}

function messageOf(turn: Turn): Message {
  const { role } = turn;
  return { role, content: role === "user" ? textOf(turn) : partsOf(turn.pieces) };
}

function emptyChat(): Chat {
  return { id: `${Date.now()}.${Math.random()}`, turns: [] };
}

/** What the browser has kept; nothing, where it cannot be read. */
function readKept(): Kept {
  const chat = emptyChat();
  const nothing: Kept = { chats: [chat], current: chat.id, temperature: 0.6, topK: 50 };
  try {
    const value: Kept = JSON.parse(localStorage.getItem(STORE) ?? "null") ?? nothing;
    return value.chats.length === 0 ? { ...value, chats: [chat] } : value;
  } catch {
    return nothing;
  }
}
