/**
 * Looks for faults for a while: `deno task soak --minutes 30`. Or often, however long it takes, such
 * as with a million damaged files: `deno task soak --only files/GGUF --seed 1 --times 1000000`.
 *
 * It kills training, fine-tuning, ranks and the server, damages files of every format, sends hostile
 * requests, mutates inputs, and looks for leaks. Each trial has a seed; the first failure is printed
 * with the command that repeats it. Ctrl-C ends it with the table of what was tried until then.
 *
 * @module
 */

import {
  decimal,
  integer,
  mainOf,
  optional,
  text,
  UsageError,
  type Values,
} from "../../scripts/flags.ts";
import { onInterrupt } from "../../scripts/interrupt.ts";
import { type Failure, soak, type Tally } from "./soak.ts";
import { trials } from "./trials.ts";

const flags = {
  minutes: optional(
    decimal(
      5,
      "How long; each trial is tried at least once; by default 5, or as long as times take",
    ),
  ),
  seed: optional(integer(0, "The first seed of each trial, by default a random one", { least: 0 })),
  only: text("", "What to try: the name of a trial, or its beginning", "NAME"),
  times: optional(integer(1, "How often each is tried at most, by default as time allows")),
};

const command = "deno task soak";

const main = mainOf({
  summary: "Looks for faults: kills, damaged files, hostile requests, mutated inputs, leaks.",
  command,
  flags,
  run: runSoak,
});

async function runSoak({ minutes, seed, only, times }: Values<typeof flags>): Promise<number> {
  const chosen = trials.filter(({ name }) => name.startsWith(only));
  if (chosen.length === 0) {
    const names = trials.map(({ name }) => name).join(", ");
    throw new UsageError(`--only: wanted one of ${names}, got "${only}"`);
  }
  const first = seed ?? Math.floor(Math.random() * 2 ** 31);
  const limit = minutes ?? (times === null ? 5 : Infinity);
  const limits = [
    ...(limit === Infinity ? [] : [`for ${limit} minutes`]),
    ...(times === null ? [] : [`${times} times each`]),
  ];
  using interrupt = onInterrupt("Stopping; press Ctrl-C again to stop at once.");
  console.log(`Looking for faults ${limits.join(", ")}, from seed ${first}.`);
  const missing = chosen.filter(({ missing }) => missing !== undefined);
  for (const { name, missing: what } of missing) console.log(`${name}: skipped without ${what}`);
  const { tallies, failures } = await soak({
    trials: chosen,
    seconds: 60 * limit,
    seed: first,
    script: new URL("trials.ts", import.meta.url),
    signal: interrupt.signal,
    ...(times === null ? {} : { times }),
    onFailure: ({ name, seed }) => console.log(`FAILED ${name}, seed ${seed}`),
  });
  console.log(tableOf(tallies));
  const [failure] = failures;
  if (failure === undefined) return interrupt.signal.aborted ? interrupt.signal.reason : 0;
  console.log(`\n${failures.length} failed. The first:\n${report(failure)}`);
  return 1;
}

/** A failure, and how to see it again. */
function report({ name, seed, error }: Failure): string {
  return `${name}, seed ${seed}: ${error}\n\n` +
    `Again: ${command} --only '${name}' --seed ${seed} --times 1`;
}

function tableOf(tallies: readonly Tally[]): string {
  const rows = tallies.map(({ name, tried, failed, outcomes, slowest, memory }) => [
    name,
    `${tried}`,
    `${failed}`,
    `${(slowest / 1000).toFixed(2)} s`,
    `${Math.round(memory)} MiB`,
    [...outcomes].sort(([, a], [, b]) => b - a).map(([what, count]) => `${what} ${count}`).join(
      ", ",
    ),
  ]);
  const all = [["trial", "tried", "failed", "slowest", "memory", "outcomes"], ...rows];
  const widths = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map((row) =>
    row.map((cell, i) => [0, 5].includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("  ").trimEnd()
  ).join("\n");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
