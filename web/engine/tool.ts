/** An answer with a tool, token by token: which ones the model writes, and which ones the engine. @module */

import { calculate, nanochatFormat } from "../../chat/browser.ts";
import { Engine } from "../../gpt/browser.ts";
import type { Device } from "../../tensor/mod.ts";
import { MAX_ANSWER_TOKENS } from "./answering.ts";
import type { ModelFiles } from "./inside.ts";
import { openOnce } from "./open_models.ts";

/** A question to a model. */
export interface ToolTask {
  readonly files: ModelFiles;
  readonly question: string;
  /** Whether the engine answers calls. */
  readonly hasTool: boolean;
}

/** A token, or a call of the tool, which comes before the token that ends the call. */
export type ToolStep =
  | {
    readonly kind: "token";
    readonly id: number;
    readonly text: string;
    /** Whether the model wrote it; otherwise the engine did. */
    readonly isSampled: boolean;
  }
  | { readonly kind: "call"; readonly call: string; readonly answer: string | null };

/** Answers a question, and tells each step. The question comes first, as tokens that nobody samples. */
export async function* answerWithTool(
  device: Device,
  { files, question, hasTool }: ToolTask,
  signal: AbortSignal,
): AsyncGenerator<ToolStep> {
  const { model, tokenizer } = await openOnce(device, files);
  const prompt = await nanochatFormat(tokenizer)
    .renderPrompt([{ role: "user", content: question }]);
  const calls: ToolStep[] = [];
  const engine = new Engine(model, tokenizer, (call) => {
    const answer = hasTool ? calculate(call) : null;
    calls.push({ kind: "call", call, answer });
    return answer;
  });
  const options = { maxTokens: MAX_ANSWER_TOKENS, temperature: 0 };
  for await (const { tokens: [id], masks: [mask] } of engine.generate(prompt, options)) {
    if (signal.aborted) return;
    yield* calls.splice(0);
    yield { kind: "token", id: id!, text: tokenizer.decode([id!]), isSampled: mask === 1 };
  }
}
