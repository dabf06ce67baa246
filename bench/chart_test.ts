import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { comparisonChart } from "./chart.ts";
import type { Row } from "./results.ts";

const row: Row = {
  name: "step",
  device: "cpu",
  unit: "tokens/s",
  ratio: 2,
  spread: null,
  wanted: null,
  ours: { library: "nanodino", value: 2000 },
  others: [{ library: "slow", value: 500 }, { library: "fast & close", value: 1000 }],
};

function widths(svg: string, kind: string): number[] {
  const bars = svg.matchAll(new RegExp(`<rect class="${kind}"[^>]* width="([^"]*)"`, "g"));
  return Array.from(bars, ([, width]) => Number(width));
}

Deno.test("a bar of nanodino is as many times as long as the other's as it is faster", () => {
  const svg = comparisonChart("Speed", [
    { label: "a", row },
    { label: "b", row: { ...row, ratio: 0.5, ours: { library: "nanodino", value: 500 } } },
  ]);
  const [ours, others] = [widths(svg, "accent"), widths(svg, "other")];
  assertEquals(others, [others[0]!, others[0]!]);
  assertEquals(ours, [2 * others[0]!, others[0]! / 2]);
});

Deno.test("the chart names the fastest of the others, as text, and sums itself up for screen readers", () => {
  const svg = comparisonChart("Speed", [{ label: "a < b", row }]);
  assertStringIncludes(svg, "fast &amp; close 1,000");
  assert(!svg.includes("slow"));
  assertStringIncludes(svg, "<title>Speed. a &lt; b: 2.00 × fast &amp; close</title>");
});

Deno.test("rows that were not compared, or are not speeds, cannot be drawn", () => {
  for (const wrong of [{ ...row, ratio: null }, { ...row, unit: "ms" }, { ...row, others: [] }]) {
    assertThrows(() => comparisonChart("Speed", [{ label: "a", row: wrong }]), Error, '"step"');
  }
});
