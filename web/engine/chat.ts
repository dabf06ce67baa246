/** Answering in a chat, by a model that is in the page. @module */

import { PartReader, promptRoom } from "../../chat/browser_internals.ts";
import type { KVCache } from "../../gpt/browser.ts";
import {
  decodeSequences,
  defaultContext,
  generationTokens,
  largestLogits,
  logProbabilities,
  parameterCount,
  RowState,
} from "../../gpt/browser_internals.ts";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import { type Message, renderConversation, renderForCompletion } from "../../tokenizer/mod.ts";
import type { AnswerEvent, ModelInfo, TokenProbability } from "../chat/backend.ts";
import type { Message as Turn } from "../chat/backend.ts";
import { free, type Model, type ModelFiles, openModel } from "./inside.ts";

/** Facts about a model besides its files. */
export type ChatModel =
  & Pick<ModelInfo, "id" | "stage" | "origin" | "assistant_name" | "examples" | "facts">
  & { readonly files: ModelFiles };

/** The request. */
export interface Question {
  /** The turns; if the last one is the assistant's, the answer goes on. */
  readonly messages: readonly Turn[];
  readonly temperature: number;
  readonly topK: number;
  /** Other seeds answer otherwise, but at temperature 0. */
  readonly seed: number;
}

/** The likeliest tokens that are told of each place. */
const TOP_TOKENS = 5;
/** The tokens that a base model writes at once. */
const BASE_TOKENS = 128;

let current: (Model & { readonly stage: string }) | null = null;
/** The tokens that were read, and their keys and values. */
let kept: { readonly cache: KVCache; tokens: readonly number[] } | null = null;

function forget(): void {
  kept?.cache.dispose();
  kept = null;
}

/** Pieces of answers that nobody hears: to write them compiles the code that writes the others. */
const WARMUP_PIECES = 128;
/** A large model is bound by its arithmetic, and a reader who asks at once does not want to wait longer. */
const WARMUP_MILLISECONDS = 500;

/**
 * Opens a model, tells what it is, and then warms up, so that the first answer is as fast as the others.
 *
 * @throws {Error} If files are missing or damaged.
 */
export async function* openChat(device: Device, given: ChatModel): AsyncGenerator<ModelInfo> {
  const { files, ...known } = given;
  const opened = await openModel(device, files);
  forget();
  if (current !== null) free(current.model);
  current = { ...opened, stage: given.stage };
  const { model, meta, tokenizer } = opened;
  yield {
    ...known,
    parameters: parameterCount(meta),
    layers: model.config.nLayer,
    vocabulary: tokenizer.vocabSize,
    context_length: defaultContext(model),
  };
  await warmUp(device);
}

/** Answers a question again and again, until the engine has compiled what it runs. */
async function warmUp(device: Device): Promise<void> {
  const end = performance.now() + WARMUP_MILLISECONDS;
  const messages: Turn[] = [{ role: "user", content: "Hello" }];
  const { signal } = new AbortController();
  let left = WARMUP_PIECES;
  for (let seed = 0; left > 0 && performance.now() < end; seed++) {
    // An answer may have no pieces at all.
    left--;
    const events = answerChat(device, { messages, temperature: 1, topK: 50, seed }, signal);
    for await (const { kind } of events) {
      if (kind === "piece") left--;
      if (left <= 0 || performance.now() >= end) break;
    }
    forget();
  }
}

/** The tokens that an answer follows, and how many of the oldest turns they leave out. */
function render(
  { tokenizer, stage }: NonNullable<typeof current>,
  turns: readonly Turn[],
  room: number,
) {
  if (stage === "base") {
    const text = turns.slice(turns.at(-1)!.role === "assistant" ? -2 : -1).map(textOf).join("");
    const prompt = tokenizer.encode(text, { prepend: tokenizer.bos });
    if (prompt.length <= room) return { prompt, truncated: 0 };
    throw tooLong(room, prompt);
  }
  const continues = turns.at(-1)!.role === "assistant";
  const unlimited = { maxTokens: Infinity };
  for (let first = 0;; first += 2) {
    const messages = turns.slice(first) as Message[];
    const prompt = continues
      // Without the token that ends the answer.
      ? renderConversation(tokenizer, { messages }, unlimited).ids.slice(0, -1)
      : renderForCompletion(
        tokenizer,
        { messages: [...messages, { role: "assistant", content: "" }] },
        unlimited,
      );
    if (prompt.length <= room) return { prompt, truncated: first };
    if (first + 2 >= turns.length) throw tooLong(room, prompt);
  }
}

