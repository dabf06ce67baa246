/// <reference lib="dom" />
/** The chats, which the browser keeps, and what can be done with them. @module */

import { computed, effect, signal } from "../deps.ts";
import { slider } from "../state.ts";
import { words } from "../words/chat.ts";
import type { Backend, BackendError, Message, ModelInfo, Part, Piece } from "./backend.ts";
import { onStore, readStore, removeStore, storedNames, writeStore } from "./store.ts";

/** How an answer ended: by itself, at the limit of its length, by the reader, or by an error. */
export type Finish = "stop" | "length" | "stopped" | "failed";

/** A turn of a chat. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly pieces: readonly Piece[];
  readonly finish?: Finish;
  /** The error, if there was one. */
  readonly problem?: string;
  /** How many turns before it the model did not see. */
  readonly truncated?: number;
  /** Seconds from the question to the first token. */
  readonly firstToken?: number;
  /** The speed after the first token. */
  readonly tokensPerSecond?: number;
}

/** A chat. */
export interface Chat {
  readonly id: string;
  readonly turns: readonly Turn[];
}

/** Each chat is kept under a name of its own, so that tabs do not overwrite each other's. */
const CHAT = "chat/";
/** How to sample, the draft, and the chat that a tab shows. */
const SETTINGS = "settings", DRAFT = "draft", SHOWN = "shown";
/** Where the first version of this page kept all chats. */
const ALL = "chats";

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
export const temperature = slider("temperature", words.temperature, kept.temperature, [0, 2, 0.1]);
/** Sample from so many of the most likely tokens; 0 for all. */
export const topK = slider("topK", words.topK, kept.topK, [0, 200, 1]);
/** The draft of a message; it survives a reload. */
export const draft = signal(readStore<string>(DRAFT) ?? "");
/** The server's key, which is kept until the page is closed. */
export const key = signal("");
/** Whether the server has asked for a key. */
export const wantsKey = signal(false);
/** Whether it has refused the one that it was given. */
export const isWrongKey = signal(false);
/** The model, when it is known. */
export const model = signal<ModelInfo | null>(null);
/** Why the model is not known. */
export const problem = signal<string | null>(null);
/** The status that screen readers announce. */
export const status = signal("");
/** Stops the answer that comes; `null` if none does. */
export const answering = signal<AbortController | null>(null);
/** Whether something can be asked now. */
export const canAsk = computed(() => model.value !== null && answering.value === null);
/** Whether the browser keeps all chats. */
export const hasRoom = signal(true);
/** The chat that was removed last: it can come back. */
export const removed = signal<Chat | null>(null);

/** Keeps settings and the draft as they change, and takes over what other tabs change in chats. */
export function keepChats(): void {
  effect(() => void writeStore(SETTINGS, { temperature: temperature.value, topK: topK.value }));
  effect(() => void writeStore(SHOWN, current.value.id, "sessionStorage"));
  effect(() => void writeStore(DRAFT, draft.value));
  // Leaving the page stops the answer that comes. Some browsers send only one of both events.
  addEventListener("beforeunload", leave);
  addEventListener("pagehide", leave);
  onStore((name) => {
    if (name.startsWith(CHAT)) takeOver(name.slice(CHAT.length));
  });
}

/** Stops the answer that comes, and keeps what was said: there may be no time to do so later. */
function leave(): void {
  if (answering.value === null) return;
  stop();
  write(current.value);
}

/** Keeps a chat, if the browser has room. */
function write(chat: Chat): void {
  const { id, turns } = chat;
  if (turns.length === 0) return;
  hasRoom.value = writeStore(CHAT + id, chat);
  if (hasRoom.value) return;
  // The probabilities of tokens take most of the room: those of other chats go first.
  for (const other of chats.value) {
    if (other.id !== id && other.turns.length > 0) writeStore(CHAT + other.id, bare(other));
  }
  hasRoom.value = writeStore(CHAT + id, chat) || writeStore(CHAT + id, bare(chat));
  if (!hasRoom.value) status.value = words.noRoom;
}

/** Takes over a chat that another tab has changed or removed; the answer that comes here stays. */
function takeOver(id: string): void {
  if (id === current.value.id && answering.value !== null) return;
  const told = readChat(id);
  if (told === null) return drop(id);
  chats.value = inOrder([...chats.value.filter((chat) => chat.id !== id), told]);
  currentId.value = current.value.id;
}

/** Shows a chat no longer; an empty one, if it was the last. */
function drop(id: string): void {
  const others = chats.value.filter((chat) => chat.id !== id);
  chats.value = others.length === 0 ? [emptyChat()] : others;
  currentId.value = current.value.id;
}

let backend: Backend | null = null;

/** Says who answers, before anything is asked. */
export function setBackend(given: Backend): void {
  backend = given;
}

