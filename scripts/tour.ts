/**
 * A walk through the ideas behind a GPT, from one neuron to a language model, with every number.
 *
 * ```sh
 * deno run scripts/tour.ts --step
 * ```
 */

import { parseArgs } from "node:util";
import { stops } from "../lessons/tour.ts";

const help = `From one neuron to a language model, with every number on the way.

Usage: deno task tour [options]

  --step      Wait for Enter after each stop
  --stop N    Show only stop N, 1 to ${stops.length}
  --help      Show this help

Stops:
${stops.map(({ title }, i) => `  ${`${i + 1}`.padStart(2)}  ${title}`).join("\n")}`;

interface TourOptions {
  readonly help: boolean;
  readonly step: boolean;
  /** The numbers of the stops, from 1. */
  readonly numbers: readonly number[];
}

/** @throws {Error} If a flag is unknown or its value invalid. */
function parseOptions(args: readonly string[]): TourOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      step: { type: "boolean", default: false },
      stop: { type: "string" },
    },
  });
  const all = stops.map((_, i) => i + 1);
  const numbers = values.stop === undefined ? all : all.filter((n) => `${n}` === values.stop);
  if (numbers.length === 0) {
    throw new RangeError(
      `Cannot show the stop: wanted --stop 1 to ${stops.length}, got "${values.stop}"`,
    );
  }
  return { help: values.help, step: values.step, numbers };
}

/** Waits for the end of a line, byte by byte so that the next wait finds the next line. */
async function waitForEnter(): Promise<void> {
  const byte = new Uint8Array(1);
  while (await Deno.stdin.read(byte) !== null && byte[0] !== 0x0a);
}

function message(error: unknown): string {
  return (error instanceof Error ? error.message : `${error}`).split("\n")[0]!;
}

/** Walks through the tour. @returns The exit code: 0, 1 for an error, 2 for a wrong flag. */
export async function main(args: readonly string[]): Promise<number> {
  let options: TourOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${message(error)} (see --help)`);
    return 2;
  }
  if (options.help) {
    console.log(help);
    return 0;
  }
  try {
    // Deno.noColor is true if NO_COLOR is set; colors in a file or a pipe are noise.
    const bold = Deno.stdout.isTerminal() && !Deno.noColor ? "\x1b[1;36m%s\x1b[0m" : "%s";
    for (const number of options.numbers) {
      const { title, lines } = stops[number - 1]!;
      console.log(bold, `${number}/${stops.length}  ${title}`);
      console.log(`\n${lines().join("\n")}\n`);
      if (options.step && number !== options.numbers.at(-1)) {
        console.log("Press Enter to go on.");
        await waitForEnter();
      }
    }
    return 0;
  } catch (error) {
    console.error(message(error));
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
