import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { curvesAsSvg, markdownReport, tableAsText } from "./report.ts";

const curve = (values: readonly number[]) => ({
  name: "training",
  color: "steelblue",
  points: values.map((y, x) => ({ x, y })),
});

function pointsOf(svg: string): [number, number][] {
  const points = /<polyline[^>]* points="([^"]*)"/.exec(svg)![1]!;
  return points.split(" ").map((point) => point.split(",").map(Number) as [number, number]);
}

Deno.test("a curve reaches from one side of the picture to the other, and down as the loss falls", () => {
  const points = pointsOf(curvesAsSvg("Loss", [curve([8, 6, 5, 4])]));
  assertEquals(points[0], [56, 40]);
  assertEquals(points.at(-1), [704, 320]);
  assertEquals(points[1], [272, 180]);
});

Deno.test("the axes carry round numbers within the range", () => {
  const svg = curvesAsSvg("Loss", [curve([8.31, 4.02])]);
  const ticks = [...svg.matchAll(/text-anchor="end" class="muted">([\d.]+)</g)].map(([, text]) =>
    Number(text)
  );
  assertEquals(ticks, [5, 6, 7, 8]);
});

Deno.test("a single point, and a level line, can be plotted", () => {
  for (const values of [[3], [2, 2, 2]]) {
    for (const [x, y] of pointsOf(curvesAsSvg("Loss", [curve(values)]))) {
      assert(Number.isFinite(x) && Number.isFinite(y), `${x}, ${y}`);
    }
  }
});

Deno.test("a hundred thousand points can be plotted", () => {
  const values = Array.from({ length: 100_000 }, (_, i) => 8 - i / 50_000);
  assertEquals(pointsOf(curvesAsSvg("Loss", [curve(values)])).length, 100_000);
});

Deno.test("titles and names are text, not markup", () => {
  const svg = curvesAsSvg("a < b", [{ ...curve([1, 2]), name: "<script>" }]);
  assertStringIncludes(svg, "a &lt; b");
  assert(!svg.includes("<script>"));
});

Deno.test("no points, and values that are not finite, are refused", () => {
  assertThrows(() => curvesAsSvg("Loss", []), RangeError, "wanted finite points, got none");
  assertThrows(() => curvesAsSvg("Loss", [curve([1, NaN])]), RangeError, "got NaN at step 1");
});

Deno.test("a table aligns its values", () => {
  assertEquals(tableAsText([["a", "1"], ["long name", "2"]]), "a          1\nlong name  2");
  assertEquals(tableAsText([]), "");
});

Deno.test("a report has the table, the picture and the samples", () => {
  const report = markdownReport({
    title: "Speedrun",
    rows: [["steps", "400"], ["device", "a | b"]],
    curves: ["loss.svg", "questions.svg"],
    samples: ["We must\n\n# not shout <b>", "Our economy"],
  });
  assertEquals(
    report,
    `# Speedrun

| | |
| --- | --- |
| steps | 400 |
| device | a \\| b |

![The loss over the steps](loss.svg)

![Right answers over the steps](questions.svg)

## What it writes

> We must
>
> # not shout &lt;b&gt;

> Our economy
`,
  );
});

Deno.test("many names stand above the curves in rows, none outside the picture", () => {
  const names = Array.from({ length: 9 }, (_, i) => `a curve of depth ${i}`);
  const svg = curvesAsSvg("Loss", names.map((name) => ({ ...curve([8, 1]), name })));
  const tops = pointsOf(svg).map(([, y]) => y);
  const places = names.map((name) => {
    const [, x, y] = new RegExp(`<text x="([\\d.]+)" y="([\\d.]+)" >${name}<`).exec(svg) ?? [];
    return { left: Number(x), right: Number(x) + 7 * name.length, y: Number(y) };
  });
  for (const [i, { right, y }] of places.entries()) {
    assert(right <= 720 && y < Math.min(...tops), `${names[i]} to ${right}, at ${y}`);
    const next = places[i + 1];
    assert(next === undefined || next.y > y || next.left >= right, names[i]);
  }
});