function tooLong(room: number, { length }: readonly number[]): RangeError {
  return new RangeError(`Cannot answer: wanted a message of at most ${room} tokens, got ${length}`);
}

function textOf({ content }: Turn): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("");
}

/** Answers, token by token; a signal ends it after a token. @throws {Error} If there is no room. */
export async function* answerChat(
  device: Device,
  { messages, temperature, topK, seed }: Question,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent> {
  if (current === null) throw new Error("Cannot answer: wanted an open model, got none");
  const { model, tokenizer, stage } = current;
  const context = defaultContext(model);
  const isBase = stage === "base";
  const { prompt, truncated } = render(
    current,
    messages,
    promptRoom(context, isBase ? BASE_TOKENS : context),
  );
  if (truncated > 0) yield { kind: "truncated", messages: truncated };
  const special = generationTokens(tokenizer);
  const row = new RowState(special, tokenizer, undefined, { temperature, topK, seed });
  const reader = new PartReader(tokenizer);
  const isSpecial = new Set(tokenizer.specialTokens.values());
  const describe = (id: number, logprob: number) => ({ token: tokenizer.decode([id]), logprob });
  let tokens: TokenProbability[] = [];
  const limit = Math.min(context - prompt.length, isBase ? BASE_TOKENS : Infinity);
  let logits = await read(device, prompt);
  for (let count = 0; count < limit; count++) {
    const { token, mask } = row.sample(logits);
    if (row.isFinished) return yield { kind: "finish", reason: "stop" };
    if (mask === 1 && !isSpecial.has(token)) {
      const logprobOf = logProbabilities(logits);
      const top = Array.from(
        largestLogits(logits, TOP_TOKENS),
        (id) => describe(id, logprobOf(id)),
      );
      tokens.push({ ...describe(token, logprobOf(token)), top });
    }
    const piece = reader.take(token);
    if (piece !== null) {
      yield { kind: "piece", piece: { ...piece, tokens } };
      tokens = [];
    }
    if (signal.aborted) return;
    logits = await readOne(device, token);
  }
  yield { kind: "finish", reason: "length" };
}

/** Reads a prompt, of which the cache may hold the beginning. Returns the logits of the next token. */
async function read(device: Device, prompt: readonly number[]): Promise<Float32Array> {
  const { model } = current!;
  const isBeginning = kept !== null && kept.tokens.length < prompt.length &&
    kept.tokens.every((id, i) => prompt[i] === id);
  if (!isBeginning) forget();
  kept ??= { cache: model.createCache(1, defaultContext(model)), tokens: [] };
  const { cache } = kept;
  const ids = [prompt.slice(cache.position)];
  const logits = await compute(
    device,
    () =>
      model.forward(Tensor.from(device, ids, { dtype: "int32" }), undefined, {
        cache,
        lastOnly: true,
      }),
  );
  kept.tokens = prompt;
  return logits;
}

/** Reads one more token. Returns the logits of the next one. */
async function readOne(device: Device, token: number): Promise<Float32Array> {
  const { cache, tokens } = kept!;
  const ids = Tensor.from(device, [[token]], { dtype: "int32" });
  const logits = await compute(device, () => decodeSequences(current!.model, ids, [cache]));
  ids.dispose();
  kept!.tokens = [...tokens, token];
  return logits;
}

async function compute(device: Device, forward: () => Tensor): Promise<Float32Array> {
  const logits = noGrad(() => {
    using scope = device.scope();
    return scope.keep(forward());
  });
  const values = await logits.data() as Float32Array;
  logits.dispose();
  return values;
}
