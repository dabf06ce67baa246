/** The network of section 8: in a page as in Deno, on both devices. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { trainCharacterModel } from "../lessons/mod.ts";
import {
  changeWeight,
  type NetworkProgress,
  type NetworkSpec,
  openNetwork,
  trainNetwork,
} from "./engine/network.ts";
import { makePoints } from "./engine/points.ts";
import { decimal, fixed } from "./parts/number.ts";
import { onCpu } from "./testing/gpt.ts";
import { checkLooksOf } from "./testing/looks.ts";
import { type Opened, openSite, pageTest, shownNumber, Widget } from "./testing/pages.ts";

const spiral: NetworkSpec = {
  set: "spiral",
  own: [],
  hidden: [8, 8],
  activation: "tanh",
  optimizer: "adamw",
  learningRate: 0.02,
  seed: 1,
  steps: 800,
};
const xor = "set=xor&layers=1&rate=0.05&seed=3&steps=200&pace=fast";

/** The events of a network that is trained in Deno. */
function trainInDeno(spec: NetworkSpec): Promise<NetworkProgress[]> {
  return onCpu((device) =>
    Array.fromAsync(trainNetwork(device, spec, new AbortController().signal))
  );
}

const lossesOf = (events: readonly NetworkProgress[]) => events.flatMap(({ losses }) => losses);

/** Trains in the page what its controls say, and waits for the end. */
async function train(page: Page, steps: number): Promise<number> {
  const widget = new Widget(page, "network");
  await widget.press("Start");
  await page.waitForFunction(
    (steps) => document.querySelector("[data-row=step]")?.textContent === `${steps}`,
    steps,
  );
  return Number(await page.getAttribute("[data-loss]", "data-loss"));
}

Deno.test("the spiral is learned in 800 steps", async () => {
  const losses = lossesOf(await trainInDeno(spiral));
  assert(losses.at(-1)! < 0.05, `${losses.at(-1)}`);
});

pageTest("a page trains the networks that Deno trains, to the last bit", async () => {
  const events = await trainInDeno(spiral);
  const inDeno = lossesOf(events);
  const weights = events.at(-1)!.weights.flatMap((layer) => [...layer]);
  const trainHundred = async (opened: Opened, isIsolated: boolean): Promise<Page> => {
    const page = await opened.page({ path: "#device=cpu&steps=100&pace=fast" });
    assertEquals(await train(page, 100), inDeno[99]);
    const device = await page.textContent("[data-device]");
    const processors = await page.evaluate(() => navigator.hardwareConcurrency);
    const hasThreads = isIsolated && processors > 1;
    assertEquals(/[2-9]\d* threads/.test(device ?? ""), hasThreads, device ?? "");
    return page;
  };
  for (const way of ["plain", "file"] as const) {
    await using opened = await openSite(way);
    await trainHundred(opened, false);
    assertEquals(opened.problems, []);
  }
  await using opened = await openSite("isolated");
  const page = await trainHundred(opened, true);
  await page.evaluate(() => location.hash = "device=cpu&steps=800&pace=fast");
  const last = await train(page, 800);
  assert(last === inDeno[799] && last < 0.05, `${last}`);
  // The lines of the graph are the weights, and each neuron shows a picture.
  const edges = await page.$$eval(
    ".net .edge",
    (all) => all.map((one) => [one.dataset.weight, one.classList.contains("minus")] as const),
  );
  assertEquals(edges, weights.map((weight) => [decimal(weight, 4), weight < 0] as const));
  assertEquals(await page.locator(".net canvas").count(), 2 + 8 + 8);
  // The neuron that the reader comes to is shown large.
  await page.locator(".net .map").nth(9).focus();
  await page.waitForSelector(".trio .work:has-text('neuron 2 of layer 2')");
  assertEquals(await page.getAttribute(".trio > div > .heat canvas", "width"), "16");
  await page.focus("#set");
  await page.waitForFunction(() =>
    document.querySelector(".trio > div > .heat canvas")?.getAttribute("width") === "48"
  );

  // A link has all that the controls say, and the points.
  const other = await opened.page({ path: `#${xor}&device=cpu` });
  assertEquals(await other.inputValue("#set"), "xor");
  assertEquals(await other.inputValue("#rate"), "0.05");
  await train(other, 200);
  const outputs = (await new Widget(other, "network").table("xor")).map((row) =>
    shownNumber(row[3])
  );
  assert(outputs[0]! < 0.05 && outputs[3]! < 0.05, outputs.join());
  assert(outputs[1]! > 0.95 && outputs[2]! > 0.95, outputs.join());
  await other.locator("[data-widget=network] summary", { hasText: "All settings" }).click();
  await other.focus("#width");
  await other.keyboard.press("ArrowLeft");
  await other.waitForFunction(() => location.hash.includes("width=7"));
  assert(other.url().includes("set=xor"), other.url());
  assertEquals(opened.problems, []);
});

