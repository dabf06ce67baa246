import { assert, assertEquals } from "@std/assert";
import { openDevice } from "../gpt/mod.ts";
import { openGguf, pathSource } from "../interchange/mod.ts";
import { openPretrained } from "../models/mod.ts";
import { goldenTest } from "../testing/golden.ts";
import { makeCorpus, makeHome, runScript, runScriptHere, tinyFlags } from "./testing/run_script.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const home = await Deno.makeTempDir();

const namesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();

goldenTest("export turns a folder of transformers into a GGUF file that sample opens", async () => {
  const out = `${home}/new/llama`;
  const { code, stdout, stderr } = await runScript("export.ts", [
    ...["--from", `${golden}hf-llama`, "--to", "gguf", "--type", "q8_0", "--out", out],
  ], home);
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith(`Written to ${out}: model.gguf (`), stdout);
  assertEquals([await namesIn(out), await namesIn(`${home}/new`)], [["model.gguf"], ["llama"]]);
  const { facts } = await openGguf(await pathSource(`${out}/model.gguf`));
  assertEquals(facts.get("general.name")?.value, "hf-llama");
  const sampled = await runScript("sample.ts", [
    ...["--from", out, "--prompt", "Call", "--max-tokens", "2", "--device", "cpu", "--no-blas"],
  ], home);
  assertEquals([sampled.code, sampled.stderr], [0, ""]);
});

let trainedHome: Promise<string> | undefined;

/** A home with a tiny model. */
function homeWithModel(): Promise<string> {
  const train = async () => {
    const corpus = await makeCorpus();
    const trained = await makeHome(corpus);
    const run = await runScript("base_train.ts", [...tinyFlags, "--data", corpus], trained);
    assertEquals(run.code, 0, run.stderr);
    return trained;
  };
  return trainedHome ??= train();
}

Deno.test("export gives a model trained here to nanochat, and refuses what would lose parts", async () => {
  const trained = await homeWithModel();
  const out = `${trained}/exported`;
  const { code, stderr } = await runScript(
    "export.ts",
    ["--to", "nanochat", "--out", out],
    trained,
  );
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await namesIn(out), ["meta_000000.json", "model_000000.pt", "tokenizer.pkl"]);
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { model, tokenizer } = await openPretrained(out, device);
  assertEquals([model.architecture, tokenizer!.decode([tokenizer!.bos])], [undefined, "<|bos|>"]);
  await device.close();

  const before = await namesIn(trained);
  const refused = await runScript("export.ts", [
    ...["--to", "gguf", "--out", `${trained}/never`],
  ], trained);
  assertEquals([refused.code, refused.stdout], [1, ""]);
  assert(/^Cannot export as gguf: [^\n]*nanochat\n$/.test(refused.stderr), refused.stderr);
  assertEquals(await namesIn(trained), before);
});

Deno.test("export writes into an empty folder as it is, which may be linked or mounted", async () => {
  const trained = await homeWithModel();
  const folder = await Deno.makeTempDir();
  const [target, out] = [`${folder}/elsewhere`, `${folder}/link`];
  // A process that was killed left files here.
  await Deno.mkdir(`${target}/.export-1`, { recursive: true });
  await Deno.writeTextFile(`${target}/.export-1/model_000000.pt`, "cut");
  await Deno.symlink(target, out);
  const before = await Deno.stat(target);
  const args = ["--to", "nanochat", "--out", out];
  const { code, stderr } = await runScriptHere("export.ts", args, trained);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await namesIn(target), ["meta_000000.json", "model_000000.pt", "tokenizer.pkl"]);
  assertEquals([(await Deno.lstat(out)).isSymlink, (await Deno.stat(target)).ino], [
    true,
    before.ino,
  ]);
});

Deno.test("an export to a full disk says where there was no room, and leaves nothing", async () => {
  const trained = await homeWithModel();
  const folder = await Deno.makeTempDir();
  const { writeFile } = Deno;
  Deno.writeFile = () => Promise.reject(new Error("No space left on device (os error 28)"));
  try {
    const args = ["--to", "nanochat", "--out", `${folder}/exported`];
    const { code, stderr } = await runScriptHere("export.ts", args, trained);
    assertEquals([code, stderr], [1, `Cannot write ${folder}/exported: the disk is full\n`]);
    assertEquals(await namesIn(folder), []);
  } finally {
    Deno.writeFile = writeFile;
  }
});

Deno.test("an export that is interrupted leaves nothing", async () => {
  const trained = await homeWithModel();
  const folder = await Deno.makeTempDir();
  const { writeFile } = Deno;
  let hasArrived = false;
  const listener = () => void (hasArrived = true);
  Deno.addSignalListener("SIGTERM", listener);
  Deno.writeFile = async (...args) => {
    Deno.kill(Deno.pid, "SIGTERM");
    // A signal that is waited for does not keep a process alive; a timer does.
    while (!hasArrived) await new Promise((next) => setTimeout(next, 5));
    await writeFile(...args);
  };
  try {
    const args = ["--to", "nanochat", "--out", `${folder}/exported`];
    const { code, stdout, stderr } = await runScriptHere("export.ts", args, trained);
    assertEquals([code, stdout, stderr], [143, "", "\nStopping.\n"]);
    assertEquals(await namesIn(folder), []);
  } finally {
    Deno.writeFile = writeFile;
    Deno.removeSignalListener("SIGTERM", listener);
  }
});

Deno.test("export refuses a folder with files, and flags that do not say what is wanted", async () => {
  const full = await Deno.makeTempDir();
  await Deno.writeTextFile(`${full}/mine.txt`, "kept");
  for (
    const [args, wanted] of [
      [["--to", "gguf", "--out", full], "wanted a new or empty folder"],
      [["--to", "gguf", "--out", `${full}/mine.txt`], "wanted a folder, got the file"],
      [["--to", "gguf"], "Cannot use --out"],
      [["--out", `${home}/x`], "Cannot use --to: wanted huggingface, gguf, nanochat"],
      [["--html", `${home}/x/y.html`], "wanted a file in a folder that exists, got"],
      [["--html", full], "wanted a file, got a folder"],
    ] as const
  ) {
    const { code, stdout, stderr } = await runScriptHere("export.ts", args, home);
    assertEquals([code, stdout], [2, ""], stderr);
    assert(stderr.includes(wanted), stderr);
  }
  assertEquals(await Deno.readTextFile(`${full}/mine.txt`), "kept");
});

goldenTest("an export that fails leaves no folder behind", async () => {
  const folder = await Deno.makeTempDir();
  const args = ["--from", `${golden}hf-nanochat`, "--to", "huggingface", "--type", "f16"];
  const { code, stderr } = await runScript(
    "export.ts",
    [...args, "--out", `${folder}/never`],
    home,
  );
  assertEquals(code, 1);
  assert(stderr.includes("beyond the range of f16"), stderr);
  assertEquals(await namesIn(folder), []);
});
