/** The view into a model: what it shows is what the model computes. */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine } from "../gpt/mod.ts";
import { Tensor } from "../gpt/internals.ts";
import { sampleTokens } from "../gpt/generate/sampling.ts";
import { parseFlags, UsageError } from "../scripts/flags.ts";
import { siteFlags } from "../scripts/site.ts";
import { runScript } from "../scripts/testing/run_script.ts";
import { type Device, noGrad } from "../tensor/mod.ts";
import { fresh, testOnEveryDevice } from "../testing/every_device.ts";
import type { Site } from "./build.tsx";
import { lookInside, type ModelFiles, openInside, openModel, type Seen } from "./engine/inside.ts";
import { sampledWith } from "./inside/probabilities.ts";
import { siteModelVersion } from "./site_model.ts";
import { fixed } from "./parts/number.ts";
import { builtSite } from "./testing/built_site.ts";
import { filesOf, onCpu, small, trainInDeno, writeFiles } from "./testing/gpt.ts";
import { openSite, pageTest, removeOthers, violations, ways, Widget } from "./testing/pages.ts";

/** The names that `inspect` uses. */
const [LENS_TOKENS, MAX_CANDIDATES] = [5, 50];
const text = "12+30=42";
const prompt = { text, more: [], off: [] };

let trained: Promise<ModelFiles> | null = null;
/** A checkpoint of two layers, one of them with value embeddings. */
function checkpoint(): Promise<ModelFiles> {
  return trained ??= trainInDeno({ spec: { ...small, depth: 2 } }).then(filesOf);
}

async function lookAt(device: Device): Promise<Seen> {
  await openInside(device, await checkpoint()).next();
  const { value } = await lookInside(device, prompt).next();
  return value;
}

testOnEveryDevice("a look shows attention, lens, logits and gates as computed", async (device) => {
  const seen = await lookAt(device);
  const { model, tokenizer } = await openModel(device, await checkpoint());
  const ids = tokenizer.encode(text, { prepend: tokenizer.bos });
  const length = ids.length;
  assertEquals(seen.ids, ids);
  assertEquals(ids.map((id) => seen.texts.get(id)).join(""), `<|bos|>${text}`);
  for (const pattern of seen.attention.flat()) {
    assertEquals(pattern.length, length ** 2);
    for (let i = 0; i < length; i++) {
      const row = pattern.subarray(i * length, (i + 1) * length);
      assertAlmostEquals(row.reduce((sum, weight) => sum + weight, 0), 1, 1e-5);
      assert(row.subarray(i + 1).every((weight) => weight === 0), "wanted 0 in the future");
    }
  }
  const { vocabSize } = tokenizer;
  const tokens = Tensor.from(device, [ids], { dtype: "int32" });
  const logits = await noGrad(() => model.forward(tokens)).data();
  const { likely, probabilities, next } = seen.stages.at(-1)!;
  for (let i = 0; i < length; i++) {
    const row = [...logits.subarray(i * vocabSize, (i + 1) * vocabSize)].map(Number);
    const order = row.map((_, id) => id).sort((a, b) => row[b]! - row[a]! || a - b);
    const sum = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const best = order.slice(0, MAX_CANDIDATES);
    const at = (
      array: Float32Array | Int32Array,
      count: number,
    ) => [...array.subarray(i * count, (i + 1) * count)];
    assertEquals(at(seen.candidates, MAX_CANDIDATES), best);
    assertEquals(at(seen.logits, MAX_CANDIDATES), best.map((id) => row[id]!));
    assertEquals(at(likely, LENS_TOKENS), best.slice(0, LENS_TOKENS));
    at(probabilities, LENS_TOKENS).forEach((probability, rank) =>
      assertAlmostEquals(probability, Math.exp(row[best[rank]!]!) / sum, 1e-6)
    );
    if (i + 1 < length) assertAlmostEquals(next[i]!, Math.exp(row[ids[i + 1]!]!) / sum, 1e-6);
  }
  assertEquals(seen.stages.length, 4);
  assertEquals(seen.smear.length, length - 1);
  assertEquals(seen.gates.map((gate) => gate?.length), [undefined, length * 2]);
});

fresh.testOnEveryDevice("looks leak nothing", async (device) => {
  await lookAt(device);
  const { live } = device;
  for (let i = 0; i < 5; i++) await lookInside(device, prompt).next();
  assertEquals(device.live, live);
});

