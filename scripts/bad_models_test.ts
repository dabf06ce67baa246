/** Models that are damaged, hostile or of another kind: each is refused by the command in one line. */

import { assert, assertEquals } from "@std/assert";
import { processorTime } from "../testing/clock.ts";
import { goldenTest, readGoldenJson } from "../testing/golden.ts";
import { main } from "./sample.ts";
import { runScript } from "./testing/run_script.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const bad = `${golden}bad/`;

/** Puts a file that has no folder of its own where a command looks for it. */
async function placeModel(name: string): Promise<string> {
  const folder = await Deno.makeTempDir();
  if (name.endsWith(".gguf")) return bad + name;
  if (name.endsWith(".pt")) {
    await Deno.copyFile(`${golden}nanochat-head/meta_000010.json`, `${folder}/meta_000010.json`);
    await Deno.copyFile(bad + name, `${folder}/model_000010.pt`);
    return folder;
  }
  if (name.endsWith(".pkl")) {
    for (const file of ["meta_000010.json", "model_000010.pt"]) {
      await Deno.copyFile(`${golden}nanochat-head/${file}`, `${folder}/${file}`);
    }
    await Deno.copyFile(bad + name, `${folder}/tokenizer.pkl`);
    return folder;
  }
  for await (const { name: file } of Deno.readDir(bad + name)) {
    await Deno.copyFile(`${bad}${name}/${file}`, `${folder}/${file}`);
  }
  const base = await Deno.readTextFile(`${folder}/base.txt`).catch(() => null);
  if (base !== null) {
    const weights = `${golden}${base.trim()}/model.safetensors`;
    await Deno.copyFile(weights, `${folder}/model.safetensors`);
  }
  return folder;
}

/** The bytes of a file, or of all files of a folder. */
async function sizeOf(path: string): Promise<number> {
  const { isDirectory, size } = await Deno.stat(path);
  if (!isDirectory) return size;
  const files = await Array.fromAsync(Deno.readDir(path), ({ name }) => sizeOf(`${path}/${name}`));
  return files.reduce((sum, each) => sum + each, 0);
}

/** Bytes of this process's memory, now or at most since {@linkcode forgetPeak}. */
function memory(which: "VmRSS" | "VmHWM"): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(new RegExp(`^${which}:\\s+(\\d+) kB$`, "m").exec(status)![1]);
}

/** Begins a new maximum; returns whether this system has one. */
function forgetPeak(): boolean {
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

const flags = [
  ...["--prompt", "a", "--max-tokens", "1"],
  ...["--device", "cpu", "--threads", "1", "--no-blas"],
];

goldenTest(
  "sample refuses each of the 48 bad models in one line, in a moment and little memory",
  async () => {
    const names = Object.keys(readGoldenJson<Record<string, string>>("interchange/bad/bad"));
    assertEquals(names.length, 48);
    // The command itself, in this process: 48 of its own would take longer to start than to refuse.
    const original = console.error;
    try {
      for (const name of names) {
        const errors: string[] = [];
        console.error = (...values: unknown[]) => errors.push(values.join(" "));
        const path = await placeModel(name);
        const before = forgetPeak() ? memory("VmRSS") : null;
        const start = processorTime();
        const code = await main(["--from", path, ...flags]);
        const milliseconds = processorTime() - start;
        assertEquals([name, code, errors.length], [name, 1, 1], errors.join("\n"));
        const isAsWanted = /^Cannot read [^\n]*: wanted [^\n]*, got [^\n]*$/.test(errors[0]!);
        assert(isAsWanted, `${name}: ${errors[0]}`);
        assert(milliseconds < 2000, `${name}: ${milliseconds} ms`);
        if (before === null) continue;
        const bytes = memory("VmHWM") - before;
        assert(bytes <= 200e6 + 4 * await sizeOf(path), `${name}: ${bytes} bytes`);
      }
    } finally {
      console.error = original;
    }
  },
);

goldenTest(
  "a process that refuses a bad model ends with code 1, and has called nothing",
  async () => {
    const home = await Deno.makeTempDir();
    // Calls of what they name would need permissions that are not given.
    const permissions = ["--allow-read", "--allow-env=NANODINO_HOME,HOME"];
    for (const name of ["global.pt", "tokenizer_global.pkl", "index-absolute", "tensors.gguf"]) {
      const args = ["--from", await placeModel(name), ...flags];
      const { code, stdout, stderr } = await runScript("sample.ts", args, home, { permissions });
      assertEquals([name, code, stdout], [name, 1, ""], stderr);
      assert(
        /^Cannot read [^\n]*: wanted [^\n]*, got [^\n]*\n$/.test(stderr),
        `${name}: ${stderr}`,
      );
    }
  },
);
