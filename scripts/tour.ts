/**
 * A walk through the ideas behind a GPT, from one neuron to a language model, with every number.
 *
 * ```sh
 * deno run scripts/tour.ts --step
 * ```
 */

import { stops } from "../lessons/tour.ts";
import { integer, mainOf, optional, toggle, type Values } from "./flags.ts";

const flags = {
  step: toggle("Wait for Enter after each stop"),
  stop: optional(integer(1, "Show only stop N of these", { most: stops.length })),
};

/** Walks through the tour. Returns the exit code. */
export const main = mainOf({
  summary: `From one neuron to a language model, with every number on the way.

Stops:
${stops.map(({ title }, i) => `  ${`${i + 1}`.padStart(2)}  ${title}`).join("\n")}`,
  command: "deno task tour",
  flags,
  run: runTour,
});

async function runTour({ step, stop }: Values<typeof flags>): Promise<void> {
  // Deno.noColor is true if NO_COLOR is set; files and pipes get no colors.
  const bold = Deno.stdout.isTerminal() && !Deno.noColor ? "\x1b[1;36m%s\x1b[0m" : "%s";
  const numbers = stop === null ? stops.map((_, i) => i + 1) : [stop];
  for (const number of numbers) {
    const { title, lines } = stops[number - 1]!;
    console.log(bold, `${number}/${stops.length}  ${title}`);
    console.log(`\n${lines().join("\n")}\n`);
    if (step && number !== numbers.at(-1)) {
      console.log("Press Enter to continue.");
      await waitForEnter();
    }
  }
}

/** Waits for the end of a line, byte by byte so that the next wait finds the next line. */
async function waitForEnter(): Promise<void> {
  const byte = new Uint8Array(1);
  while (await Deno.stdin.read(byte) !== null && byte[0] !== 0x0a);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