pageTest(
  "before the first step, a page shows the network that Deno makes, and moves nothing",
  async () => {
    const networks = [["spiral", [8, 8]], ["circle", [8]]] as const;
    const wanted = await onCpu((device) =>
      Array.fromAsync(networks, async ([set, hidden]) => {
        const [event] = await Array.fromAsync(openNetwork(device, { ...spiral, set, hidden }));
        const { weights, outputs } = event!;
        const errors = makePoints(set, 1).map(([, , label], i) => (outputs[i]! - label) ** 2);
        return {
          weights: weights.flatMap((layer) => [...layer]).map((weight) => decimal(weight, 4)),
          loss: fixed(errors.reduce((sum, error) => sum + error) / errors.length, 4),
        };
      })
    );
    await using opened = await openSite("plain");
    const page = await opened.page({ path: "#device=cpu", reducedMotion: "reduce" });
    const height = () => page.$eval("#network", (one) => one.getBoundingClientRect().height);
    /** The drawing, once the loss is there: its weights, and how many pictures are empty. */
    const shown = async (loss: string) => {
      await page.waitForFunction(
        (loss) => document.querySelector("#network [data-row=loss]")?.textContent === loss,
        loss,
      );
      return {
        weights: await page.$$eval(".net .edge", (all) => all.map((one) => one.dataset.weight)),
        empty: await page.$$eval("#network .trio canvas", (all) =>
          all.filter((one) => {
            const { width, height } = one as HTMLCanvasElement;
            const context = (one as HTMLCanvasElement).getContext("2d")!;
            return context.getImageData(0, 0, width, height).data.every((byte) => byte === 0);
          }).length),
      };
    };
    const before = await height();
    assertEquals(await page.locator(".net .edge[data-weight]").count(), 0);
    await page.locator("#network .trio").scrollIntoViewIfNeeded();
    const [first, second] = wanted;
    assertEquals(await shown(first!.loss), { weights: first!.weights, empty: 0 });
    assertEquals(await height(), before);
    // Another network, and other points.
    await page.locator("[data-widget=network] summary", { hasText: "All settings" }).click();
    await new Widget(page, "network").move("layers", -1);
    await page.selectOption("#set", "circle");
    assertEquals(await shown(second!.loss), { weights: second!.weights, empty: 0 });
    assertEquals((await new Widget(page, "network").rows()).step, "0");
    // A reset takes back all that was learned.
    await page.evaluate(() => location.hash = "device=cpu&set=circle&layers=1&steps=20&pace=fast");
    await train(page, 20);
    await new Widget(page, "network").press("Reset");
    assertEquals(await shown(first!.loss), { weights: first!.weights, empty: 0 });
    assertEquals(opened.problems, []);
  },
);

