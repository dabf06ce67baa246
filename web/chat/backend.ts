/** The backend of a chat: a server, or a model in the page itself. @module */

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

/** An event of an answer: a piece of text, the reason it ended, the number of turns left out. */
export type AnswerEvent =
  | { readonly kind: "piece"; readonly piece: Piece }
  | { readonly kind: "finish"; readonly reason: "stop" | "length" }
  | { readonly kind: "truncated"; readonly messages: number };

/** A turn, as it is sent. */
export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string | readonly Part[];
}

/** The model that answers. */
export interface ModelInfo {
  readonly id: string;
  /** Where it comes from: a `base` model continues texts, others answer. */
  readonly stage: string;
  /** The run and its step. */
  readonly origin: string;
  /** The name that it goes by, if that is known. @default {null} */
  readonly assistant_name?: string | null;
  /** Suggested first messages. */
  readonly examples: readonly string[];
  /** `null` if nobody knows. */
  readonly parameters: number | null;
  readonly layers: number | null;
  readonly vocabulary: number;
  readonly context_length: number;
  /** More of what its card shows. @default {nothing} */
  readonly facts?: readonly (readonly [name: string, value: string])[];
}

/** The backend of a chat. */
export interface Backend {
  /** The model that there is. @throws {Error} If there is none; `status` is 401 if a key is wanted. */
  findModel(key: string): Promise<ModelInfo>;
  /**
   * Streams an answer, or the rest of one; a base model continues the last message.
   *
   * @param messages The turns; if the last one is the assistant's, the answer goes on.
   * @throws {Error} If there is no answer; `code` is `context_length_exceeded` where it has no room.
   */
  streamAnswer(
    model: ModelInfo,
    messages: readonly Message[],
    sampling: { readonly temperature: number; readonly top_k: number },
    key: string,
    signal: AbortSignal,
  ): AsyncIterable<AnswerEvent>;
}

/** An error, as the backend describes it. */
export interface BackendError extends Error {
  /** The HTTP status. */
  readonly status?: number;
  /** A word for programs. */
  readonly code?: string | null;
}
