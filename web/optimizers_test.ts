/** The section on optimizers: paths of the library's, and a rule of the reader's that can break nothing. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { singularValues, valleyCurvatures, valleyStart } from "../lessons/valley.ts";
import { Adam, polarExpress, SGD } from "../optim/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { descendValley, type Descent, type DescentPath } from "./engine/valley.ts";
import { fixed } from "./parts/number.ts";
import { onCpu } from "./testing/gpt.ts";
import { checkLooks } from "./testing/looks.ts";
import { openSite, pageTest, sharedPage, shownNumber, Widget } from "./testing/pages.ts";

const byLibrary = (descent: Descent): Promise<DescentPath[]> =>
  onCpu((device) => Array.fromAsync(descendValley(device, descent)));

/** Lets the four run, and waits for the last of them. */
async function run(page: Page): Promise<string[][]> {
  const widget = new Widget(page, "optimizer");
  await widget.press(
    await page.locator("[data-table=valley]").count() > 0 ? "Once more" : "Let them run",
  );
  await page.waitForSelector("[data-table=valley] tbody tr:nth-child(4)");
  await page.waitForFunction(() =>
    /Lowest now/.test(document.querySelector("[data-optimizer]")!.textContent!)
  );
  return await widget.table("valley");
}

pageTest("four of the library's optimizers go down the valley, by any schedule", async () => {
  const { page, opened } = await sharedPage();
  const losses = new Map<string, number[]>();
  for (const schedule of ["constant", "warmdown", "cosine"] as const) {
    await page.focus("#valleySchedule");
    await page.selectOption("#valleySchedule", schedule);
    const shown = await run(page);
    const wanted = await byLibrary({ steps: 60, schedule, rate: 1 });
    assertEquals(
      shown.map((row) => row.slice(2)),
      wanted.map(({ path }) => [path.at(-1)!.steep, path.at(-1)!.flat])
        .map((place) => place.map((x) => fixed(x, 3))),
    );
    losses.set(schedule, wanted.map((one) => one.losses.at(-1)!));
  }
  // As the text says, plain descent hardly moves along, and Muon does not rest without a schedule.
  const [sgd, momentum, adam, muon] = losses.get("constant")!;
  assert(sgd! > 1 && momentum! < 0.5 && adam! < 0.5, losses.get("constant")!.join());
  assert(muon! > 10 * losses.get("cosine")![3]!, `${muon}, ${losses.get("cosine")![3]}`);
  const widget = new Widget(page, "optimizer");
  await widget.move("valleyStep", "Home");
  const [first] = await widget.table("valley");
  assertEquals(first!.slice(2), [fixed(valleyStart.steep, 3), fixed(valleyStart.flat, 3)]);
  assertEquals(opened.problems, []);
});

pageTest("Muon's orthogonalization makes singular values equal, as the library does", async () => {
  const { page, opened } = await sharedPage();
  const widget = new Widget(page, "muon");
  await widget.move("updateb", "End");
  await widget.press("Make them equal");
  await page.waitForSelector("[data-table=muon] tbody tr:nth-child(6)");
  const matrix = [[3, 4], [1, 0.6]];
  const norm = 1.01 * Math.hypot(...matrix.flat());
  const wanted = await onCpu((device) =>
    Promise.all([0, 1, 2, 3, 4, 5].map(async (iterations) => {
      const x = Tensor.from(device, [matrix.map((row) => row.map((value) => value / norm))]);
      const cells = [...await polarExpress(x, iterations).data()].map(Number);
      const values = singularValues([cells.slice(0, 2), cells.slice(2)]);
      return { cells, values };
    }))
  );
  const shown = await widget.table("muon");
  for (const [i, { cells, values }] of wanted.entries()) {
    const cellsShown = shown[i]![3]!.split(/[,;] /).map(shownNumber);
    cells.forEach((x, j) => assertAlmostEquals(cellsShown[j]!, x, 6e-3));
    assertEquals(shown[i]!.slice(1, 3), values.map((x) => x.toFixed(3)));
  }
  // The picture is of the same matrices: how far each curve reaches is its larger singular value.
  const reaches = await page.$$eval("svg.stretches path", (all) =>
    all.map((path) => {
      const points = path.getAttribute("d")!.slice(1, -1).split("L");
      return Math.max(...points.map((point) => Math.hypot(...point.split(" ").map(Number))));
    }));
  assertEquals(reaches.length, 6);
  reaches.forEach((reach, i) => assertAlmostEquals(reach, wanted[i]!.values[0], 0.01));
  const [most, least] = wanted[5]!.values;
  assert(most / least < 2 && wanted[0]!.values[0] / wanted[0]!.values[1] > 10);
  assertEquals(opened.problems, []);
});

/** Where the library's optimizer is after 60 steps, with a learning rate. */
function libraryAfter(
  make: (weights: readonly Tensor[]) => SGD | Adam,
): Promise<readonly [number, number]> {
  return onCpu(async (device) => {
    const weight = Tensor.from(device, [valleyStart.steep, valleyStart.flat], {
      requiresGrad: true,
    });
    const curvatures = Tensor.from(device, [valleyCurvatures.steep, valleyCurvatures.flat]);
    const optimizer = make([weight]);
    for (let step = 0; step < 60; step++) {
      optimizer.zeroGrad();
      weight.square().mul(curvatures).sum().mul(0.5).backward();
      optimizer.step();
    }
    const [steep, flat] = [...await weight.data()].map(Number);
    return [steep!, flat!];
  });
}