/** Asks which model there is. */
export async function fetchModel(): Promise<void> {
  try {
    model.value = await backend!.findModel(key.value);
    wantsKey.value = false;
    problem.value = null;
    status.value = words.ready(model.value.id);
  } catch (error) {
    const { status: code, message } = error as BackendError;
    wantsKey.value = code === 401;
    isWrongKey.value = wantsKey.value && key.value !== "";
    status.value = isWrongKey.value ? words.wrongKey : message;
    // Where a model has answered before, its last turn tells what is wrong.
    if (model.value === null) problem.value = message;
  }
}

/** Begins a chat. */
export function newChat(): void {
  stop();
  const chat = emptyChat();
  chats.value = [chat, ...chats.value.filter(({ turns }) => turns.length > 0)];
  currentId.value = chat.id;
}

/** Removes a chat. */
export function removeChat(id: string): void {
  if (id === current.value.id) stop();
  removed.value = settled(chats.value.find((chat) => chat.id === id)!);
  drop(id);
  removeStore(CHAT + id);
  status.value = words.removed;
}

/** Brings the chat back that was removed last, and shows it. */
export function restoreChat(): void {
  const chat = removed.value;
  if (chat === null) return;
  removed.value = null;
  chats.value = inOrder([...chats.value, chat]);
  write(chat);
  showChat(chat.id);
  status.value = words.restored;
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

/**
 * Asks for the model again after an error: a server that is back may have another one.
 *
 * @returns Whether the reader is still in the same chat.
 */
async function findModelAgain(): Promise<boolean> {
  const { id, turns } = current.value;
  if (turns.at(-1)?.finish === "failed") await fetchModel();
  return current.value.id === id;
}

/** Answers the last question again. */
export async function regenerate(): Promise<void> {
  if (!await findModelAgain()) return;
  const { turns } = current.value;
  const end = turns.at(-1)?.role === "assistant" ? turns.length - 1 : turns.length;
  await answer(turns.slice(0, end));
}

/** Goes on with the last answer, behind its end. */
export async function continueAnswer(): Promise<void> {
  if (!await findModelAgain()) return;
  const { turns } = current.value;
  const last = turns.at(-1);
  if (last?.role !== "assistant") return;
  // A call that was cut has no answer: it is made again.
  const pieces = last.pieces.slice(
    0,
    last.pieces.findLastIndex(({ type }) => type !== "python") + 1,
  );
  await answer(turns.slice(0, -1), pieces);
}

/** The title of a chat: how it begins. */
export function titleOf({ turns }: Chat): string {
  return turns[0] === undefined ? words.untitled : textOf(turns[0]).slice(0, 40) || words.untitled;
}

/** The characters of a turn. */
export function textOf({ pieces }: Pick<Turn, "pieces">): string {
  return pieces.map(({ text }) => text).join("");
}

/** The text of a turn for the reader, without the calls of tools. */
export function saidIn({ pieces }: Pick<Turn, "pieces">): string {
  return textOf({ pieces: pieces.filter(({ type }) => type === "text") });
}

/** @param begun The pieces that there are of the answer. */
async function answer(turns: readonly Turn[], begun: readonly Piece[] = []): Promise<void> {
  if (model.value === null || answering.value !== null || turns.length === 0) return;
  const { id } = current.value;
  const showTurns = (turns: readonly Turn[]) => {
    chats.value = chats.value.map((chat) => chat.id === id ? { id, turns } : chat);
  };
  // The question is kept before there is an answer.
  if (begun.length === 0) write({ id, turns });
  const controller = new AbortController();
  answering.value = controller;
  removed.value = null;
  status.value = words.answering;
  let turn: Turn = { role: "assistant", pieces: begun };
  let frame = 0;
  const showNow = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    showTurns([...turns, turn]);
  };
  // Tokens may come faster than the screen shows pictures.
  const show = (more: Partial<Turn>) => {
    turn = { ...turn, ...more };
    frame ||= requestAnimationFrame(showNow);
  };
  showNow();
  // All that was said is shown when it is stopped: there may be no other frame.
  controller.signal.addEventListener("abort", showNow);
  const asked = answered(begun.length === 0 ? turns : [...turns, turn]).map(messageOf);
  const sampling = { temperature: temperature.value, top_k: topK.value };
  const clock = new AnswerClock();
  try {
    const events = backend!.streamAnswer(
      model.value,
      asked,
      sampling,
      key.value,
      controller.signal,
    );
    for await (const event of events) {
      if (event.kind === "piece") {
        show({ pieces: [...turn.pieces, event.piece], ...clock.hear(event.piece.tokens.length) });
      } else if (event.kind === "finish") show({ finish: event.reason });
      else show({ truncated: event.messages });
    }
    status.value = turn.finish === "length" ? words.cut : words.complete;
  } catch (error) {
    const { status: httpStatus, code, message: told } = error as BackendError;
    const full = begun.length > 0 ? words.full : words.tooLong(model.value.context_length);
    const isTooLong = code === "context_length_exceeded" || code === "request_too_large";
    const message = isTooLong ? full : told;
    if (httpStatus === 401) wantsKey.value = true;
    if (controller.signal.aborted) show({ finish: "stopped" });
    else show({ finish: "failed", problem: message });
    status.value = controller.signal.aborted ? words.stopped : message;
  } finally {
    showNow();
    answering.value = null;
    const chat = chats.value.find((chat) => chat.id === id);
    if (chat !== undefined) write(chat);
  }
}

