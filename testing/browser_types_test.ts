/** Modules for browsers use nothing that a browser lacks. */

import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";

const root = new URL("../", import.meta.url);

/** The modules that run in a browser. */
const entries = ["autograd", "tensor", "nn", "optim", "tokenizer"].map((name) => `${name}/mod.ts`)
  .concat("data/browser.ts")
  .concat(
    ["chat", "gpt"].flatMap((name) => [`${name}/browser.ts`, `${name}/browser_internals.ts`]),
  );

async function deno(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Type-checks against a page's globals, without `Deno`. */
const check = (...files: string[]) =>
  deno("check", "--quiet", "--no-lock", "--config", "testing/browser_config.json", ...files);

Deno.test("modules for browsers pass a type check without Deno's types", async () => {
  const { code, stderr } = await check(...entries);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("a type check without Deno's types fails for a file that uses Deno", async () => {
  const { code, stderr } = await check("testing/source_files.ts");
  assertEquals(code, 1);
  assertMatch(stderr, /Cannot find name 'Deno'/);
});

for (const entry of entries) {
  Deno.test(`${entry} can be bundled for a browser, and uses no file in it`, async () => {
    const { code, stdout } = await deno("bundle", "--quiet", "--platform", "browser", entry);
    assertEquals(code, 0);
    assertMatch(stdout, /^export \{/m);
    // As in Deno.readFile; the CPU device looks up Deno by name, and works without it.
    assertNotMatch(stdout, /\bDeno\.[a-z]\w*\(/);
  });
}
