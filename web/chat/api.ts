/** Asking the server that the page came from. @module */

import { words } from "../words/chat.ts";
import type {
  AnswerEvent,
  Backend,
  Message,
  ModelInfo,
  Part,
  Piece,
  TokenProbability,
} from "./backend.ts";

/** An error that the server reports. */
export class ServerError extends Error {
  /** The HTTP status; 0 if the server does not answer. */
  readonly status: number;
  /** A word for programs. */
  readonly code: string | null;

  constructor(status: number, message: string, code: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const TOP_TOKENS = 5;

/** The tokens of a text that a base model writes at once. */
const BASE_TOKENS = 128;

/** The newest turns that are sent: more than any context holds, fewer than the server takes. */
const MAX_MESSAGES = 400;

/** The model that the server has. @throws {ServerError} If it refuses, or does not answer. */
async function findModel(key: string): Promise<ModelInfo> {
  const { data } = await (await ask("v1/models", key)).json();
  return data[0];
}

/**
 * Streams an answer, or the rest of one; a base model continues the last message.
 *
 * The server leaves out the oldest turns where all are too many, so that there is room for an answer.
 *
 * @param messages The turns; if the last one is the assistant's, the answer goes on.
 * @throws {ServerError} If the server refuses, or does not answer.
 */
async function* streamAnswer(
  model: ModelInfo,
  messages: readonly Message[],
  sampling: { readonly temperature: number; readonly top_k: number },
  key: string,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void, void> {
  const isBase = model.stage === "base";
  const continues = messages.at(-1)!.role === "assistant";
  const common = { model: model.id, stream: true, truncation: "auto", ...sampling };
  const body = isBase
    ? {
      ...common,
      prompt: messages.slice(continues ? -2 : -1).map(textOf).join(""),
      max_tokens: BASE_TOKENS,
      logprobs: TOP_TOKENS,
    }
    : {
      ...common,
      messages: messages.slice(-MAX_MESSAGES - (continues ? 0 : 1)),
      continue_final_message: continues,
      logprobs: true,
      top_logprobs: TOP_TOKENS,
    };
  const path = isBase ? "v1/completions" : "v1/chat/completions";
  const request = { method: "POST", body: JSON.stringify(body), signal };
  const response = await ask(path, key, request);
  for await (const data of events(response.body!)) {
    if (data === "[DONE]") return;
    const { error, truncated_messages: messages, choices: [choice] = [] } = JSON.parse(data);
    if (error !== undefined) throw new ServerError(500, error.message);
    if (messages > 0) yield { kind: "truncated", messages };
    if (choice === undefined) continue;
    const pieces = isBase ? textPieces(choice) : chatPieces(choice);
    for (const piece of pieces) yield { kind: "piece", piece };
    if (choice.finish_reason !== null) yield { kind: "finish", reason: choice.finish_reason };
  }
  // The server ends each answer by saying so.
  throw new ServerError(0, words.silent);
}

function textOf({ content }: Message): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("");
}

interface ChatChoice {
  readonly delta: { readonly parts?: readonly Part[] };
  readonly logprobs: {
    readonly content: readonly (
      & Pick<TokenProbability, "token" | "logprob">
      & { readonly top_logprobs: TokenProbability["top"] }
    )[];
  } | null;
}

function* chatPieces({ delta: { parts = [] }, logprobs }: ChatChoice): Generator<Piece> {
  const tokens = (logprobs?.content ?? []).map(({ token, logprob, top_logprobs }) => {
    const top = top_logprobs.map(({ token, logprob }) => ({ token, logprob }));
    return { token, logprob, top };
  });
  for (const [i, part] of parts.entries()) yield { ...part, tokens: i === 0 ? tokens : [] };
}

interface TextChoice {
  readonly text: string;
  readonly logprobs: {
    readonly tokens: readonly string[];
    readonly token_logprobs: readonly number[];
    readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  } | null;
}

function* textPieces({ text, logprobs }: TextChoice): Generator<Piece> {
  if (text === "") return;
  const tokens = (logprobs?.tokens ?? []).map((token, i) => ({
    token,
    logprob: logprobs!.token_logprobs[i]!,
    top: Object.entries(logprobs!.top_logprobs[i]!).map(([token, logprob]) => ({ token, logprob })),
  }));
  yield { type: "text", text, tokens };
}

/** The data of server-sent events. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const read = () => reader.read().catch(asServerError);
  let rest = "";
  try {
    for (let { done, value } = await read(); !done; { done, value } = await read()) {
      const all = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = all.pop()!;
      for (const event of all) yield event.replace(/^data: /, "");
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Asks the server for a path. @throws {ServerError} If it refuses, or does not answer. */
async function ask(path: string, key: string, request: RequestInit = {}): Promise<Response> {
  const headers = new Headers({ "content-type": "application/json" });
  if (key !== "") headers.set("authorization", `Bearer ${key}`);
  const response = await fetch(path, { headers, ...request }).catch(asServerError);
  if (response.ok) return response;
  const { status } = response;
  const { error } = await response.json().catch(() => ({ error: {} }));
  throw new ServerError(status, error.message ?? `status ${status}`, error.code);
}

/** The server that the page came from. */
export const server: Backend = { findModel, streamAnswer };

/** Turns the browser's "Failed to fetch" or "network error" into an error that says no server answers. */
function asServerError(error: Error): never {
  throw error instanceof TypeError ? new ServerError(0, words.silent) : error;
}