/** Turns without the questions that got no answer, but for the last one. */
function answered(turns: readonly Turn[]): readonly Turn[] {
  const isEmpty = (turn: Turn | undefined) => turn?.role === "assistant" && textOf(turn) === "";
  return turns.filter((turn, i) => !isEmpty(turn) && !isEmpty(turns[i + 1]));
}

/** Seconds after which a speed can be measured: a few tokens that come at once say nothing about it. */
const SHORTEST = 0.02;

/** When the tokens of an answer come. */
class AnswerClock {
  readonly #start = performance.now();
  #first: number | null = null;
  #tokens = 0;

  /** The speed, measured after this many tokens. */
  hear(tokens: number): Pick<Turn, "firstToken" | "tokensPerSecond"> {
    const now = performance.now();
    const firstToken = ((this.#first ??= now) - this.#start) / 1000;
    this.#tokens += tokens;
    const seconds = (now - this.#first) / 1000;
    // The first piece only starts the clock.
    if (seconds === 0) this.#tokens = 0;
    if (seconds < SHORTEST) return { firstToken };
    return { firstToken, tokensPerSecond: this.#tokens / seconds };
  }
}

/** Pieces as they belong together: those of a kind that follow each other are one part. */
export function joinPieces(pieces: readonly Piece[]): Part[] {
  return pieces.reduce<Part[]>((all, { type, text }) => {
    const last = all.at(-1);
    if (last?.type !== type) return [...all, { type, text }];
    return [...all.slice(0, -1), { type, text: last.text + text }];
  }, []);
}

function messageOf(turn: Turn): Message {
  const { role } = turn;
  return { role, content: role === "user" ? textOf(turn) : joinPieces(turn.pieces) };
}

/** A chat without the probabilities of its tokens. */
function bare({ id, turns }: Chat): Chat {
  const bareTurn = (turn: Turn): Turn => ({
    ...turn,
    pieces: turn.pieces.map((piece) => ({ ...piece, tokens: [] })),
  });
  return { id, turns: turns.map(bareTurn) };
}

/** The newest first: an id begins with the time. */
function inOrder(chats: readonly Chat[]): Chat[] {
  return chats.toSorted((a, b) => a.id < b.id ? 1 : -1);
}

function emptyChat(): Chat {
  return { id: `${Date.now()}.${Math.random()}`, turns: [] };
}

/** A chat whose page was closed in the middle of an answer: that was stopped. */
function settled(chat: Chat): Chat {
  const last = chat.turns.at(-1);
  if (last === undefined || last.finish !== undefined) return chat;
  const isAsked = last.role === "user";
  const before = isAsked ? chat.turns : chat.turns.slice(0, -1);
  const answer: Turn = isAsked ? { role: "assistant", pieces: [] } : last;
  return { ...chat, turns: [...before, { ...answer, finish: "stopped" }] };
}

/** A chat that the browser keeps; `null`, if it has none of this id, or something else. */
function readChat(id: string): Chat | null {
  const value = readStore<Chat>(CHAT + id);
  const isWhole = Array.isArray(value?.turns) &&
    value.turns.every((turn: Turn | null) => Array.isArray(turn?.pieces));
  return isWhole ? value : null;
}

/** Gives the chats of this page's first version names of their own, where the browser has room for them. */
function splitEarlier(): void {
  const earlier = readStore<{ readonly chats?: readonly Chat[] }>(ALL)?.chats;
  if (!Array.isArray(earlier)) return;
  // Where there was no room for all, some may have names already, and have gone on since.
  const isKept = (chat: Chat) => readChat(chat.id) !== null || writeStore(CHAT + chat.id, chat);
  if (earlier.every(isKept)) removeStore(ALL);
}

/** Reads what the browser keeps. A tab shows the chat that it showed, and begins with a new one. */
function readKept() {
  splitEarlier();
  const { temperature = 0.6, topK = 50 } =
    readStore<Partial<Record<"temperature" | "topK", number>>>(SETTINGS) ?? {};
  const ids = storedNames().filter((name) => name.startsWith(CHAT))
    .map((name) => name.slice(CHAT.length));
  const chats = inOrder(ids.flatMap((id) => readChat(id) ?? [])).map(settled);
  const shown = readStore<string>(SHOWN, "sessionStorage");
  if (shown !== null && chats.some(({ id }) => id === shown)) {
    return { chats, temperature, topK, current: shown };
  }
  const chat = emptyChat();
  return { chats: [chat, ...chats], temperature, topK, current: chat.id };
}
