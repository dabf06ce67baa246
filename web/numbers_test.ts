/** Every number of the lesson's widgets, on the built site, by keyboard. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { Value } from "../autograd/mod.ts";
import { walk } from "./lesson/backpropagation.tsx";
import { openSite, pageTest, ways, Widget } from "./testing/pages.ts";

/** The first values of the widgets. */
const defaults = {
  neuron: { product1: "2.00", product2: "−7.50", sum: "−4.50", output: "−0.9998" },
  forward: {
    input1: "0.80",
    input2: "0.70",
    hidden1: "0.4600",
    hidden2: "0.3000",
    probability: "0.5676",
  },
  slope: { product: "3.0", target: "7", loss: "16.00", gradient: "−24.0" },
  nudge: { nudged: "1.1025", change: "0.1025", rate: "2.05" },
  backpropagation: {
    prediction: "11.00",
    loss: "1.00",
    dPrediction: "2.00",
    dPredictionDw: "2",
    dw: "4.00",
    db: "2.00",
    newW: "3.7100",
    newB: "3.4800",
  },
};

const verdicts: Readonly<Record<string, string>> = {
  neuron: "Strong negative signal",
  forward: "56.8 % probability of Pass: Pass",
  slope: "→ Increase w to reduce Loss",
};

/** The widgets of the first file, as far as they are checked here; the others are in the second one. */
const firstWidgets = ["neuron", "forward"];

async function checkRows(page: Page, names: readonly string[]): Promise<void> {
  for (const [name, rows] of Object.entries(defaults)) {
    if (!names.includes(name)) continue;
    const widget = new Widget(page, name);
    assertEquals(await widget.rows(), rows);
    if (verdicts[name] !== undefined) assertEquals(await widget.status(), verdicts[name]);
  }
}

async function checkLosses(page: Page): Promise<void> {
  const losses = await new Widget(page, "loss").table("loss");
  assertEquals(losses.slice(0, 4).map((row) => [row[0], row[2]]), [
    ["0.8", "0.04"],
    ["0.3", "0.49"],
    ["1.2", "0.04"],
    ["−0.5", "2.25"],
  ]);
}

async function checkLayers(page: Page): Promise<void> {
  const layers = await new Widget(page, "layers").table("layers");
  assertEquals(layers.map((row) => row.slice(1)), [
    ["4 × 3 = 12", "4", "16"],
    ["2 × 4 = 8", "2", "10"],
    ["", "", "26"],
  ]);
}

async function checkDefaults(page: Page): Promise<void> {
  await checkRows(page, Object.keys(defaults));
  await checkLosses(page);
  await checkLayers(page);
}

async function moveSome(page: Page): Promise<void> {
  const neuron = new Widget(page, "neuron");
  await neuron.move("w2", 3);
  await neuron.shows({ sum: "3.00", output: "0.9951" }, "Strong positive signal");
  await neuron.press("Reset");
  await neuron.shows(defaults.neuron);
}

