import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { UsageError } from "./flags.ts";
import { checkOutputFolder } from "./output_path.ts";
import { runScriptHere } from "./testing/run_script.ts";

const folder = await Deno.makeTempDir();
const file = `${folder}/mine.txt`;
await Deno.writeTextFile(file, "kept");

Deno.test("a folder may have what is to be written, and nothing else", async () => {
  await checkOutputFolder(`${folder}/new`, ["a"]);
  await checkOutputFolder(folder, ["mine.txt", "other/a.txt"]);
  for (
    const [path, wanted] of [
      [folder, "wanted a folder without other files, got mine.txt. --overwrite writes beside them"],
      [file, "wanted a folder, got a file"],
    ] as const
  ) {
    const error = await checkOutputFolder(path, ["other/a.txt"]).catch((error) => error);
    assertEquals([error instanceof UsageError, error.message], [
      true,
      `Cannot write to ${path}: ${wanted}`,
    ]);
  }
});

Deno.test("a command checks where it is to write, and flags that need each other, before it works", async () => {
  const home = await Deno.makeTempDir();
  for (
    const [script, args, wanted] of [
      ["npm.ts", ["--output", folder], "wanted a folder without other files, got mine.txt"],
      ["npm.ts", ["--output", file], "wanted a folder, got a file"],
      ["site.ts", ["--output", folder, "--no-model"], "without other files, got mine.txt"],
      ["site.ts", ["--output", file, "--no-model"], "wanted a folder, got a file"],
      ["site.ts", ["--output", `${folder}/site`, "--no-model", "--model", "d4"], "--no-model"],
      ["explain.ts", ["--html", `${folder}/none/a.html`], `folder that exists, got ${folder}/none`],
      ["explain.ts", ["--shapes", "x=2x2"], "Cannot use --shapes: wanted --code, too, got none"],
      ["sample.ts", ["--trace", folder], "wanted a file, got a folder"],
      ["speedrun.ts", ["--trace", `${folder}/none/a`], "wanted a file in a folder that exists"],
      ["speedrun.ts", ["--chat-iterations", "3"], "wanted --chat, too, got none"],
      ["speedrun.ts", ["--window-pattern", "X"], 'made of S and L, got "X"'],
      ["speedrun.ts", ["--head-dim", "7"], "wanted an even head size"],
      ["speedrun.ts", ["--total-batch-size", "2048"], "wanted --total-batch-size"],
      ["speedrun.ts", [
        "--length-warmup-steps",
        "9",
        "--max-seq-len",
        "322",
        "--total-batch-size",
        "1932",
      ], "multiple of 4, got 322"],
      ["speedrun.ts", ["--data", `${folder}/none.txt`, "--corpus", "sotu"], "wanted it or --data"],
      ["serve.ts", ["--allow-origin", "foo"], 'an origin like http://localhost:3000, got "foo"'],
    ] as const
  ) {
    const { code, stdout, stderr } = await runScriptHere(script, args, home);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, wanted);
    assertMatch(stderr, /^[^\n]+\n$/);
  }
  assertEquals(await Deno.readTextFile(file), "kept");
  // No tokenizer was trained.
  assertEquals(await Deno.stat(`${home}/tokenizer`).catch(() => null), null);
});

Deno.test("a file in place of a folder is named in words", async () => {
  for (const [script, args] of [["runs.ts", []], ["data.ts", ["list"]]] as const) {
    const { code, stderr } = await runScriptHere(script, args, file);
    assertEquals(code, 1);
    assertMatch(stderr, /^Cannot read the folder \S+: a file lies in the place of a folder\n$/);
  }
});

Deno.test("a port that another program uses is named", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  for (const [script, args] of [["dashboard.ts", []], ["learn.ts", ["--no-model"]]] as const) {
    const { code, stderr } = await runScriptHere(script, ["--port", `${port}`, ...args], folder);
    assertEquals(
      [code, stderr],
      [1, `Cannot listen on 127.0.0.1:${port}: another program listens there\n`],
    );
  }
});