testOnEveryDevice(
  "the shown probabilities are those that tokens are sampled with",
  async (device) => {
    const logits = [2, 1.5, 0.7, 0.1, -1, -3];
    const rows = 20_000;
    for (const [temperature, topK] of [[1, 6], [0.6, 3], [1.8, 5], [0, 4]] as const) {
      using _scope = device.scope();
      const sampled = sampleTokens(
        Tensor.from(device, [logits]).expand([rows, logits.length]).contiguous(),
        0,
        { temperature, topK, seed: 5 },
      );
      const counts = logits.map(() => 0);
      for (const token of await sampled.data()) counts[Number(token)]!++;
      const wanted = sampledWith(logits, temperature, topK);
      assertAlmostEquals(wanted.reduce((sum, share) => sum + share), 1, 1e-12);
      counts.forEach((count, i) => {
        const share = wanted[i] ?? 0;
        // Five standard deviations.
        const tolerance = 5 * Math.sqrt(rows * share * (1 - share));
        assert(Math.abs(count - rows * share) <= tolerance, `${temperature}, ${topK}: ${counts}`);
      });
    }
  },
);

/** Damaged files, and what is said about them. */
async function damagedFiles(): Promise<(readonly [files: ModelFiles, message: string])[]> {
  const good = await checkpoint();
  const model = await good.get("model_000020.safetensors")!.bytes();
  const other = filesOf(await trainInDeno({ spec: { ...small, merges: 0, steps: 1 } }));
  const changed = model.slice();
  changed[changed.length - 1]! ^= 1;
  const without = (name: string) => new Map([...good].filter(([one]) => one !== name));
  const meta = await good.get("meta_000020.json")!.text();
  const tokenizer = await other.get("tokenizer_000001.json")!.bytes();
  const mixed = JSON.parse(meta.replace(/,\n {2}"sha256": "[0-9a-f]{64}"\n}$/, "\n}"));
  mixed.files.tokenizer = {
    bytes: tokenizer.length,
    sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", tokenizer)).toHex(),
  };
  return [
    [
      new Map([...good, ["model_000020.safetensors", new Blob([model.slice(0, 5000)])]]),
      `Cannot read model_000020.safetensors: wanted ${model.length} bytes, got 5000`,
    ],
    [
      new Map([...good, ["model_000020.safetensors", new Blob([changed])]]),
      "Cannot read model_000020.safetensors: wanted the content with digest ",
    ],
    [
      without("tokenizer_000020.json"),
      "Cannot open a model: wanted tokenizer_000020.json beside meta_000020.json, got ",
    ],
    [
      new Map([["config.json", new Blob(["{}"])], ["model.safetensors", new Blob([model])]]),
      "Cannot open a model: wanted a file like meta_000100.json, got config.json, model.safetensors",
    ],
    [
      new Map([...good, [
        "meta_000020.json",
        new Blob([meta.replace('"step": 20', '"step": 21')]),
      ]]),
      "Cannot read meta_000020.json: wanted the content with digest ",
    ],
    [
      new Map([
        ...good,
        ["meta_000020.json", new Blob([JSON.stringify(mixed)])],
        ["tokenizer_000020.json", new Blob([tokenizer])],
      ]),
      "Cannot read tokenizer_000020.json: wanted a vocabulary of 329 as in the model, got 265",
    ],
  ];
}

Deno.test("damaged, foreign and missing files are refused in a sentence", async () => {
  await onCpu(async (device) => {
    for (const [files, message] of await damagedFiles()) {
      await assertRejects(() => openInside(device, files).next(), Error, message);
    }
    await lookAt(device);
    const long = { ...prompt, text: "1+1=2".repeat(60) };
    await assertRejects(
      () => lookInside(device, long).next(),
      RangeError,
      "Cannot look inside the model: wanted at most 128 tokens, got ",
    );
  });
});

Deno.test("a name that no run can have is refused with its own flag", () => {
  assertThrows(
    () => parseFlags(["--model=../up"], siteFlags),
    UsageError,
    'Cannot use --model: wanted letters, digits, . _ and -, got "../up"',
  );
});

