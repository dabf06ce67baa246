/** Widgets of the lesson to watch and move, with their numbers. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import {
  characterSteps,
  layersOfNeurons,
  lineLoss,
  softmaxLoss,
  squaredLoss,
} from "../lessons/mod.ts";
import { openingLetters } from "./engine/opening_letters.ts";
import { fixed } from "./parts/number.ts";
import { checkLooksOf } from "./testing/looks.ts";
import { openSite, pageTest, sharedPage, Widget } from "./testing/pages.ts";

const frame = (page: Page) => page.evaluate(() => new Promise(requestAnimationFrame));

/** Presses the pointer on a plot at a share of its width, drags it to another, and leaves it. */
async function drag(page: Page, widget: string, from: number, to: number): Promise<void> {
  const plot = page.locator(`[data-widget=${widget}] svg.plot`).first();
  await plot.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await plot.boundingBox())!;
  await page.mouse.move(x + from * width, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + to * width, y + height / 2, { steps: 4 });
  await page.mouse.up();
  await frame(page);
}

pageTest(
  "two dials are turned by keyboard, and by gradient descent, until the line is the rule",
  async () => {
    await using opened = await openSite("isolated");
    const page = await opened.page({ isFirstLook: true });
    const dials = new Widget(page, "dials");
    await dials.shows(
      { dialFormula: "°C × 0.50 + 10.0", dialLoss: fixed(lineLoss({ a: 0.5, b: 10 }), 2) },
      "The line misses the points. Turn the dials, or let training do it.",
    );
    // By hand: each dial has notches at the rule.
    await dials.move("dialA", 26);
    await dials.move("dialB", 43);
    await dials.shows({ dialLoss: fixed(lineLoss({ a: 1.8, b: 31.5 }), 2) }, "Nearly there!");
    await dials.move("dialB", 1);
    await dials.shows({ dialFormula: "°C × 1.80 + 32.0", dialLoss: "0.00" });
    assertMatch((await dials.status())!, /That is the rule/);
    assert(await page.isDisabled("[data-widget=dials] button.primary"));
    // By training, from where the dials stand.
    await dials.move("dialA", "Home");
    await dials.move("dialB", "Home");
    await dials.shows({ dialFormula: "°C × (−3.00) + (−50.0)" });
    await dials.press("Find the rule");
    await dials.shows({ dialFormula: "°C × 1.80 + 32.0", dialLoss: "0.00" });
    await dials.press("Reset");
    await dials.shows({ dialFormula: "°C × 0.50 + 10.0" });
    // Others see the dials turn.
    const moving = await opened.page({ isFirstLook: true, reducedMotion: "no-preference" });
    await new Widget(moving, "dials").press("Find the rule");
    const says = (words: string) => `[data-widget=dials] [role=status]:has-text("${words}")`;
    await moving.waitForSelector(says("Small step"));
    await moving.waitForSelector(says("That is the rule"));
    await checkLooksOf(page, "rules");
    assertEquals(opened.problems, []);
  },
);

pageTest("edges have the width and color of their weights, and inputs move", async () => {
  const { page, opened } = await sharedPage();
  const edges = (widget: string) =>
    page.$$eval(
      `[data-widget=${widget}] svg.across .edge[data-weight]`,
      (all) => all.map((one) => [one.dataset.weight, one.classList.contains("minus")]),
    );
  assertEquals(await edges("neuron"), [["0.5", false], ["-0.3", true]]);
  const weights = layersOfNeurons().parameters.filter(({ label }) => label.includes("weights"));
  assertEquals((await edges("layers")).map(([weight]) => Number(weight)).sort(), [
    ...weights.map(({ data }) => data).sort(),
  ]);
  await new Widget(page, "layers").move("input1", "End");
  await frame(page);
  const { outputs } = layersOfNeurons({ inputs: [2, -1, 2] });
  const shown = await page.$$eval(
    "[data-widget=layers] svg.across [data-node^=y] text:last-child",
    (all) => all.map(({ textContent }) => textContent),
  );
  assertEquals(shown, outputs.map((y) => fixed(y, 4)));
  assertEquals(opened.problems, []);
});

