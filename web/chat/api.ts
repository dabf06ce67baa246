/** Asking the server that the page came from. @module */

/** A part of an answer: text, the call of a tool, or what the tool answered. */
export interface Part {
  readonly type: "text" | "python" | "python_output";
  readonly text: string;
}

/** A token with its probability, and the most likely ones in its place. */
export interface TokenProbability {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly Pick<TokenProbability, "token" | "logprob">[];
}

/** A piece of an answer as it comes, and the tokens that it stems from. */
export interface Piece extends Part {
  readonly tokens: readonly TokenProbability[];
}

/** A turn as the server wants it. */
export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string | readonly Part[];
}

/** The model that is served. */
export interface ModelInfo {
  readonly id: string;
  /** Where it comes from: a `base` model continues texts, others answer. */
  readonly stage: string;
}

/** What the server says went wrong. */
export class ServerError extends Error {
  readonly status: number;
  readonly code: string | null;

  constructor(status: number, message: string, code: string | null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const TOP_TOKENS = 5;

/** The model that the server has. */
export async function findModel(key: string): Promise<ModelInfo> {
  const { data } = await (await ask("v1/models", key)).json();
  return data[0];
}

/**
 * Streams an answer; a base model continues the last message.
 *
 * @throws {ServerError} If the server refuses.
 */
export async function* streamAnswer(
  model: ModelInfo,
  messages: readonly Message[],
  sampling: { readonly temperature: number; readonly top_k: number },
  key: string,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, void> {
  const isBase = model.stage === "base";
  const common = { model: model.id, stream: true, ...sampling };
  const body = isBase
    ? { ...common, prompt: messages.at(-1)!.content, max_tokens: 128, logprobs: TOP_TOKENS }
    : { ...common, messages, logprobs: true, top_logprobs: TOP_TOKENS };
  const path = isBase ? "v1/completions" : "v1/chat/completions";
  const request = { method: "POST", body: JSON.stringify(body), signal };
  const response = await ask(path, key, request);
  for await (const data of events(response.body!)) {
    if (data === "[DONE]") return;
    const { error, choices: [choice] = [] } = JSON.parse(data);
    if (error !== undefined) throw new ServerError(500, error.message, error.code);
    if (choice !== undefined) yield* isBase ? textPieces(choice) : chatPieces(choice);
  }
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
  const tokens = (logprobs?.content ?? []).map(({ token, logprob, top_logprobs }) => ({
    ...{ token, logprob },
    top: top_logprobs,
  }));
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
  let rest = "";
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      const all = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = all.pop()!;
      for (const event of all) yield event.replace(/^data: /, "");
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Asks the server for a path. @throws {ServerError} If it refuses. */
async function ask(path: string, key: string, request: RequestInit = {}): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    ...(key !== "" && { authorization: `Bearer ${key}` }),
  };
  const response = await fetch(path, { headers, ...request });
  if (response.ok) return response;
  const { status } = response;
  const { error } = await response.json().catch(() => ({ error: {} }));
  throw new ServerError(status, error.message ?? `status ${status}`, error.code ?? null);
}
