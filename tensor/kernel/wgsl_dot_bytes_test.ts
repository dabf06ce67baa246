import { assertEquals } from "@std/assert";
import { fresh } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import type { Device, View } from "../device.ts";
import { defineKernel, runKernel } from "./run.ts";
import { dotBytesFunction } from "./wgsl_dot_bytes.ts";

/** Every pair of the bytes where signs and carries matter. */
const EDGES = [-128, -127, -1, 0, 1, 2, 126, 127];
const pairs = EDGES.flatMap((a) => EDGES.map((b) => [a, b] as const));
const words = (bytes: readonly number[]) => new Int32Array(Int8Array.from(bytes).buffer);

function place(device: Device, values: Int32Array<ArrayBuffer>): View {
  const allocation = device.allocate(4 * values.length, "test");
  device.write(allocation, 0, values);
  return { allocation, dtype: "int32", shape: [values.length], strides: [1], offset: 0 };
}

async function totals(device: Device, run: (views: readonly View[], items: number) => void) {
  const x = place(device, words(pairs.map(([a]) => a)));
  const y = place(device, words(pairs.map(([, b]) => b)));
  const z = place(device, new Int32Array(pairs.length / 4));
  run([x, y, z], pairs.length / 16);
  const lanes = new Int32Array(await device.read(z.allocation, 0, pairs.length));
  return Array.from(
    { length: pairs.length / 16 },
    (_, i) => lanes.subarray(4 * i, 4 * i + 4).reduce((sum, lane) => sum + lane),
  );
}

const wanted = Array.from(
  { length: pairs.length / 16 },
  (_, i) => pairs.slice(16 * i, 16 * i + 16).reduce((sum, [a, b]) => sum + a * b, 4 * 1000),
);

fresh.kernelTest("dotBytes adds the products of signed bytes", async (device) => {
  const kernel = defineKernel(
    {
      key: "test: dotBytes",
      buffers: { x: "vec4<i32>", y: "vec4<i32>", z: "vec4<i32>" },
      writes: ["z"],
      arguments: [],
    },
    (k, i, { x, y, z }) =>
      z.store(i, k.let(x.load(i)).dotBytes(k.let(y.load(i)), k.intVector(1000))),
  );
  const run = (views: readonly View[], items: number) =>
    runKernel(device, kernel, views, [], items);
  assertEquals(await totals(device, run), wanted);
});

for (const hasPackedDots of [true, false]) {
  gpuTest(`dotBytes is the same with packed dots: ${hasPackedDots}`, async (device) => {
    const buffer = (name: string, writes = false) => ({ name, type: "vec4<i32>", writes });
    const kernel = {
      key: `test: dotBytes, ${hasPackedDots}`,
      integers: ["items"],
      buffers: [buffer("x"), buffer("y"), buffer("z", true)],
      code: () =>
        dotBytesFunction(hasPackedDots).replace("fn dotBytes", "fn ownDotBytes") +
        `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x);
  if (i < arguments.items) { z[i] = ownDotBytes(x[i], y[i], vec4<i32>(1000)); }
}`,
    };
    const run = (views: readonly View[], items: number) =>
      device.dispatch(
        kernel,
        views.map(({ allocation }) => allocation),
        { integers: [items] },
        [1, 1, 1],
      );
    assertEquals(await totals(device, run), wanted);
  });
}
