/** Ablation and the comparison of checkpoints: what the view shows is what the library computes. */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { writeTexts } from "../gpt/mod.ts";
import { noGrad, Tensor } from "../tensor/mod.ts";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { ablateInside, compareInside } from "./engine/ablation.ts";
import { lookInside, type ModelFiles, openInside, openModel } from "./engine/inside.ts";
import { listParts, type Part, switchOff } from "./engine/switch_off.ts";
import { fixed } from "./parts/number.ts";
import { builtSite } from "./testing/built_site.ts";
import { filesOf, onCpu, small, trainInDeno, writeFiles } from "./testing/gpt.ts";
import { checkLooks } from "./testing/looks.ts";
import { openSite, pageTest, Widget } from "./testing/pages.ts";

const text = "12+30=42";
const prompt = { text, more: [], off: [] };

/** The first event of a task. */
async function first<Event>(events: AsyncIterable<Event>): Promise<Event> {
  for await (const event of events) return event;
  throw new Error("wanted an event, got none");
}

let trained: Promise<ModelFiles> | null = null;
/** A checkpoint of two layers of two heads. */
function checkpoint(): Promise<ModelFiles> {
  return trained ??= trainInDeno({ spec: { ...small, depth: 2 } }).then(filesOf);
}

testOnEveryDevice(
  "what is switched off adds nothing to the stream, and comes back",
  async (device) => {
    const { model, tokenizer } = await openModel(device, await checkpoint());
    const ids = tokenizer.encode(text, { prepend: tokenizer.bos });
    /** The logits, and what attention and MLPs add to the stream, by name. */
    const run = async () => {
      using _scope = device.scope();
      const seen = new Map<string, Tensor>();
      const tokens = Tensor.from(device, [ids], { dtype: "int32" });
      const logits = noGrad(() =>
        model.forward(tokens, undefined, { watch: (name, value) => void seen.set(name, value) })
      );
      const read = async (tensor: Tensor) => Array.from(await tensor.data(), Number);
      const parts = ["attn", "mlp"].flatMap((part) =>
        [0, 1].map((i) => `transformer.h.${i}.${part}`)
      );
      const added = new Map<string, number[]>();
      for (const name of parts) added.set(name, await read(seen.get(name)!));
      const outputs = await read(seen.get("transformer.h.0.attn.output")!);
      return { logits: await read(logits), added, outputs };
    };
    const whole = await run();
    const isZero = (values: readonly number[]) => values.every((value) => value === 0);
    assert(![...whole.added.values()].some(isZero));
    {
      using _off = await switchOff(model, ["0.0", "0.1", "1.mlp", "9.0", "0.7"]);
      const { added } = await run();
      assertEquals(
        [...added].map(([name, values]) => [name, isZero(values)]),
        [
          ["transformer.h.0.attn", true],
          ["transformer.h.1.attn", false],
          ["transformer.h.0.mlp", false],
          ["transformer.h.1.mlp", true],
        ],
      );
    }
    assertEquals(await run(), whole);
    // One head alone: what the others add is left, computed here from the heads' outputs.
    const weight = Array.from(await model.transformer.h[0]!.attn.c_proj.weight.data(), Number);
    const width = model.config.nEmbd, size = width / 2;
    using _off = await switchOff(model, ["0.0"]);
    const { added } = await run();
    added.get("transformer.h.0.attn")!.forEach((value, at) => {
      const [token, row] = [Math.floor(at / width), at % width];
      let sum = 0;
      for (let i = size; i < width; i++) {
        sum += weight[row * width + i]! * whole.outputs[token * width + i]!;
      }
      assertAlmostEquals(value, sum, 1e-4);
    });
  },
);

Deno.test("an ablation tells the loss and the text without each part, and leaves the model whole", async () => {
  await onCpu(async (device) => {
    await openInside(device, await checkpoint()).next();
    const { model, tokenizer } = await openModel(device, await checkpoint());
    const off: Part[] = ["0.1", "1.mlp"];
    const found = await first(
      ablateInside(device, { prompt: { ...prompt, off }, wantsEach: true }),
    );
    const bitsOf = async (off: readonly Part[]) => {
      await openInside(device, await checkpoint()).next();
      const { stages } = await first(lookInside(device, { ...prompt, off }));
      const { next } = stages.at(-1)!;
      return next.reduce((sum: number, p: number) => sum - Math.log2(p), 0) / text.length;
    };
    assertAlmostEquals(found.whole.bitsPerByte, await bitsOf([]), 1e-4);
    assertAlmostEquals(found.without.bitsPerByte, await bitsOf(off), 1e-4);
    assertEquals(found.each.map(([part]) => part), listParts(model.config));
    for (const [part, bits] of found.each) assertAlmostEquals(bits, await bitsOf([part]), 1e-4);
    const write = () => writeTexts(model, tokenizer, text, { maxTokens: 24, temperature: 0 });
    assertEquals([found.whole.written], await write());
    using _off = await switchOff(model, off);
    assertEquals([found.without.written], await write());
    assertNotEquals(found.whole.written, found.without.written);
  });
});

