import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openDevice } from "../gpt/mod.ts";
import {
  makeCorpus,
  makeHome,
  runScript,
  runScriptHere,
  taskCommand,
  tinyFlags,
} from "./testing/run_script.ts";

const place = ["--device", "cpu", "--threads", "1", "--no-blas"];

/** The screen of a program in a terminal that gets `keys`, each after a text has come. */
async function inTerminal(
  program: readonly string[],
  home: string,
  keys: readonly (readonly [after: string, key: string])[] = [],
): Promise<string> {
  const command = program.map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    env: { NANODINO_HOME: home, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const left = [...keys];
  let [shown, seen] = ["", 0];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    shown += text;
    while (left.length > 0 && shown.includes(left[0]![0], seen)) {
      const [after, key] = left.shift()!;
      seen = shown.indexOf(after, seen) + after.length;
      await writer.write(new TextEncoder().encode(key));
    }
  }
  await writer.close().catch(() => {});
  assertEquals(left, [], shown);
  assert((await child.status).success, shown);
  return shown;
}

const script = (name: string) => [
  ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-check", "-A", "--no-config"],
  new URL(name, import.meta.url).href,
];

const hasTerminal = await new Deno.Command("script", { args: ["--version"] }).output()
  .then(({ success }) => success, () => false);

Deno.test("a device has a title of at most 60 characters, and --verbose the long line", async () => {
  const device = await openDevice("cpu");
  assert(device.info.title.length <= 60, device.info.title);
  await device.close();
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const args = [...tinyFlags, "--data", corpus, "--num-iterations", "1"];
  const { stdout } = await runScript("base_train.ts", args, home);
  assertMatch(stdout, /^device +cpu: 1 thread, no BLAS; [\d.]+ .?FLOP\/s peak in matmuls$/m);
  const verbose = await runScript("base_train.ts", [...args, "--overwrite", "--verbose"], home);
  assertEquals(verbose.code, 0, verbose.stderr);
  assertMatch(verbose.stderr, /^Device: cpu: 1 thread, relaxed SIMD, no BLAS \(turned off\), /);
  const { meta } = await lastCheckpoint(home);
  assert(!("verbose" in meta.settings), "how to print is no setting of a run");
});

async function lastCheckpoint(home: string) {
  const { openCheckpoint } = await import("../gpt/mod.ts");
  return await openCheckpoint(`${home}/base_checkpoints/d2`);
}

Deno.test({
  name: "in a terminal, an evaluation counts, and Ctrl-C twice leaves a chat",
  ignore: !hasTerminal,
  fn: async () => {
    const corpus = await makeCorpus();
    const home = await makeHome(corpus);
    const train = [...tinyFlags, "--data", corpus, "--max-seq-len", "64"];
    const base = [...train, "--total-batch-size", "128", "--num-iterations", "2"];
    assertEquals((await runScript("base_train.ts", base, home)).code, 0);
    const evaluate = ["--eval", "bpb", "--device-batch-size", "1", "--data", corpus, ...place];
    const counted = await inTerminal([...script("base_eval.ts"), ...evaluate], home);
    // Each is written over the one before.
    const written = counted.split("\r\x1b[K");
    assert(written.some((text) => /^train, batches {2}\d+ of \d+$/.test(text)), counted);
    assert(written.some((text) => /^train +\d\.\d{4} bits per byte/.test(text)), counted);
    const measure = ["--data", corpus, "--against", "none"];
    const measured = (await inTerminal([...script("tok_eval.ts"), ...measure], home))
      .split("\r\x1b[K");
    assert(measured.some((text) => /^english, texts {2}\d+ of \d+$/.test(text)), `${measured}`);
    assert(measured.some((text) => /^vocabulary {2}/.test(text)), `${measured}`);

    const tune = ["--task", "rules:8", "--num-iterations", "1", "--eval-every", "-1", ...place];
    assertEquals((await runScript("chat_sft.ts", tune, home)).code, 0);
    const left = await inTerminal([...script("chat.ts"), ...place], home, [
      ["> ", "\x03"],
      ["(Ctrl-C again, Ctrl-D or /quit leaves.)", "\x03"],
    ]);
    assertStringIncludes(left, "Type a message, or /help");

    // A question taken back is edited from its end. A history that cannot be kept ends no chat.
    await Deno.remove(`${home}/chat_history`).catch(() => {});
    await Deno.mkdir(`${home}/chat_history`);
    const saved = `${home}/saved.jsonl`;
    const prompt = "> \x1b[3G";
    await inTerminal([...script("chat.ts"), "--max-tokens", "4", ...place], home, [
      [prompt, "7?\r"],
      [prompt, "/edit\r"],
      ["> 7?", " 8?\r"],
      [prompt, `/save ${saved}\r`],
      ["Appended", "/quit\r"],
    ]);
    const { messages } = JSON.parse(await Deno.readTextFile(saved));
    assertEquals(messages[0].content, "7? 8?");
  },
});

Deno.test("a resumed speedrun counts the training before in all of its times", async () => {
  const home = await Deno.makeTempDir();
  const args = [...tinyFlags, "--data", await makeCorpus(), "--vocab-size", "300"];
  assertEquals((await runScript("speedrun.ts", [...args, "--num-iterations", "2"], home)).code, 0);
  const path = `${home}/base_checkpoints/speedrun/meta_000002.json`;
  const { sha256: _, ...meta } = JSON.parse(await Deno.readTextFile(path));
  meta.state.seconds = 3600;
  await Deno.writeTextFile(path, JSON.stringify(meta));
  const { code, stdout, stderr } = await runScript(
    "speedrun.ts",
    ["--resume", "--num-iterations", "4"],
    home,
  );
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^training +1:00:0\d$/m);
  assertMatch(stdout, /^everything +1:00:[0-5]\d$/m);
});

Deno.test("a site is not written among other files, unless it is asked for", async () => {
  const output = await Deno.makeTempDir();
  await Deno.writeTextFile(`${output}/thesis.txt`, "");
  const home = await Deno.makeTempDir();
  const refused = await runScriptHere("site.ts", ["--output", output], home);
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.stderr, "wanted a folder without other files, got thesis.txt");
  const wanted = ["--output", output, "--no-model", "--overwrite"];
  const written = await runScriptHere("site.ts", wanted, home);
  assertEquals(written.code, 0, written.stderr);
  await Deno.remove(`${output}/thesis.txt`);
  const again = await runScriptHere("site.ts", ["--output", output, "--no-model"], home);
  assertEquals(again.code, 0, again.stderr);
});

Deno.test("the tasks that take pictures have --help, and say what they lack", async () => {
  for (const task of ["site:shots", "chat:shots"]) {
    const home = await Deno.makeTempDir();
    const decoder = new TextDecoder();
    const help = await taskCommand(task, ["--help"], home).output();
    assertEquals(help.code, 0, decoder.decode(help.stderr));
    assertMatch(decoder.decode(help.stdout), new RegExp(`^Usage: deno task ${task} `, "m"));
    const bare = await taskCommand(task, [], home).output();
    assertEquals(bare.code, 2);
    assertStringIncludes(decoder.decode(bare.stderr), "wanted --output, got none");
  }
});
