import { assert } from "@std/assert";
import { PrefillPace } from "./prefill_pace.ts";

/** Times of a processor: a row of one that generates costs as much as two of a prompt. */
interface Processor {
  readonly stepMs: number;
  readonly tokenMs: number;
}

/** By how many milliseconds steps with chunks are longer than those without, the first one included. */
function delays({ stepMs, tokenMs }: Processor, others: number): number[] {
  const pace = new PrefillPace(256);
  const alone = stepMs + 2 * tokenMs * others;
  for (let step = 0; step < 5; step++) pace.note(alone, 0);
  return Array.from({ length: 50 }, (_, step) => {
    const tokens = pace.tokens(others);
    // A machine that does other things at times, too.
    const delay = tokenMs * tokens * (step % 7 === 3 ? 1.3 : 1);
    pace.note(alone + delay, tokens);
    return delay;
  });
}

Deno.test("nobody waits longer than 30 ms because of others' prompts, from the first step on", () => {
  for (const tokenMs of [0.01, 0.05, 0.1, 0.4, 1, 2]) {
    for (const stepMs of [0.2, 5, 20]) {
      for (const others of [1, 3, 8, 31]) {
        const longest = Math.max(...delays({ stepMs, tokenMs }, others));
        assert(
          longest <= 30,
          `${longest} ms: ${tokenMs} a token, ${stepMs} a step, ${others} others`,
        );
      }
    }
  }
});

Deno.test("chunks are as long as the time allows, so that prompts make progress", () => {
  const pace = new PrefillPace(256);
  for (let step = 0; step < 20; step++) {
    pace.note(5, 0);
    pace.note(5 + 0.1 * pace.tokens(4), pace.tokens(4));
  }
  // 150 would fit; with the others, a power of two.
  assert(pace.tokens(4) === 124, `${pace.tokens(4)}`);
  // However slow the processor is.
  for (let step = 0; step < 20; step++) pace.note(1000, 8);
  assert(pace.tokens(4) >= 8 && pace.tokens(0) >= 8);
});
