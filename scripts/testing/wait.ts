/** Waits for other processes, and fails if what they should do does not come. @module */

import { assert } from "@std/assert";

/** Waits until `isDone` holds. Fails after five minutes, which also a busy machine never takes. */
export async function waitUntil(
  what: string,
  isDone: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 300_000;
  while (!await isDone()) {
    assert(performance.now() < deadline, `wanted ${what} within five minutes`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Reads until a text has come. Fails if the stream ends before. */
export async function readUntil(
  wanted: string,
  reader: ReadableStreamDefaultReader<string>,
): Promise<void> {
  let text = "";
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    assert(!done, `wanted "${wanted}", got "${text}"`);
    text += value;
  }
}
