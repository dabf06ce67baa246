/** `chat`, with a model that takes two seconds to make: the first argument is its corpus. */

import { chatBy } from "../chat.ts";
import { tinyFlags } from "./tiny_flags.ts";

/** Chats, and returns the exit code. */
export function main([corpus, ...args]: readonly string[]): Promise<number> {
  const data = ["--data", corpus!];
  const saving = ["--save-every", "2"];
  const chat = chatBy({
    tokenizer: [...data, "--vocab-size", "300"],
    base: [...tinyFlags, ...data, ...saving, "--num-iterations", "8"],
    fineTuning: [
      ..."--task rules:40 --max-seq-len 64 --total-batch-size 128 --num-iterations 8".split(" "),
      "--eval-every",
      "-1",
      ...saving,
    ],
  });
  return chat([...args, "--device", "cpu", "--threads", "1", "--no-blas"]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