async function moveEverything(page: Page): Promise<void> {
  await moveSome(page);
  const neuron = new Widget(page, "neuron");
  await neuron.move("w2", 2);
  await neuron.shows({ sum: "0.50", output: "0.4621" }, "Weak positive signal");
  await neuron.move("x1", "Home");
  await neuron.move("x2", "Home");
  await neuron.shows({ sum: "1.00", output: "0.7616" }, "Clear positive signal");
  await neuron.press("Reset");
  await neuron.shows(defaults.neuron);

  const forward = new Widget(page, "forward");
  const pass = async (hidden1: string, hidden2: string, probability: string) =>
    await forward.shows({ hidden1, hidden2, probability });
  await forward.move("math", "Home");
  await forward.move("english", "Home");
  await pass("0.0000", "0.0000", "0.4502");
  assertEquals(await forward.status(), "45.0 % probability of Pass: Fail");
  await forward.move("english", "End");
  await pass("0.1000", "0.7000", "0.5548");
  await forward.move("math", "End");
  await pass("0.7000", "0.5000", "0.6318");
  await forward.move("english", "Home");
  await pass("0.3000", "0.0000", "0.5025");
  await forward.move("english", 50);
  await forward.move("math", -50);
  await pass("0.2000", "0.2000", "0.5100");

  const slope = new Widget(page, "slope");
  await slope.move("w", "Home");
  await slope.shows({ loss: "49.00", gradient: "−42.0" });
  await slope.move("w", 23);
  await slope.shows({ loss: "0.01", gradient: "−0.6" }, "→ Increase w to reduce Loss");
  await slope.move("w", 1);
  await slope.shows({ loss: "0.04", gradient: "1.2" }, "→ Decrease w to reduce Loss");
  await slope.move("w", "End");
  await slope.shows({ loss: "64.00", gradient: "48.0" });

  const nudge = new Widget(page, "nudge");
  await page.selectOption("#nudge", "0.001");
  await nudge.shows({ nudged: "1.002001", change: "0.002001", rate: "2.001" });
  await page.focus("#nudge");
  await page.keyboard.press("ArrowUp");
  await page.focus("#nudged");
  await page.keyboard.press("ArrowDown");
  await nudge.shows({ nudged: "11.0200", change: "0.0200", rate: "2.00" });
  await page.keyboard.press("ArrowDown");
  await nudge.shows({ nudged: "11.0100", change: "0.0100", rate: "1.00" });

  const backpropagation = new Widget(page, "backpropagation");
  await backpropagation.move("backW", 1);
  await backpropagation.shows({ prediction: "11.02" });
  await backpropagation.move("backW", -1);
  await backpropagation.move("backB", 1);
  await backpropagation.shows({ prediction: "11.01" });
  await backpropagation.press("w 3, b 1");
  await backpropagation.shows({
    prediction: "7.00",
    loss: "9.00",
    dPrediction: "−6.00",
    dw: "−12.00",
    db: "−6.00",
    newW: "3.1200",
    newB: "1.0600",
  });
  await backpropagation.press("w 3.75, b 3.50");
  await backpropagation.shows(defaults.backpropagation);
  await backpropagation.press("Take this step");
  await backpropagation.shows({ prediction: "10.90", loss: "0.81" });
  assertEquals(await page.textContent("output[for=backW]"), "3.71");
  assertEquals(await page.textContent("output[for=backB]"), "3.48");
  for (let step = 2; step <= 25; step++) await backpropagation.press("Take this step");
  await backpropagation.shows({ loss: "0.01" }, "25 steps taken, loss 0.01");
  await backpropagation.press("Run until the loss shows 0.00");
  await backpropagation.shows({ loss: "0.00" }, "26 steps taken, loss 0.00. It has learned!");
  await checkGraph(page, backpropagation);
}

/** The graph and its twin have the numbers of the table. */
async function checkGraph(page: Page, widget: Widget): Promise<void> {
  const rows = await widget.rows();
  const texts = async (name: string) =>
    await page.$$eval(
      `[data-widget=backpropagation] svg.across [data-node=${name}] text`,
      (lines) => lines.map((line) => line.textContent),
    );
  const shown = async (id: string) => await page.textContent(`output[for=${id}]`);
  const [w, b] = [await shown("backW"), await shown("backB")];
  assertEquals(await texts("w"), ["w", w, `grad ${rows.dw}`]);
  assertEquals(await texts("b"), ["b", b, `grad ${rows.db}`]);
  assertEquals(await texts("loss"), ["loss", rows.loss, "grad 1.00"]);
  const twin = new Map((await widget.table("backpropagation")).map((row) => [row[0], row]));
  assertEquals(twin.get("w")!.slice(2, 4), [w, rows.dw]);
  assertEquals(twin.get("b")!.slice(2, 4), [b, rows.db]);
  assertEquals(twin.get("loss")!.slice(2, 4), [rows.loss, "1.00"]);

  const visited: string[] = [];
  for (let i = 0; i < 16; i++) {
    await widget.press("Forward");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    visited.push(await page.getAttribute("[data-walk]", "data-walk") ?? "");
  }
  assertEquals(visited, walk.map((visit) => visit.join(" ")));
  await widget.press("Back");
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assertEquals(await page.getAttribute("[data-walk]", "data-walk"), "x backward");
}