async function runRule(page: Page, rule: string): Promise<void> {
  await page.focus("#rule");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(rule);
  await page.keyboard.press("Enter");
}

pageTest(
  "one line of the reader's is SGD, momentum or Adam: the library ends at the same place",
  async () => {
    for (const way of ["plain", "file"] as const) {
      await using opened = await openSite(way);
      const page = await opened.page();
      const widget = new Widget(page, "rule");
      const wanted = {
        SGD: await libraryAfter((weights) => new SGD(weights, { lr: 0.018 })),
        Momentum: await libraryAfter((weights) => new SGD(weights, { lr: 0.012, momentum: 0.85 })),
        Adam: await libraryAfter((weights) => new Adam(weights, { lr: 0.6 })),
      };
      for (const [name, [steep, flat]] of Object.entries(wanted)) {
        await widget.press(name);
        await widget.press("Run it");
        await page.waitForFunction(() =>
          /After 60 steps/.test(
            document.querySelector("[data-widget=rule] [role=status]")!.textContent!,
          )
        );
        const rows = await widget.rows();
        assertAlmostEquals(shownNumber(rows.ruleSteep), steep, 2e-3, name);
        assertAlmostEquals(shownNumber(rows.ruleFlat), flat, 2e-3, name);
      }
      assertMatch((await widget.status())!, /You have written an optimizer!|After 60 steps/);
      assertEquals(opened.problems, []);
    }
  },
);

/** Rules that go wrong, and what is said of each. */
const faults: Readonly<Record<string, RegExp>> = {
  "while (true) {}": /did not come to an end/,
  "for (;;) m = [m]": /did not come to an end|Invalid|memory/,
  'throw new Error("no way")': /no way/,
  "throw null": /null/,
  "w = 0 / 0": /w is NaN at step 1/,
  "w = w + 1e308 * g": /w is -?Infinity at step \d/,
  "w = ": /Unexpected token/,
  "w = w - lr * slope": /slope is not defined/,
  'fetch("/index.html")': /fetch is not defined/,
  'new XMLHttpRequest().open("GET", "/")': /XMLHttpRequest is not defined/,
  'importScripts("/labs.js")': /importScripts is not defined/,
  'import("/labs.js")': /cannot load code/,
  'indexedDB.open("nanodino")': /indexedDB is not defined/,
  "caches.keys()": /caches is not defined/,
  "postMessage(1)": /postMessage is not defined/,
  "self.close()": /self is not defined/,
  'navigator.sendBeacon("/")': /navigator is not defined/,
  "m = new Float64Array(1e12)": /Float64Array is not defined/,
  "m = new ArrayBuffer(2 ** 40)": /ArrayBuffer is not defined/,
  'm = "x".repeat(2 ** 29)': /repeat is not a function/,
  "m = [].constructor(2 ** 31)": /constructor is not a function/,
  '(() => 0).constructor("return this")()': /constructor is not a function/,
  '(async () => 0).constructor("return 1")': /constructor is not a function/,
  "let s = 'x'; for (;;) s += s": /Invalid string length/,
  "let a = [1]; for (;;) a = [...a, ...a]": /Invalid array length|did not come to an end|memory/,
  'w = "1"': /w is no number: string/,
  "return 1": /is no number/,
  '}; fetch("/"); var rule = function () {': /fetch is not defined/,
  "}; for (;;); var rule = function () {": /did not come to an end/,
};

pageTest(
  "a rule that goes wrong is stopped soon, and the page lives on",
  async () => {
    await using opened = await openSite("plain");
    const page = await opened.page();
    const requests: string[] = [];
    for (const [rule, wanted] of Object.entries(faults)) {
      page.on("request", (request) => requests.push(request.url()));
      await runRule(page, rule);
      await page.waitForFunction(
        () => document.querySelector("#ruleError")!.textContent !== "",
      );
      const said = await page.textContent("#ruleError");
      assertMatch(said!, /^Line 4: /, rule);
      assertMatch(said!, wanted, rule);
      assertEquals(await page.getAttribute("#rule", "aria-invalid"), "true");
      page.removeAllListeners("request");
    }
    assertEquals(requests.filter((url) => !url.startsWith("blob:")), []);
    // The page moves, and a good rule runs.
    const widget = new Widget(page, "rule");
    await widget.press("Momentum");
    await widget.press("Run it");
    await page.waitForFunction(() =>
      /After 60 steps/.test(
        document.querySelector("[data-widget=rule] [role=status]")!.textContent!,
      )
    );
    assertEquals(await page.textContent("#ruleError"), "");
    // Diverging is no fault of the line: one sees it.
    await runRule(page, "w = w + lr * g * 0.01");
    await page.waitForFunction(() =>
      /After 60 steps/.test(
        document.querySelector("[data-widget=rule] [role=status]")!.textContent!,
      )
    );
    assert(Number((await widget.rows()).ruleLoss) > 100);
    assertEquals(opened.problems, []);
  },
);

pageTest("the section on optimizers can be read in light, dark and on a phone", async () => {
  await using opened = await openSite("isolated");
  await checkLooks(opened, "optimizers", async (page) => {
    await run(page);
    await new Widget(page, "muon").press("Make them equal");
    await page.waitForSelector("[data-table=muon] tbody tr:nth-child(6)");
    await runRule(page, "w = slope");
    await page.waitForSelector("#ruleError:has-text('slope')");
  });
  assertEquals(opened.problems, []);
});
