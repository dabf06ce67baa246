import { assert, assertEquals } from "@std/assert";
import { configForDepth } from "../gpt/mod.ts";
import { explainStep, explanationAsList } from "../gpt/internals.ts";
import { openDevice } from "../tensor/mod.ts";
import { parseConversations } from "../chat/tasks/own_conversations.ts";

const ROOT = new URL("../", import.meta.url);
const PAGES = ["README.md", "CONTRIBUTING.md", "bench/RESULTS.md"];

const read = (path: string): Promise<string> => Deno.readTextFile(new URL(path, ROOT));

/** Words as `wc -w` counts them. */
const countWords = (text: string): number => text.match(/\S+/g)?.length ?? 0;

Deno.test("the README is short: at most 1,500 words", async () => {
  assert(countWords("one line\n  of  five words\n") === 5);
  const words = countWords(await read("README.md"));
  assert(words <= 1500, `wanted at most 1,500 words, got ${words}`);
});

Deno.test("the README has the headings that readers look for, in this order", async () => {
  const headings = [...(await read("README.md")).matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  assertEquals(headings, [
    ...["Quick start", "Example", "Why nanodino", "Speed", "How it works", "Project layout"],
    ...["Devices and permissions", "Contributing", "License"],
  ]);
});

Deno.test("the README says how to import from a host that Deno does not allow by default", async () => {
  assert((await read("README.md")).includes("--allow-import"));
});

Deno.test("files and folders that the pages name are there", async () => {
  const missing: string[] = [];
  for (const page of PAGES) {
    const text = await read(page);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path!);
    const paths = [...text.matchAll(/`([\w/]+\/(?:[\w.]+\.(?:ts|md))?)`/g)].map(([, path]) =>
      path!
    );
    // Links are relative to the page, paths in code to the root.
    const places = [
      ...links.map((link) => new URL(link, new URL(page, ROOT))),
      ...paths.map((path) => new URL(path, ROOT)),
    ];
    assert(places.length > 0, `${page} names no file`);
    for (const place of places) {
      const isThere = await Deno.stat(place).then(() => true, () => false);
      if (!isThere) missing.push(`${page}: ${place.href.slice(ROOT.href.length)}`);
    }
  }
  assertEquals(missing, []);
});

Deno.test("the kernels of a step in the README are those that run on a CPU with a BLAS", async () => {
  const [, block] = /`task explain --depth 2 --list`.*?```text\n(.*?)\n```/s.exec(
    await read("README.md"),
  )!;
  const wanted = block!.split("\n");
  assertEquals(wanted.map((line) => line.split(":")[0]), [
    "gpt/model/block.ts",
    "gpt/model/block.ts, gradients",
    "optim/adam.ts",
    "optim/muon.ts",
    "optim/polar_express.ts",
    "plain bodies",
  ]);
  const device = await openDevice("cpu", { threads: 2 });
  try {
    if (device.kind !== "cpu" || !device.hasBlas) {
      return console.log(`skipped: ${device.info.description}`);
    }
    const config = configForDepth({
      depth: 2,
      aspectRatio: 64,
      headDim: 64,
      vocabSize: 4096,
      maxSeqLen: 256,
      windowPattern: "L",
    });
    const step = await explainStep(device, config, { kind: "training", batchSize: 4 });
    const printed = explanationAsList(step).split("\n");
    assertEquals(wanted.filter((line) => !printed.includes(line)), [], printed.join("\n"));
  } finally {
    await device.close();
  }
});

Deno.test("tasks that the pages name are there", async () => {
  const { tasks } = JSON.parse(await read("deno.json"));
  for (const page of PAGES) {
    const named = [...(await read(page)).matchAll(/\btask ([a-z][\w:]*)/g)].map(([, name]) =>
      name!
    );
    assertEquals(named.filter((name) => !(name in tasks)), [], page);
  }
});

Deno.test("the quick start ends with the tests, and shows own text and own conversations", async () => {
  const [, start] = /^## Quick start\n(.*?)^## /ms.exec(await read("README.md"))!;
  const [first] = /```sh\n(.*?)```/s.exec(start!)!;
  assert(/ task test +# .*\n```$/.test(first), first);
  assert(start!.includes("task speedrun --data 'texts/*.txt'\n"));
  const [, line] = /^echo '(.*)' > mine\.jsonl$/m.exec(start!)!;
  assertEquals(parseConversations(line!, "README.md")[0]!.messages.length, 2);
});
