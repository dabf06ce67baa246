import { assert, assertEquals } from "@std/assert";
import { kernelTest } from "../../testing/every_device.ts";
import type { FastPath } from "../fast_paths.ts";
import { type Device, linear, normal, quantize, QuantizedMatrix, Tensor } from "../mod.ts";
import { plainQuantizedMatmul, type QuantizedProblem } from "../ops/quantized/multiply.ts";
import { quantizedSkinny } from "./cpu/quantized_skinny.ts";
import { quantizedPanels, quantizedPanelsOnGpu } from "./quantized_panels.ts";

type AnyPath = FastPath<"quantized matmul", "cpu"> | FastPath<"quantized matmul", "webgpu">;

const pathsOn = (device: Device): readonly AnyPath[] =>
  device.kind === "cpu" ? [quantizedSkinny, quantizedPanels] : [quantizedPanelsOnGpu];

kernelTest("fast paths compute what the plain kernel computes", async (device) => {
  for (const packing of ["q8", "q4"] as const) {
    for (
      const [rows, n, k] of [
        [1, 3, 32],
        [1, 70, 96],
        [1, 6, 128],
        [2, 5, 320],
        [3, 18, 64],
        [4, 7, 224],
        [12, 9, 96],
        [13, 33, 96],
        [50, 7, 64],
      ] as const
    ) {
      using _scope = device.scope();
      const [x, weight] = [[rows, k], [n, k]].map((shape, i) => normal(device, shape, { seed: i }));
      const matrix = quantize(weight!, packing);
      for (const accumulate of [false, true]) {
        const [plain, fast] = [0, 1].map(() => Tensor.full(device, [rows, n], 0.5));
        const problem = { x: x!, weight: matrix, accumulate };
        plainQuantizedMatmul(device, { ...problem, y: plain! });
        const path = pathsOn(device).find((each) =>
          each.refuses({ ...problem, y: fast! }, device as never) === null
        );
        if (path === undefined) continue;
        path.run({ ...problem, y: fast! } satisfies QuantizedProblem, device as never);
        const [wanted, got] = [await plain!.data(), await fast!.data()];
        const largest = Math.max(...wanted.map(Math.abs));
        wanted.forEach((each, i) => {
          const off = Math.abs(each - got[i]!) / largest;
          assert(
            off < 2e-6,
            `${path.name}, ${packing}, ${rows}×${k}×${n}: element ${i} off by ${off}`,
          );
        });
      }
    }
  }
});

kernelTest("fast paths multiply the largest numbers of either sign exactly", async (device) => {
  const [rows, n, blocks] = [4, 3, 9];
  // Bytes of a block of a file: the scale 1 in 16 bits, and numbers, −128 among those of 8 bits.
  const numbers = {
    q8: [Int8Array.of(-128), Int8Array.of(127), Int8Array.of(-128, 127)],
    q4: [Uint8Array.of(0), Uint8Array.of(0xff), Uint8Array.of(0xf0, 0x0f)],
  };
  // Of both signs, whose products all add up or mostly cancel. Their scale is 1.
  const x = Tensor.from(
    device,
    Array.from(
      { length: rows },
      (_, row) =>
        Array.from(
          { length: 32 * blocks },
          (_, i) => 127 * [1, -1, (-1) ** i, i % 32 < 16 ? 1 : -1][row]!,
        ),
    ),
  );
  for (const packing of ["q8", "q4"] as const) {
    const size = packing === "q8" ? 32 : 16;
    const bytes = numbers[packing].flatMap((some) => {
      const whole = new Uint8Array(some.buffer);
      const block = Array.from({ length: size }, (_, i) => whole[i % whole.length]!);
      return Array.from({ length: blocks }, () => [0x00, 0x3c, ...block]).flat();
    });
    const weight = QuantizedMatrix.allocate(device, packing, [n, 32 * blocks]);
    weight.assignBlocks(Uint8Array.from(bytes));
    const [plain, fast] = [0, 1].map(() => Tensor.zeros(device, [rows, n]));
    const problem = { x, weight, accumulate: false };
    plainQuantizedMatmul(device, { ...problem, y: plain! });
    const path = pathsOn(device).find((each) =>
      each.refuses({ ...problem, y: fast! }, device as never) === null
    );
    if (path === undefined) continue;
    path.run({ ...problem, y: fast! }, device as never);
    assertEquals([...await fast!.data()], [...await plain!.data()], `${path.name}, ${packing}`);
  }
});

kernelTest("explanations name the path of a packed matmul", async (device) => {
  const matrix = quantize(Tensor.ones(device, [64, 32]), "q8");
  const taken = async (rows: number) => {
    const x = Tensor.ones(device, [rows, 32]);
    const { kernels } = await device.explain(() => void linear(x, matrix));
    return kernels.map(({ choice }) => choice?.taken);
  };
  const few = device.kind === "cpu" ? "relaxed dot" : "plain";
  assertEquals(new Set(await taken(1)), new Set([few]));
  assert((await taken(41)).includes("unpacked panels"));
});
