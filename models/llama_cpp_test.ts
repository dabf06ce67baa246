/**
 * Models that were trained here, in llama.cpp: through node-llama-cpp, which `deno task bench:peers`
 * installs below `$NANODINO_HOME`; without it this test is ignored.
 */

import { assertEquals } from "@std/assert";
import { basePath } from "../gpt/internals.ts";
import { hasGolden } from "../testing/golden.ts";

const packages = `${basePath("bench", "node-llama-cpp-3.22.1")}/node_modules`;
const entry = `file://${packages}/node-llama-cpp/dist/index.js`;
const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const name = "a Llama after 50 steps and GPT-2 after LoRA compute and split the same in llama.cpp";
const isInstalled = await Deno.stat(new URL(entry)).then(() => true, () => false);

Deno.test({
  name: isInstalled && hasGolden
    ? name
    : `${name} (ignored: node-llama-cpp or golden data is absent)`,
  ignore: !isInstalled || !hasGolden,
  fn: async () => {
    const script = new URL("./testing/llama_cpp.ts", import.meta.url).href;
    const flags = ["--no-check", "--no-config", "--no-lock", "--node-modules-dir=manual"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...flags, script, entry, golden],
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
  },
});