Deno.test("task site writes a model's three files beside the pages, and says their sizes", async () => {
  const home = await Deno.makeTempDir();
  try {
    const files = await checkpoint();
    await writeFiles(`${home}/base_checkpoints/page`, files);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--lock=deno.lock", "--no-prompt", "--allow-read", "--allow-env"]
        .concat([`--allow-write=${home}/site`, "scripts/site.ts"])
        .concat([`--output=${home}/site`, "--model=page"]),
      cwd: new URL("../", import.meta.url),
      env: { NANODINO_HOME: home },
    }).output();
    const said = new TextDecoder().decode(stdout);
    const index = await Deno.readTextFile(`${home}/site/index.html`);
    for (const [name, file] of files) {
      if (name.startsWith("optim")) continue;
      assertEquals(await Deno.readFile(`${home}/site/model/${name}`), await file.bytes());
      assert(said.includes(`model/${name}`) && index.includes(`model/${name}`), said);
    }
    // And each of them as a script.
    assertEquals([...Deno.readDirSync(`${home}/site/model`)].length, 6);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("task site takes the model that it has kept, and trains none", async () => {
  const home = await Deno.makeTempDir();
  try {
    const files = await checkpoint();
    const folder = `${home}/site_model/${await siteModelVersion()}`;
    await writeFiles(folder, new Map([...files].filter(([name]) => !name.startsWith("optim"))));
    const { code, stdout, stderr } = await runScript(
      "site.ts",
      ["--output", `${home}/site`],
      home,
      {
        permissions: [
          "--allow-read",
          "--allow-env",
          `--allow-write=${home}/site`,
          "--unstable-bundle",
        ],
      },
    );
    assertEquals(code, 0, stderr);
    assert(!stdout.includes("Training"), stdout);
    for (const [name, file] of files) {
      if (name.startsWith("optim")) continue;
      assertEquals(await Deno.readFile(`${home}/site/model/${name}`), await file.bytes());
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

/** The site with the model, built once. */
let site: Promise<Site> | null = null;
async function siteWithModel(): Promise<Site> {
  const files = await checkpoint();
  const model = new Map(
    await Promise.all([...files].map(async ([name, file]) => [name, await file.bytes()] as const)),
  );
  return await (site ??= builtSite({ model }));
}

/** The expected values of the page, computed in Deno. */
async function wanted(): Promise<{ ids: string; seen: Seen }> {
  return await onCpu(async (device) => {
    const { model, tokenizer } = await openModel(device, await checkpoint());
    const ids = tokenizer.encode(text, { prepend: tokenizer.bos });
    const written: number[] = [];
    const options = { maxTokens: 32, temperature: 0 };
    for await (const { tokens } of new Engine(model, tokenizer).generate(ids, options)) {
      written.push(tokens[0]!);
    }
    assertEquals(written.length, 32);
    return { ids: written.join(), seen: await lookAt(device) };
  });
}

type Opened = Awaited<ReturnType<typeof openSite>>;
type Page = Awaited<ReturnType<Opened["page"]>>;

const linkOf = (device: string) =>
  `#look=${encodeURIComponent(text)}&lookAt=4&lookLayer=2&lookTemperature=0&lookDevice=${device}`;

/** Waits for a look, samples 32 tokens, and takes them back. */
async function checkTokens(page: Page, ids: string): Promise<void> {
  await page.waitForSelector("[data-table=lens]");
  const widget = new Widget(page, "inside");
  await widget.press("Sample 32 tokens");
  await page.waitForFunction(
    () => document.querySelector<HTMLElement>("[data-ids]")?.dataset.ids?.split(",").length === 32,
  );
  assertEquals(await page.getAttribute("[data-ids]", "data-ids"), ids);
}

/** Compares the tables with what Deno computes. */
async function checkTables(page: Page, seen: Seen): Promise<void> {
  const widget = new Widget(page, "inside");
  const token = 3, length = seen.ids.length;
  const name = (id: number) => seen.texts.get(id)!.replaceAll(" ", "·").replaceAll("\n", "⏎");
  const weights = seen.attention[1]![0]!.subarray(token * length, token * length + token + 1);
  assertEquals(
    (await widget.table("attention")).map(([name, , weight]) => [name, weight]),
    [...weights].map((weight, i) => [name(seen.ids[i]!), fixed(weight, 4)]),
  );
  // The way of the token: what each stop would say.
  for (const [i, { likely, probabilities }] of seen.stages.entries()) {
    const first = token * LENS_TOKENS;
    assertEquals(
      (await widget.table(`flow${i}`)).map(([name, , share]) => [name, share]),
      [0, 1, 2].map((rank) => [
        name(likely[first + rank]!),
        fixed(probabilities[first + rank]!, 4),
      ]),
    );
  }
  const most = seen.attention[1]!.map((pattern) => {
    const row = [...pattern.subarray(token * length, token * length + token + 1)];
    return `“${name(seen.ids[row.indexOf(Math.max(...row))]!)}”`;
  });
  const stops = await page.locator(".flow li").allInnerTexts();
  assertEquals(stops.length, 5);
  assert(stops[3]!.includes(`look back, most of all at ${[...new Set(most)].join(", ")}`));
  const lens = await widget.table("lens");
  assertEquals(lens.length, 4);
  lens.forEach(([, size, next, ...likely], i) => {
    const stage = seen.stages[i]!;
    assertEquals([size, next], [fixed(stage.size[token]!, 2), fixed(stage.next[token]!, 3)]);
    assertEquals(
      likely,
      Array.from({ length: LENS_TOKENS }, (_, rank) => {
        const place = token * LENS_TOKENS + rank;
        return `${name(stage.likely[place]!)} ${fixed(stage.probabilities[place]!, 3)}`;
      }),
    );
  });
  const rows = await widget.rows();
  const surprise = -Math.log2(seen.stages.at(-1)!.next[token - 1]!);
  assertEquals(rows.surprise, fixed(surprise, 2));
  // At temperature 0 there is one bar; above, there are those of sampling.
  assertEquals((await widget.table("next")).map(([, , share]) => share), ["1.0000"]);
  await widget.move("lookTemperature", 5);
  await widget.move("lookTopK", -3);
  const logits = seen.logits.subarray(token * MAX_CANDIDATES, (token + 1) * MAX_CANDIDATES);
  await page.waitForFunction(() =>
    document.querySelectorAll("[data-table=next] tbody tr").length === 7
  );
  assertEquals(
    (await widget.table("next")).map(([, , share]) => share),
    sampledWith(logits, 0.5, 7).map((share) => fixed(share, 4)),
  );
  const gates = await widget.table("gates");
  assertEquals(gates.map((row) => row[1]).slice(1), [...seen.smear].map((x) => fixed(x, 3)));
}

/** The opened parts are accessible, too, in light and dark, and as wide as a phone. */
async function checkAccess(page: Page): Promise<void> {
  await removeOthers(page, "inside");
  for (const [colorScheme, width] of [["light", 1280], ["dark", 1280], ["light", 360]] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 740 });
    assert(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `${width}`);
    assertEquals(await violations(page, "inside"), [], `${colorScheme} ${width}`);
  }
}

for (const way of ways) {
  pageTest(`a model is opened and looked into, ${way}`, async () => {
    const { ids, seen } = await wanted();
    const files = await checkpoint();
    const folder = `${await Deno.makeTempDir()}/d2`;
    await writeFiles(folder, files);
    await using opened = await openSite(way, await siteWithModel());
    const inside = async () => await opened.page({ path: linkOf("cpu") });
    const choose = async (page: Page, name: string, files: ModelFiles) => {
      await writeFiles(`${folder}/${name}`, files);
      const paths = [...files.keys()].map((file) => `${folder}/${name}/${file}`);
      await page.setInputFiles("#insideFiles", paths);
    };
    try {
      if (way !== "plain") {
        const page = await inside();
        await page.setInputFiles("#insideFolder", folder);
        await checkTokens(page, ids);
      }
      const own = await inside();
      // It opens when the reader arrives.
      await own.locator("#inside").scrollIntoViewIfNeeded();
      await checkTokens(own, ids);
      const page = await inside();
      if (way === "isolated") {
        for (const [i, [files, message]] of (await damagedFiles()).entries()) {
          await choose(page, `${i}`, files);
          await page.waitForFunction(
            (message) => document.querySelector("[data-inside]")?.textContent?.startsWith(message),
            message,
          );
        }
        await choose(page, "good", files);
        await page.waitForSelector("[data-table=lens]");
        // Places that no model has are those nearest to them.
        await page.evaluate(() => location.hash = location.hash + "&lookLayer=0.2&lookHead=-1");
        await page.waitForSelector(
          "[data-widget=inside] .map[aria-pressed=true] canvas[aria-label='Layer 1, head 1']",
        );
        await page.evaluate(() => location.hash = location.hash + "&lookLayer=9");
        await checkTables(page, seen);
        await checkAccess(page);
      } else {
        const contents = await Promise.all(
          [...files].map(async ([name, file]) => [name, (await file.bytes()).toBase64()] as const),
        );
        await page.evaluate((contents) => {
          const data = new DataTransfer();
          for (const [name, content] of contents) {
            data.items.add(new File([Uint8Array.fromBase64(content)], name));
          }
          document.querySelector("[data-ids]")!
            .dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }, contents);
        await checkTokens(page, ids);
      }
      assertEquals(opened.problems, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

pageTest("WebGPU samples the tokens that the CPU samples", async () => {
  const { ids } = await wanted();
  await using opened = await openSite("plain", await siteWithModel());
  const page = await opened.page({ path: linkOf("webgpu") });
  await page.locator("[data-widget=inside] button", { hasText: "this site" }).click();
  await checkTokens(page, ids);
  assert((await page.textContent("[data-inside]"))?.includes("swiftshader"), "wanted WebGPU");
  assertEquals(opened.problems, []);
});
