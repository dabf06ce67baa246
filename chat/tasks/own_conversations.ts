/**
 * The user's own conversations, from JSON Lines files.
 *
 * A line is an array of turns, `[{"role": "user", "content": "…"}, …]`, or an object with such an array
 * as `messages`, as in OpenAI's fine-tuning files. A system turn may come first; then user and assistant
 * take turns. The assistant's content may be a list of parts of type `text`, `python` or
 * `python_output`.
 *
 * @module
 */

import type { Conversation, Message, MessagePart } from "../../tokenizer/mod.ts";
import { parseJsonLines } from "../files/json_lines.ts";
import { records } from "../../data/mod.ts";
import { basePath, fileError } from "../../gpt/internals.ts";
import { readRecords, shown } from "../files/records.ts";
import { PackedConversations } from "./packed_conversations.ts";
import { listTask, type Task } from "./task.ts";

/**
 * Parses the conversations in a file.
 *
 * @param text JSON Lines; empty lines are skipped.
 * @param path The name of the file, for messages.
 * @throws {Error} If a line is not a conversation, or there are none; the message names file and line.
 *
 * @example
 * ```ts
 * import { parseConversations } from "./own_conversations.ts";
 *
 * const line = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}';
 * const [conversation] = parseConversations(line, "mine.jsonl");
 * if (conversation!.messages.length !== 2) throw new Error("expected two turns");
 * ```
 */
export function parseConversations(text: string, path: string): Conversation[] {
  return parseJsonLines(text, path, "conversations", (value) => parseConversation(value));
}

/**
 * Reads conversations from a file.
 *
 * @param path A JSON Lines file, in UTF-8.
 * @throws {Error} If the file cannot be read, a line is not a conversation, or there are none.
 */
export async function ownConversations(path: string): Promise<Task> {
  return listTask(
    path,
    await readRecords(path, "conversations", (value) => parseConversation(value)),
  );
}

/**
 * Reads the conversations of SmolTalk, in the order of its rows, like {@linkcode ownConversations};
 * but turns may be empty, and the conversations are kept outside the JavaScript heap.
 *
 * @param place Parquet or JSON Lines files with `messages`.
 * @throws {Error} As {@linkcode ownConversations}.
 */
export async function smolTalk(place: string): Promise<Task> {
  const packed = new PackedConversations();
  for await (const { value, where } of records(place, { unpackInto: basePath("unpacked") })) {
    try {
      packed.push(parseConversation(value, true));
    } catch (cause) {
      throw fileError("read", where, cause);
    }
  }
  if (packed.length === 0) throw new Error(`Cannot read ${place}: wanted conversations, got none`);
  return { name: "SmolTalk", length: packed.length, get: (index) => packed.get(index) };
}

function parseConversation(value: unknown, mayBeEmpty = false): Conversation {
  const turns = isRecord(value) ? value.messages : value;
  if (!Array.isArray(turns)) {
    throw new TypeError("wanted a list of turns, or an object with messages, got neither");
  }
  const messages = turns.map((turn, index) => parseMessage(turn, index, mayBeEmpty));
  const spoken = messages[0]?.role === "system" ? messages.slice(1) : messages;
  for (const [i, { role }] of spoken.entries()) {
    const wanted = i % 2 === 0 ? "user" : "assistant";
    if (role !== wanted) {
      const turn = messages.length - spoken.length + i + 1;
      throw new TypeError(`wanted turn ${turn} from the ${wanted}, got one from the ${role}`);
    }
  }
  if (spoken.length < 2) {
    throw new TypeError(`wanted a turn of the user and one of the assistant, got ${spoken.length}`);
  }
  return { messages };
}

function parseMessage(value: unknown, index: number, mayBeEmpty: boolean): Message {
  if (!isRecord(value)) {
    throw new TypeError(`wanted an object as turn ${index + 1}, got ${shown(value)}`);
  }
  const { role, content } = value;
  if (role !== "system" && role !== "user" && role !== "assistant") {
    throw new TypeError(
      `wanted the role system, user or assistant in turn ${index + 1}, got ${shown(role)}`,
    );
  }
  if (typeof content === "string") {
    if (content.trim() === "" && !mayBeEmpty) {
      throw new TypeError(`wanted content in turn ${index + 1}, got none`);
    }
    return { role, content };
  }
  if (role !== "assistant" || !Array.isArray(content) || content.length === 0) {
    throw new TypeError(`wanted a string as content of turn ${index + 1}, got ${shown(content)}`);
  }
  return { role, content: content.map((part) => parsePart(part, index)) };
}

const partTypes = ["text", "python", "python_output"] as const;

function parsePart(value: unknown, index: number): MessagePart {
  const part = isRecord(value) ? value : {};
  const type = partTypes.find((name) => name === part.type);
  if (type === undefined) {
    throw new TypeError(
      `wanted a part of type ${partTypes.join(", ")} in turn ${index + 1}, got ${shown(part.type)}`,
    );
  }
  if (typeof part.text !== "string") {
    throw new TypeError(
      `wanted a string in the ${type} part of turn ${index + 1}, got ${shown(part.text)}`,
    );
  }
  return { type, text: part.text };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