pageTest("parts are switched off by keys, and two checkpoints are compared", async () => {
  const files = await checkpoint();
  const other = filesOf(await trainInDeno({ spec: { ...small, merges: 0, steps: 5 } }));
  const wanted = await onCpu(async (device) => {
    await openInside(device, files).next();
    const off: Part[] = ["0.1", "1.0", "1.1", "1.mlp"];
    const ablated = await first(
      ablateInside(device, { prompt: { ...prompt, off }, wantsEach: true }),
    );
    const seen = await first(lookInside(device, { ...prompt, off }));
    const compared = await first(compareInside(device, { prompt, other }));
    return { ablated, seen, compared };
  });
  const bytes = Array.from(files, async ([name, file]) => [name, await file.bytes()] as const);
  const site = await builtSite({ model: new Map(await Promise.all(bytes)) });
  await using opened = await openSite("isolated", site);
  const path = `#look=${encodeURIComponent(text)}&lookDevice=cpu`;
  const page = await opened.page({ path });
  const widget = new Widget(page, "inside");
  await widget.press("Open this site");
  await page.waitForSelector("[data-table=lens]");
  const toggle = async (name: string) => {
    await page.locator(`[data-widget=inside] .switch[aria-label='${name}']`).focus();
    await page.keyboard.press("Enter");
  };
  await toggle("Layer 1: Head 2");
  await toggle("Layer 2: All of it");
  assertEquals(
    await page.$$eval(
      ".switch[aria-pressed=true]",
      (all) => all.map((one) => one.getAttribute("aria-label")),
    ),
    [
      "Layer 1: Head 2",
      ...["Head 1", "Head 2", "MLP", "All of it"].map((part) => `Layer 2: ${part}`),
    ],
  );
  await widget.press("Switch off each one in turn");
  await page.waitForSelector("[data-table=each]");
  const { whole, without, each } = wanted.ablated;
  const shown = (written: string) => written.replaceAll(" ", "·").replaceAll("\n", "⏎");
  await page.waitForFunction(
    (bits) =>
      document.querySelector("[data-table=ablation] tr:last-child td")?.textContent === bits,
    fixed(without.bitsPerByte, 3),
  );
  assertEquals(
    (await widget.table("ablation")).map((row) => row.slice(1)),
    [whole, without].map(({ bitsPerByte, written }) => [fixed(bitsPerByte, 3), shown(written)]),
  );
  assertEquals(
    (await widget.table("each")).map((row) => row.at(-1)),
    [whole.bitsPerByte, ...each.map(([, bits]) => bits)].map((bits) => fixed(bits, 3)),
  );
  // The rest of the view is of what is left.
  const lens = await widget.table("lens");
  assertEquals(
    lens.map(([, size]) => size),
    wanted.seen.stages.map(({ size }) => fixed(size.at(-1)!, 2)),
  );
  // A link has it.
  await page.waitForFunction(() => location.hash.includes("lookOff=0.1%2C1.0%2C1.1%2C1.mlp"));
  await widget.press("Switch everything on");
  await page.waitForFunction(() => document.querySelector("[data-table=ablation]") === null);

  const folder = await Deno.makeTempDir();
  try {
    await writeFiles(folder, other);
    await page.locator("[data-widget=inside] summary:has-text('Compare')").focus();
    await page.keyboard.press("Enter");
    await page.setInputFiles("#otherFiles", [...other.keys()].map((name) => `${folder}/${name}`));
    await page.waitForSelector("[data-table=compare]");
    const { models } = wanted.compared;
    assertEquals(
      (await widget.table("compare")).map((row) => row.slice(1)),
      models.map(({ outcome: { bitsPerByte, written } }) => [
        fixed(bitsPerByte, 3),
        shown(written),
      ]),
    );
    assertEquals(
      await page.$$eval(
        "[data-widget=inside] .surprise",
        (all) => all.map((one) => [one.textContent, one.getAttribute("title")]),
      ),
      models.flatMap(({ tokens }) =>
        tokens.slice(1).map(([token, bits]) => [shown(token), fixed(bits, 1)])
      ),
    );
    assertEquals(opened.problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await checkLooks(opened, "inside", async (page) => {
    const widget = new Widget(page, "inside");
    await widget.press("Open this site");
    await page.waitForSelector("[data-table=ablation]");
    await page.waitForSelector("[data-table=lens]");
    const cut = await page.$$eval(
      ".scroll:has([data-table=lens])",
      (all) => all.filter((one) => one.scrollWidth > one.clientWidth).length,
    );
    assertEquals(cut, 0, "the lens scrolls sideways");
  }, `${path}&lookOff=0.1`);
});