for (const way of ways) {
  pageTest(`widgets show the numbers of the notes, ${way}`, async () => {
    await using opened = await openSite(way);
    const page = await opened.page();
    await checkDefaults(page);
    // However it was opened, a page that lives has the same widgets.
    if (way === "file") await moveEverything(page);
    else await moveSome(page);
    assertEquals(opened.problems, []);
  });
}

pageTest("a negative number has a minus sign wherever it is shown, and no hyphen", async () => {
  await using opened = await openSite("plain");
  // Settings that make numbers of every widget negative.
  const page = await opened.page({
    path: "#x1=0&w2=-2&bias=-5&dialA=-3&dialB=-50&input1=-2&prediction=-1&w=0&backW=0&backB=-5" +
      "&loopRate=0.25&loopStep=50&logit1=-5&asks=0&answers=30",
  });
  const text = (within: string) =>
    page.$$eval(within, (all) => {
      const texts = [];
      for (const root of all) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
          const isCode = node.parentElement!.closest("code, pre, textarea") !== null;
          if (!isCode) texts.push(node.textContent!);
        }
      }
      return texts;
    });
  const texts = await text("main");
  assertEquals(texts.filter((one) => /(^|[^\w])-\d/.test(one)), []);
  assert(texts.filter((one) => /−\d/.test(one)).length > 60);
});

pageTest("without JavaScript, numbers, text, code and formulas are there", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page({ javaScriptEnabled: false });
  const selectors = ["section", "math", "[data-code]", ".text p"];
  const count = () => Promise.all(selectors.map((selector) => page.locator(selector).count()));
  await checkRows(page, firstWidgets);
  await checkLayers(page);
  const first = await count();
  // The last section of the first file leads to the second one, and back.
  await page.locator(".next").last().click();
  await page.waitForURL(/rest\.html#loss$/);
  await checkRows(page, Object.keys(defaults).filter((name) => !firstWidgets.includes(name)));
  await checkLosses(page);
  const counts = (await count()).map((more, i) => more + first[i]!);
  const [sections, formulas, codes, paragraphs] = counts as [number, number, number, number];
  assert(sections >= 10 && formulas >= 6 && codes >= 10 && paragraphs >= 20, counts.join());
  assertStringIncludes(await page.textContent("main") ?? "", "blindfolded");
  await page.locator("h1 a").click();
  await page.waitForURL(/index\.html$/);
  assertEquals(opened.problems, []);
});

Deno.test("the walk through the graph visits values in the order of the tape", () => {
  const visited: string[] = [];
  class Watched extends Value {
    override receive(gradient: number): void {
      super.receive(gradient);
      if (this.label !== "") visited.push(this.label);
    }
  }
  const name = (value: Value, label: string): Value => Object.assign(value, { label });
  const [w, x, b, target] = ["w", "x", "b", "target"].map((label) => new Watched(1, { label }));
  const { receive } = Value.prototype;
  try {
    // Results of operations are plain values: these are watched through the class.
    Value.prototype.receive = function (this: Value, gradient: number): void {
      receive.call(this, gradient);
      if (!(this instanceof Watched) && this.label !== "") visited.push(this.label);
    };
    const product = name(w!.mul(x!), "product");
    const prediction = name(product.add(b!), "prediction");
    const error = name(prediction.sub(target!), "error");
    name(error.pow(2), "loss").backward();
  } finally {
    Value.prototype.receive = receive;
  }
  const backward = walk.filter(([, pass]) => pass === "backward").map(([name]) => name);
  assertEquals(visited, backward);
});
