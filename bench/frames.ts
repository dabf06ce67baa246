/**
 * Measures frames of the lesson while a GPT trains in it, and how long a slider takes to its number.
 *
 *     deno run -A bench/frames.ts [SECONDS]
 *
 * Depth 2 at the width of `base`, in the isolated page in headless Chromium. The last line is one line of
 * JSON, in milliseconds. Limits, on a quiet machine: 35 for 95 % of the frames, 100 for all, 16 for the
 * slider. Ends with 1 if one is missed.
 *
 * @module
 */

import { closeSharedBrowser } from "../testing/browser/shared.ts";
import { openSite } from "../web/testing/pages.ts";

const seconds = Number(Deno.args[0] ?? 10);
await using _browser = { [Symbol.asyncDispose]: closeSharedBrowser };
await using opened = await openSite("isolated");
const page = await opened.page({
  path: "#gptDevice=cpu&gptWidth=256&gptDepth=2&heads=4&gptSteps=2000&context=128",
  reducedMotion: "no-preference",
  serviceWorkers: "allow",
});
const width = await page.textContent("output[for=gptWidth]");
if (width !== "256") throw new Error(`Cannot measure frames: wanted width 256, got ${width}`);
await page.locator("[data-widget=gpt] button", { hasText: "Start" }).click();
await page.waitForFunction(() =>
  Number(document.querySelector("[data-row=gptStep]")?.textContent) > 0
);

const gaps: number[] = await page.evaluate(
  (milliseconds) =>
    new Promise((resolve) => {
      const gaps: number[] = [];
      const start = performance.now();
      let last = start;
      const frame = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        if (now - start < milliseconds) requestAnimationFrame(frame);
        else resolve(gaps);
      };
      requestAnimationFrame(frame);
    }),
  1000 * seconds,
);

await page.evaluate(() => {
  const times: number[] = [];
  Reflect.set(globalThis, "times", times);
  let pressed = 0;
  document.querySelector("#w1")!.addEventListener("input", () => pressed = performance.now(), true);
  new MutationObserver(() => times.push(performance.now() - pressed)).observe(
    document.querySelector("output[for=w1]")!,
    { characterData: true, childList: true, subtree: true },
  );
});
await page.focus("#w1");
for (let i = 0; i < 40; i++) await page.keyboard.press(i % 2 === 0 ? "ArrowLeft" : "ArrowRight");
await page.waitForTimeout(200);
const slider: number[] = await page.evaluate(() => Reflect.get(globalThis, "times"));
const steps = Number(await page.textContent("[data-row=gptStep]"));

const at = (values: readonly number[], share: number) => {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(10 * sorted[Math.ceil(share * sorted.length) - 1]!) / 10;
};
const result = {
  bench: "frames",
  frames: gaps.length,
  steps,
  median: at(gaps, 0.5),
  p95: at(gaps, 0.95),
  worst: at(gaps, 1),
  slider_median: at(slider, 0.5),
  slider_worst: at(slider, 1),
};
console.log(JSON.stringify(result));
Deno.exitCode = result.p95 <= 35 && result.worst <= 100 && result.slider_worst <= 16 ? 0 : 1;
