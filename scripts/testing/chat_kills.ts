/**
 * Kills `chat` at moments of its whole pipeline, from nothing to a model that talks, and calls it
 * again: it has to end in a chat.
 *
 * `deno run -A scripts/testing/chat_kills.ts --kills 20` does so after so many lines of its output,
 * with equal distances; the tests kill it after certain lines.
 */

import { tableAsText } from "../../gpt/internals.ts";
import { integer, runScript as runMain } from "../flags.ts";
import { command, makeCorpus, type Outcome, runScript, signalingCommand } from "./run_script.ts";

const question = ["--yes", "--prompt", "Hi", "--max-tokens", "4", "--temperature", "0"];

/** The part of the pipeline that a process was in when it was killed. */
export type Part = "start" | "tokenizer" | "base model" | "fine-tuning" | "chat";

export interface KilledChat {
  /** The output before the process was killed. */
  readonly before: string;
  readonly part: Part;
  /** The second call. */
  readonly again: Outcome;
}

/** Calls `chat` with a tiny model in a folder for nanodino's files. */
export function chatInTiny(corpus: string, home: string): Promise<Outcome> {
  return runScript("testing/tiny_chat.ts", [corpus, ...question], home);
}

/**
 * Starts `chat` in an empty folder, kills it, and calls it again.
 *
 * @param moment A number of lines of its output, or one of its lines: there it kills itself, since others might
 * see the line when the next ones have been printed.
 * @throws {Error} If the process had ended before.
 */
export async function killChat(
  corpus: string,
  moment: number | RegExp,
  signal: Deno.Signal = "SIGKILL",
): Promise<KilledChat> {
  const home = await Deno.makeTempDir();
  const [script, args] = ["testing/tiny_chat.ts", [corpus, ...question]] as const;
  const child = moment instanceof RegExp
    ? signalingCommand([{ signals: [signal], line: moment.source }], script, args, home).spawn()
    : command(script, args, home).spawn();
  const errors = new Response(child.stderr).text();
  let before = "";
  let isKilled = false;
  const killIfDue = () => {
    const isDue = typeof moment === "number" && linesOf(before) >= moment;
    if (isDue && !isKilled) child.kill(signal);
    isKilled ||= isDue;
  };
  killIfDue();
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    before += text;
    killIfDue();
  }
  const status = await child.status;
  if (status.success) throw new Error(`wanted a process to kill at ${moment}, got one that ended`);
  before += await errors;
  const again = await chatInTiny(corpus, home);
  await Deno.remove(home, { recursive: true });
  return { before, part: partOf(before), again };
}

const linesOf = (text: string): number => text.split("\n").length - 1;

function partOf(output: string): Part {
  if (/^Model: /m.test(output)) return "chat";
  if (/^Fine-tuning on/m.test(output)) return "fine-tuning";
  if (/^vocabulary /m.test(output)) return "base model";
  return /^A tokenizer/m.test(output) ? "tokenizer" : "start";
}

async function main({ kills }: { readonly kills: number }): Promise<number> {
  const corpus = await makeCorpus();
  const whole = await chatInTiny(corpus, await Deno.makeTempDir());
  if (whole.code !== 0) throw new Error(whole.stderr);
  const lines = linesOf(whole.stdout);
  const parts: Partial<Record<Part, number>> = {};
  let failed = 0;
  for (let kill = 0; kill < kills; kill++) {
    const moment = Math.floor(lines * kill / kills);
    const { part, again } = await killChat(corpus, moment);
    parts[part] = (parts[part] ?? 0) + 1;
    const ok = again.code === 0 && /^Model: sft\/chat, step 8 of 8, /m.test(again.models);
    if (!ok) failed++;
    console.log(
      `after ${moment} of ${lines} lines, ${part}: ${ok ? "ends in a chat" : again.stderr}`,
    );
  }
  console.log(tableAsText([
    ...Object.entries(parts).map(([part, count]) => [`killed in: ${part}`, `${count}`] as const),
    ["do not end in a chat", `${failed}`],
  ]));
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  const summary = "Kills chat at moments of its pipeline, and calls it again.";
  const command = "deno run -A scripts/testing/chat_kills.ts";
  const flags = { kills: integer(20, "The number of moments") };
  Deno.exit(await runMain({ summary, command, flags, run: main }, Deno.args));
}