pageTest("one can watch a network learn: 800 steps take 8 s, in a hundred pictures", async () => {
  await using opened = await openSite("isolated");
  const page = await opened.page({ path: "#device=cpu" });
  await page.evaluate(() => {
    const seen = new Set<string>();
    Reflect.set(globalThis, "seen", seen);
    const cell = document.querySelector("[data-row=step]")!;
    new MutationObserver(() => seen.add(cell.textContent!)).observe(cell, {
      characterData: true,
      subtree: true,
    });
  });
  const start = performance.now();
  await train(page, 800);
  const seconds = (performance.now() - start) / 1000;
  // A loaded machine may be slower, and never faster.
  assert(seconds >= 7.5, `${seconds} s`);
  const seen: number = await page.evaluate(() => Reflect.get(globalThis, "seen").size);
  assert(seen >= 40, `${seen} pictures`);
  assertEquals(opened.problems, []);
});

pageTest("WebGPU and the CPU train a network alike in a page", async () => {
  await using opened = await openSite("plain");
  const losses: number[] = [];
  for (const device of ["cpu", "webgpu"]) {
    const page = await opened.page({ path: `#${xor.replace("200", "20")}&device=${device}` });
    losses.push(await train(page, 20));
    if (device === "webgpu") {
      assert((await page.textContent("[data-device]"))?.includes("swiftshader"), "wanted WebGPU");
    }
  }
  assertAlmostEquals(losses[1]!, losses[0]!, 1e-3);
  assertEquals(opened.problems, []);
});

pageTest(
  "a run is paused, goes on by a little, is stopped, and points are placed by keyboard",
  async () => {
    await using opened = await openSite("isolated");
    const page = await opened.page({ path: "#device=cpu&steps=2000&pace=slow" });
    const widget = new Widget(page, "network");
    const step = async () => Number((await widget.rows()).step);
    await widget.press("Start");
    await page.waitForFunction(() =>
      Number(document.querySelector("[data-row=step]")?.textContent) > 0
    );
    await widget.press("Pause");
    // Pictures that were on their way when the button was pressed may still come. Without a pause the run ends.
    let paused = NaN;
    while (paused !== await step()) {
      paused = await step();
      await page.waitForTimeout(300);
    }
    assert(paused < 2000, `${paused}`);
    await widget.press("A bit more");
    await page.waitForFunction(
      (paused) => Number(document.querySelector("[data-row=step]")?.textContent) > paused,
      paused,
    );
    await widget.press("Reset");
    assertEquals(await step(), 0);

    await page.selectOption("#set", "own");
    await widget.press("Start");
    await page.waitForFunction(() =>
      document.querySelector("[data-device]")?.textContent?.includes("wanted at least 1 point")
    );
    await page.focus("svg.points");
    for (const key of ["ArrowLeft", "0", "ArrowRight", "ArrowRight", "1"]) {
      await page.keyboard.press(key);
    }
    assertEquals(await page.locator("svg.points circle").count(), 2);
    await page.waitForFunction(() => location.hash.includes("points="));
    assertEquals(opened.problems, []);
  },
);

pageTest("a page trains the lessons' model of letters, and loads no tensors for it", async () => {
  await using opened = await openSite("file");
  // Without motion, so that the network above, which shows itself by tensors, never comes into view.
  const page = await opened.page({
    viewport: { width: 360, height: 740 },
    reducedMotion: "reduce",
  });
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url().split("/").at(-1)!));
  const widget = new Widget(page, "letters");
  const { after, alphabet, losses, model } = trainCharacterModel();
  const untrained = await widget.status();
  for (const number of [alphabet.length, losses.length, losses[0]!, losses.at(-1)!]) {
    assertStringIncludes(untrained!, ` ${Number(number.toFixed(2))}`);
  }
  await widget.press("Train it");
  await page.waitForSelector("[data-table=letters]");
  const words = (await widget.table("letters")).map((row) => row[2]);
  assertEquals(words, after);
  // The longest words fit a phone.
  const table = page.locator("[data-widget=letters] .scroll");
  assert(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth));
  // Letters of the reader's own, and the beginning of a word where there are fewer than three.
  for (const [typed, context] of [["tri", "tri"], ["Re", ".re"], ["", "..."]] as const) {
    await page.fill("#typedLetters", typed);
    const [best, share] = model.probabilities(context)
      .map((share, i) => [alphabet[i]!, share] as const)
      .reduce((best, one) => one[1] > best[1] ? one : best);
    const shown = [best === "." ? "the end" : best, "", share.toFixed(4)];
    await page.waitForFunction(
      (share) => document.querySelector("[data-table=nextLetters] .number")?.textContent === share,
      shown[2],
    );
    assertEquals((await widget.table("nextLetters"))[0], shown);
  }
  await page.fill("#typedLetters", "a7");
  await page.waitForSelector("text=It has never seen one of these letters");
  assertEquals(scripts.filter((name) => /^engine/.test(name)), []);
  assertEquals(opened.problems, []);
});

