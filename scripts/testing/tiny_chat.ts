/**
 * `chat`, with a model that takes two seconds to make: the first argument is its corpus, the second one `null`,
 * or when the process sends itself a signal, as JSON.
 */

import { chatBy } from "../chat.ts";
import { tinyFlags } from "./tiny_flags.ts";

/** A signal, and the line (a regular expression) after which it is sent, once. */
export interface OwnSignal {
  readonly signal: Deno.Signal;
  readonly line: string;
}

const [corpus, moment, ...args] = Deno.args as [string, string, ...string[]];
const own: OwnSignal | null = JSON.parse(moment);
if (own !== null) {
  const line = new RegExp(own.line, "m");
  let isSent = false;
  const sendIfDue = (text: string) => {
    if (isSent || !line.test(text)) return;
    isSent = true;
    Deno.kill(Deno.pid, own.signal);
  };
  const { log } = console;
  console.log = (...data: unknown[]) => {
    log(...data);
    sendIfDue(data.join(" "));
  };
  const write = Deno.stdout.writeSync;
  Deno.stdout.writeSync = (bytes) => {
    const written = write.call(Deno.stdout, bytes);
    sendIfDue(new TextDecoder().decode(bytes));
    return written;
  };
}
const data = ["--data", corpus];
const saving = ["--save-every", "2"];
const chat = chatBy({
  tokenizer: [...data, "--vocab-size", "300"],
  base: [...tinyFlags, ...data, ...saving, "--num-iterations", "8"],
  fineTuning: [
    ..."--task rules:40 --max-seq-len 64 --total-batch-size 128 --num-iterations 8".split(" "),
    ...["--eval-every", "-1", ...saving],
  ],
});
Deno.exit(await chat([...args, "--device", "cpu", "--threads", "1", "--no-blas"]));
