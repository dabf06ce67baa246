/** Startup times of scripts. */

import { TextLineStream } from "./lines.ts";
import type { Side } from "./contestant.ts";

const script = (name: string): string => new URL(`../../scripts/${name}.ts`, import.meta.url).href;

const STEPS = 12;

// One precision, so that the three steps that are subtracted cost the same on every processor.
const TRAINING = [
  "--depth 4 --head-dim 64 --max-seq-len 256 --device-batch-size 4 --total-batch-size 1024",
  `--num-iterations ${STEPS} --eval-every -1 --sample-every -1`,
  "--device cpu --matmul-precision f32 --overwrite",
].join(" ").split(" ");

function spawn(home: string, name: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", script(name), ...args],
    env: { NANODINO_HOME: home, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** Waits for the process to exit. @throws {Error} If it failed. */
async function finish(process: Deno.ChildProcess, name: string): Promise<void> {
  const { success } = await process.output();
  if (!success) throw new Error(`Cannot measure: the script ${name} failed`);
}

async function makeHome(): Promise<string> {
  const home = await Deno.makeTempDir({ prefix: "nanodino-bench-" });
  const tokenizer = ["--vocab-size", "4096", "--max-chars", "2000000"];
  await finish(spawn(home, "tok_train", tokenizer), "tok_train");
  await finish(spawn(home, "base_train", TRAINING), "base_train");
  return home;
}

function side(library: string, measure: (home: string) => Promise<Record<string, number>>): Side {
  return {
    library,
    start: async () => {
      const home = await makeHome();
      return {
        check: [],
        measure: () => measure(home),
        close: () => Deno.remove(home, { recursive: true }),
      };
    },
  };
}

/** From launch to exit of a `sample` of one token. */
export const firstToken: Side = side("nanodino", async (home) => {
  const start = performance.now();
  await finish(spawn(home, "sample", ["--prompt", "The", "--max-tokens", "1"]), "sample");
  return { ms: performance.now() - start };
});

/** From launch to the end of the first step of `base_train`, minus three warm steps. */
export const firstStep: Side = side("nanodino", async (home) => {
  const start = performance.now();
  const process = spawn(home, "base_train", TRAINING);
  const at = new Map<number, number>();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream(),
  );
  for await (const line of lines) {
    const step = /^step (\d+) of/.exec(line)?.[1];
    if (step !== undefined) at.set(Number(step), performance.now() - start);
  }
  await process.status;
  const [first, last] = [at.get(1), at.get(STEPS)];
  if (first === undefined || last === undefined) {
    throw new Error(
      "Cannot measure: wanted the first and the last step in the output of base_train, got neither or one",
    );
  }
  return { ms: first - 3 * (last - first) / (STEPS - 1) };
});
