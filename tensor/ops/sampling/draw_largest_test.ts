import { assertEquals, assertThrows } from "@std/assert";
import { gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import { kernelTest } from "../../../testing/every_device.ts";
import { normalArray, uniformArray } from "../../random.ts";
import { Tensor } from "../../tensor.ts";
import { composeDraw, drawAmongLargest } from "./draw_largest.ts";

const cases: readonly (readonly [rows: number, length: number, k: number, temperature: number])[] =
  [
    [1, 1, 1, 1],
    [3, 7, 1, 0.5],
    [200, 13, 13, 2],
    [50, 300, 127, 1],
    [50, 1000, 129, 1],
    [8, 32_768, 50, 0.8],
    [2, 65_536, 1024, 3],
    [2, 5000, 1025, 1],
    [0, 5, 2, 1],
  ];

kernelTest("drawing among the largest is topK, softmax and multinomial", async (device) => {
  for (const [rows, length, k, temperature] of cases) {
    using _scope = device.scope();
    const logits = Tensor.from(device, normalArray(rows + k, rows * length), {
      shape: [rows, length],
    });
    const uniforms = Tensor.from(device, uniformArray(length, rows));
    const drawn = drawAmongLargest(logits, uniforms, { k, temperature });
    assertEquals([drawn.dtype, drawn.shape], ["int32", [rows]]);
    const wanted = await composeDraw(logits, uniforms, { k, temperature }).data();
    assertEquals(await drawn.data(), wanted, `${k} of ${rows} x ${length}`);
  }
});

kernelTest("logits to draw from may be views, or one row for many draws", async (device) => {
  const uniforms = Tensor.from(device, uniformArray(1, 40));
  const row = Tensor.from(device, normalArray(1, 3 * 600), { shape: [3, 600] }).slice(0, 1, 2);
  const turned = Tensor.from(device, normalArray(2, 40 * 90), { shape: [90, 40] }).transpose();
  for (const logits of [row.expand([40, 600]), turned, turned.slice(1, 5, 77)]) {
    const drawn = drawAmongLargest(logits, uniforms, { k: 20, temperature: 0.7 });
    assertEquals(
      await drawn.data(),
      await composeDraw(logits, uniforms, { k: 20, temperature: 0.7 }).data(),
    );
  }
});

kernelTest("of equal logits the first are drawn from, each as often", async (device) => {
  const logits = Tensor.full(device, [400, 1000], -2);
  const uniforms = Tensor.from(
    device,
    Float32Array.from({ length: 400 }, (_, i) => (i + 0.5) / 400),
  );
  const drawn = await drawAmongLargest(logits, uniforms, { k: 4, temperature: 1 }).data();
  assertEquals([...drawn], Array.from({ length: 400 }, (_, i) => Math.floor(i / 100)));
});

kernelTest("a row without a finite largest logit, or a wrong number, draws -1", async (device) => {
  const rows = [
    [1, NaN, 2, 3],
    [1, Infinity, 2, 3],
    [-Infinity, -Infinity, -Infinity, -Infinity],
    [1e38, 3e38, 0, -3e38],
    [-Infinity, -Infinity, 5, -Infinity],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ];
  const uniforms = Tensor.from(device, [0.5, 0.5, 0.5, 0.5, 0.9999, 1, NaN]);
  const logits = Tensor.from(device, rows);
  const drawn = drawAmongLargest(logits, uniforms, { k: 3, temperature: 1 });
  assertEquals([...await drawn.data()], [-1, -1, -1, 1, 2, -1, -1]);
  // Divided by this, the largest overflows.
  const cold = drawAmongLargest(logits.slice(0, 3, 4), uniforms.slice(0, 3, 4), {
    ...{ k: 2, temperature: 0.5 },
  });
  assertEquals(await cold.item(), -1);
});

kernelTest("what cannot be drawn from is an error", (device) => {
  const [logits, uniforms] = [Tensor.ones(device, [2, 3]), Tensor.zeros(device, [2])];
  const draw = (k: number, temperature: number) => () =>
    drawAmongLargest(logits, uniforms, { k, temperature });
  for (const k of [0, 4, 1.5, NaN]) {
    assertThrows(draw(k, 1), RangeError, `wanted k from 1 to 3, got ${k}`);
  }
  for (const temperature of [0, -1, NaN, Infinity]) {
    assertThrows(draw(1, temperature), RangeError, `above 0, got ${temperature}`);
  }
  const options = { k: 1, temperature: 1 };
  const short = Tensor.zeros(device, [3]);
  assertThrows(() => drawAmongLargest(logits, short, options), RangeError, "[2, 3] and [3]");
  assertThrows(() => drawAmongLargest(short, short, options), RangeError, "[3] and [3]");
  const integers = Tensor.from(device, [1, 2], { dtype: "int32" });
  assertThrows(() => drawAmongLargest(logits, integers, options), TypeError, "got int32");
});

for (const [name, options] of [["any", {}], ["the smallest", tinyDevice]] as const) {
  gpuTest(`a token of 65,536 is drawn by one kernel on ${name} device`, async (device) => {
    const logits = Tensor.from(device, normalArray(1, 65_536), { shape: [1, 65_536] });
    const uniforms = Tensor.from(device, [0.7]);
    const before = device.statistics.dispatches;
    const drawn = drawAmongLargest(logits, uniforms, { k: 50, temperature: 0.8 });
    assertEquals(device.statistics.dispatches - before, 1);
    assertEquals(
      await drawn.item(),
      await composeDraw(logits, uniforms, { k: 50, temperature: 0.8 }).item(),
    );
  }, options);
}