pageTest(
  "inputs and noise are chosen, a weight is changed, and the network says so as in Deno",
  async () => {
    const spec: NetworkSpec = {
      ...spiral,
      set: "circle",
      hidden: [3],
      noise: 0.1,
      features: ["xx", "yy"],
      steps: 40,
    };
    const { last, changed } = await onCpu(async (device) => {
      const events = await Array.fromAsync(
        trainNetwork(device, spec, new AbortController().signal),
      );
      const change = { layer: 0, neuron: 1, input: 1, value: -4, step: 40 };
      const [changed] = await Array.fromAsync(changeWeight(device, change));
      return { last: events.at(-1)!, changed: changed! };
    });
    assertEquals(last.weights[0]!.length, 6);
    // The test loss comes from points that are as noisy.
    assert(changed.validation !== last.validation);
    await using opened = await openSite("plain");
    const page = await opened.page({
      path: "#device=cpu&set=circle&layers=1&width=3&noise=0.1&steps=40&pace=fast",
    });
    const widget = new Widget(page, "network");
    for (const name of ["x²", "y²", "x", "y"]) {
      await page.getByRole("button", { name, exact: true }).focus();
      await page.keyboard.press("Enter");
    }
    await page.waitForFunction(() => location.hash.includes("inputs=xx%2Cyy"));
    assertEquals(await train(page, 40), last.losses.at(-1));
    await widget.shows({ validation: fixed(last.validation!, 4) });
    assertEquals(await page.locator(".net canvas").count(), 2 + 3);
    await page.locator("[data-widget=network] summary:has-text('Change a weight')").focus();
    await page.keyboard.press("Enter");
    await page.selectOption("#changeTarget", "1");
    await page.selectOption("#changeSource", "1");
    await widget.move("changeWeight", "Home");
    await page.waitForFunction(
      (validation) => document.querySelector("[data-row=validation]")?.textContent === validation,
      fixed(changed.validation!, 4),
    );
    const weights = await page.$$eval(".net .edge", (all) => all.map((one) => one.dataset.weight));
    assertEquals(
      weights,
      changed.weights.flatMap((layer) => [...layer]).map((weight) => decimal(weight, 4)),
    );
    // A click on a line chooses its weight: the last ones lead to the output.
    await page.locator("[data-widget=network] summary:has-text('Change a weight')").click();
    for (const [line, target, source] of [[4, "2", "0"], [8, "3", "2"]] as const) {
      await page.locator(".net .hit").nth(line).dispatchEvent("click");
      assertEquals(
        [await page.inputValue("#changeTarget"), await page.inputValue("#changeSource")],
        [
          target,
          source,
        ],
      );
      assertEquals(
        await page.$$eval(
          ".net .edge",
          (all) => all.flatMap((one, i) => one.classList.contains("lit") ? [i] : []),
        ),
        [line],
      );
    }
    assertEquals(opened.problems, []);
    await checkLooksOf(page, "network");
  },
);
