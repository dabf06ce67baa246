/** Two requests and a third in one batch: what each step does, and what the KV caches hold. @module */

import { nanochatFormat } from "../../chat/browser.ts";
import { Batcher, type HeldCache } from "../../serve/browser.ts";
import type { Device } from "../../tensor/mod.ts";
import { MAX_ANSWER_TOKENS } from "./answering.ts";
import type { ModelFiles } from "./inside.ts";
import { openOnce } from "./open_models.ts";

/** Requests to a model. */
export interface ServingTask {
  readonly files: ModelFiles;
  readonly questions: readonly ServedQuestion[];
  /** Whether the KV caches of finished requests are kept, for prompts that begin alike. */
  readonly keepsCaches: boolean;
}

/** A question, and when it arrives: after so many steps of the batch. */
export interface ServedQuestion {
  readonly question: string;
  readonly arrives: number;
}

/** A step of the batch. */
export interface ServedStep {
  /** The tokens that it wrote, with the requests that they belong to. */
  readonly tokens: readonly { readonly request: number; readonly text: string }[];
  /** Tokens of prompts that were read. */
  readonly promptTokens: number;
  /** The KV caches after it. */
  readonly caches: readonly HeldCache[];
  /** Requests that wait for a place. */
  readonly waiting: number;
}

/** All that happened. */
export interface Served {
  readonly steps: readonly ServedStep[];
  /** For each request, tokens of the prompt, those of it that were found in a cache, tokens written. */
  readonly requests: readonly {
    readonly promptTokens: number;
    readonly cachedTokens: number;
    readonly generatedTokens: number;
  }[];
}

/** Sequences that fit into the batch. */
export const PLACES = 2;
/** Bytes for kept caches, where they are kept: more than enough. */
const KEPT_BYTES = 2 ** 24;
/**
 * Tokens of prompts that a step reads: the minimum, since a batch reads as many more as it has time for,
 * and the steps shall be the same on every machine.
 */
const PREFILL_TOKENS = 8;

/** Serves the requests by the batch of `deno task serve`, and records each step. */
export async function* serveRequests(
  device: Device,
  { files, questions, keepsCaches }: ServingTask,
  signal: AbortSignal,
): AsyncGenerator<Served> {
  const { model, tokenizer } = await openOnce(device, files);
  const format = nanochatFormat(tokenizer);
  const prompts = await Promise.all(
    questions.map(({ question }) => format.renderPrompt([{ role: "user", content: question }])),
  );
  const steps: ServedStep[] = [];
  let written: { request: number; text: string }[] = [];
  const results: Promise<Served["requests"][number]>[] = [];
  const batcher: Batcher = new Batcher(model, tokenizer, {
    maxSequences: PLACES,
    prefillTokens: PREFILL_TOKENS,
    keptBytes: keepsCaches ? KEPT_BYTES : 0,
    onStep: () => {
      const promptTokens = batcher.statistics.promptTokens - seen;
      seen = batcher.statistics.promptTokens;
      const { caches, waiting } = batcher;
      steps.push({ tokens: written, promptTokens, caches, waiting });
      written = [];
      admit();
    },
  });
  let seen = 0;
  /** Requests arrive in their order, so that their numbers are those of the batch. */
  const admit = () => {
    while (
      results.length < questions.length && questions[results.length]!.arrives <= steps.length
    ) {
      results.push(ask(results.length));
    }
  };
  const ask = async (request: number) => {
    const prompt = prompts[request]!;
    const { cachedTokens, generatedTokens } = await batcher.generate({
      prompt,
      maxTokens: MAX_ANSWER_TOKENS,
      choices: 1,
      temperature: 0,
      topK: 0,
      topP: 1,
      seed: 1,
      topLogprobs: null,
      signal,
    }, (_choice, { token }) => {
      written.push({ request, text: tokenizer.decode([token]) });
      return true;
    });
    return { promptTokens: prompt.length, cachedTokens, generatedTokens };
  };
  try {
    while (results.length < questions.length) {
      await Promise.all(results);
      // Where nobody is served, the next one arrives at once.
      if (results.length < questions.length) results.push(ask(results.length));
    }
    yield { steps, requests: await Promise.all(results) };
  } finally {
    await batcher.close();
  }
}