pageTest(
  "choices and labels are seen in full, on a laptop and with letters twice as large",
  async () => {
    const { page } = await sharedPage();
    const cut = () =>
      page.$$eval("select", (all) =>
        all.flatMap((one) => {
          const room = one.parentElement!.clientWidth, width = one.offsetWidth;
          one.style.cssText = "flex: none; width: max-content; max-width: none";
          const wanted = one.offsetWidth;
          one.style.cssText = "";
          // One that has the whole row can do no more.
          return wanted > width + 1 && width < room - 1 ? [`${one.id}: ${wanted} in ${width}`] : [];
        }));
    await page.setViewportSize({ width: 1280, height: 720 });
    await page.waitForSelector("#serveKeeps");
    assertEquals(await cut(), []);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.evaluate(() => document.documentElement.style.fontSize = "200%");
    assertEquals(await cut(), []);
    // Nor do the words below the river reach into each other.
    const beside = await page.$$eval(
      ".river-stages li",
      (all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent),
    );
    assertEquals(beside, []);
    await page.evaluate(() => document.documentElement.style.fontSize = "");
    await page.setViewportSize({ width: 1280, height: 720 });
  },
);

pageTest("a step back hides the numbers in the table, too", async () => {
  const { page, opened } = await sharedPage();
  const forward = new Widget(page, "forward");
  await forward.press("Back");
  await forward.shows(
    { hidden2: "0.3000", probability: "?" },
    "What comes next? Guess, then press Forward.",
  );
  await forward.press("Back");
  await forward.shows({ hidden1: "0.4600", hidden2: "?" });
  const backpropagation = new Widget(page, "backpropagation");
  await backpropagation.press("Forward");
  await backpropagation.shows({ prediction: "?", loss: "?", dw: "?", newW: "?" });
  await backpropagation.press("Back");
  await backpropagation.shows({ prediction: "11.00", newW: "3.7100" });
  assertEquals(opened.problems, []);
});

pageTest("points are dragged on the curves of the loss, and a button goes downhill", async () => {
  const { page, opened } = await sharedPage();
  await drag(page, "loss", 0.3, 0.9);
  const own = Number(await page.textContent("output[for=prediction]"));
  assert(own > 2 && own <= 3, `${own}`);
  const row = (await new Widget(page, "loss").table("loss")).at(-1)!;
  assertEquals(Number(row[2]), Number(squaredLoss([own])[0]!.loss.toFixed(4)));

  const slope = new Widget(page, "slope");
  await slope.press("Take a step");
  // 1 − 0.03 × (−24), to a notch of the slider.
  assertEquals(await page.textContent("output[for=w]"), "1.7");
  for (let i = 0; i < 6; i++) await slope.press("Take a step");
  await slope.shows({ loss: "0.01" });
  await drag(page, "slope", 0.4, 0.99);
  assertEquals(await page.textContent("output[for=w]"), "5.0");
  assertEquals(opened.problems, []);
});

pageTest("divergence is seen: the axes reach as far as w jumps", async () => {
  const { page, opened } = await sharedPage();
  const highest = () =>
    page.$$eval(
      "[data-widget=loop] svg.plot:first-of-type .end text",
      (all) => Math.max(...all.map(({ textContent }) => Number(textContent) || 0)),
    );
  assert(await highest() <= 2);
  await new Widget(page, "loop").move("loopRate", "End");
  await frame(page);
  assert(await highest() >= 200, `${await highest()}`);
  await new Widget(page, "loop").move("loopStep", 3);
  await frame(page);
  // Where w is, on the parabola, behind the steps so far.
  assertEquals(await page.locator("[data-widget=loop] .plot").first().locator(".dot").count(), 1);
  assertEquals(opened.problems, []);
});

