/**
 * A page that holds a model, in a browser: questions to it, and what Deno answers with the same files.
 *
 * @module
 */

import type { Page } from "npm:playwright-core@1.65.1";
import { ChatSession } from "../../chat/session.ts";
import type { Device } from "../../tensor/mod.ts";
import { type ModelFiles, openModel } from "../engine/inside.ts";
import { unpackFiles } from "../model_page/eight_bits.ts";
import { words } from "../words/chat.ts";

/** Says something in a chat of its own, and returns the answer: its text, and its calls of tools. */
export async function askPage(page: Page, question: string): Promise<string> {
  await page.getByRole("button", { name: "New chat" }).first().click();
  await page.fill("#message", question);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".assistant .actions");
  return squeezed(await page.locator(".assistant .said").last().textContent() ?? "");
}

/** Sets the temperature to 0. */
export async function setGreedy(page: Page): Promise<void> {
  await page.locator("aside summary").click();
  await page.focus("#temperature");
  await page.keyboard.press("Home");
}

/** Greedy answers of Deno to questions, each in a chat of its own, as the page shows them. */
export async function answersInDeno(
  device: Device,
  packed: ModelFiles,
  questions: readonly string[],
): Promise<string[]> {
  const { model, tokenizer } = await openModel(device, await unpackFiles(packed));
  const before = { text: "", python: words.calculator, python_output: " = " };
  return await Array.fromAsync(questions, async (question) => {
    using session = new ChatSession(model, tokenizer);
    let answer = "", last = "text";
    for await (
      const { type, text } of session.answer(question, { temperature: 0, maxTokens: 1000 })
    ) {
      answer += (type === last ? "" : before[type]) + text;
      last = type;
    }
    return squeezed(answer);
  });
}

/** The files of the model in a page. */
export async function filesInPage(html: string): Promise<ModelFiles> {
  const blocks = html.matchAll(/<script type="[^"]*" data-file="([^"]*)">([^<]*)<\/script>/g);
  const files = await Array.fromAsync(blocks, async ([, name, text]) => {
    const packed = new Blob([Uint8Array.fromBase64(text!)]).stream();
    const file = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).blob();
    return [name!, file] as const;
  });
  return new Map(files);
}

/** A text with single spaces, as a page shows it. */
function squeezed(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
