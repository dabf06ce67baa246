/** Trials that go wrong in every way there is, to test what runs them. @module */

import { plainTrial, runTrials, type Trial } from "./trial.ts";

export const brokenTrials: readonly Trial[] = [
  plainTrial("passes", () => "well"),
  plainTrial("fails", (random) => {
    const number = random.below(3);
    if (number === 0) throw new Error("wanted another number, got 0");
    return `${number}`;
  }),
  {
    ...plainTrial("hangs", () => new Promise<string>((resolve) => setTimeout(resolve, 60_000, ""))),
    limit: 3,
  },
  plainTrial("crashes", () => Deno.exit(7)),
  plainTrial("grows", async () => {
    const kept: Uint8Array[] = [];
    while (kept.length < 1500) {
      kept.push(new Uint8Array(2 ** 20).fill(1));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return `${kept.length}`;
  }),
];

if (import.meta.main) await runTrials(brokenTrials, Deno.args);