pageTest("the opening learns on arrival, with the loss of the lessons' model", async () => {
  await using opened = await openSite("file");
  const page = await opened.page({ reducedMotion: "no-preference" });
  const trained = [...characterSteps()];
  await page.waitForSelector("[data-opening='60']");
  const text = await page.innerText("[data-opening]");
  assertMatch(
    text,
    new RegExp(`60 steps, loss ${trained.at(-1)!.loss.toFixed(2)}: it has learned`),
  );
  assertEquals(await page.locator("[data-opening] li").count(), 3);
  // Its picture has the weights of the lessons' model, as widths and colors, and what they make of "sau".
  const { model } = trained.at(-1)!;
  const { before, next } = openingLetters;
  const placeOf = (letter: string) => model.alphabet.indexOf(letter);
  const wanted = [...next].flatMap((to) =>
    [...before].map((from, i) => model.weights[i]![placeOf(from)]![placeOf(to)]!.data)
  );
  const lines = await page.$$eval(
    "[data-opening] .graph.down .edge",
    (all) =>
      all.map((one) => {
        const isPlus = one.classList.contains("plus");
        return [Number(one.dataset.weight), isPlus, Number(one.getAttribute("stroke-width"))];
      }),
  ) as [number, boolean, number][];
  // Browsers differ in the last bit of exponentials.
  lines.forEach(([weight], i) => assertAlmostEquals(weight, wanted[i]!, 1e-9));
  assertEquals(lines.length, 15);
  assertEquals(lines.map(([, isPlus]) => isPlus), wanted.map((weight) => weight >= 0));
  const bySize = lines.toSorted(([a], [b]) => Math.abs(a) - Math.abs(b)).map(([, , width]) =>
    width
  );
  assertEquals(bySize, lines.map(([, , width]) => width).sort((a, b) => a - b));
  assert(bySize.at(-1)! > 4 * bySize[0]!);
  const shares = model.probabilities(before);
  assertEquals(
    await page.locator("[data-opening] .graph.down .node text:nth-of-type(2)").allTextContents(),
    [...next].map((letter) => `${Math.round(100 * shares[placeOf(letter)]!)} %`),
  );
  assert(shares[placeOf("r")]! > 0.9);
  // With reduced motion, the reader starts it.
  const calm = await opened.page({ reducedMotion: "reduce" });
  await calm.waitForTimeout(500);
  assertEquals(await calm.getAttribute("[data-opening]", "data-opening"), "0");
  assertEquals(await calm.locator("[data-opening] .edge[data-weight]").count(), 0);
  assertEquals(opened.problems, []);
});

pageTest("logits become probabilities and a loss, as in the lessons' example", async () => {
  const { page, opened } = await sharedPage();
  const widget = new Widget(page, "softmax");
  const shares = async () => (await widget.table("softmax")).map(([, , share]) => share);
  assertEquals(await shares(), ["0.7054", "0.2595", "0.0351"]);
  await widget.shows({ softmaxLoss: "0.3490" }, "Right, but not sure");
  await page.selectOption("#right", "s");
  const { loss, gradients, probabilities } = softmaxLoss([5, 1, -1], 2);
  await widget.move("logit1", "End");
  await widget.shows({ softmaxLoss: loss.toFixed(4) }, "Sure, and wrong: that costs most");
  assertEquals(await shares(), probabilities.map((p) => p.toFixed(4)));
  const work = await widget.table("softmaxWork");
  assertEquals(work.map((row) => row[3]), gradients.map((gradient) => fixed(gradient, 4)));
  await widget.press("Reset");
  await widget.shows({ softmaxLoss: "0.3490" });
  assertEquals(opened.problems, []);
});

pageTest(
  "words in the text light up what they name in the figure, by pointer and by keyboard",
  async () => {
    const { page, opened } = await sharedPage();
    /** The lit parts of a section: rows and sliders by their first words, others by their names. */
    const lit = (section: string) =>
      page.$$eval(
        `#${section} .lit`,
        (all) =>
          all.filter((one) => one.checkVisibility()).map((one) =>
            (one as SVGElement).dataset.part ?? one.querySelector("label, th")!.textContent
          ),
      );
    const word = (section: string, text: string) =>
      page.locator(`#${section} .light`, { hasText: text }).first();
    await word("neuron", "weight").focus();
    assertEquals((await lit("neuron")).sort(), ["Weight w₁", "Weight w₂", "w1", "w2"]);
    await page.keyboard.press("Tab");
    assertEquals((await lit("neuron")).sort(), ["Bias b", "Sum + bias", "sum"]);
    // Enter leads to the slider.
    await page.keyboard.press("Enter");
    assertEquals(await page.evaluate(() => document.activeElement?.id), "bias");
    assertEquals(await lit("neuron"), []);
    await word("mlp", "hidden layers").hover();
    assertEquals(await lit("mlp"), Array(4).fill("hiddenLayer"));
    await word("backpropagation", "prediction").hover();
    assertEquals([await lit("mlp"), (await lit("backpropagation")).sort()], [[], [
      "prediction",
      "① Prediction w × 2 + b",
    ]]);
    // Every word names something.
    const lost = await page.$$eval(
      ".light",
      (all) =>
        all.flatMap((one) =>
          (one as HTMLElement).dataset.light!.split(",").filter((name) =>
            one.closest("section")!.querySelector(
              `#${name}, [data-row=${name}], [data-part~=${name}]`,
            ) === null
          )
        ),
    );
    assertEquals(lost, []);
    assertEquals(opened.problems, []);
  },
);
