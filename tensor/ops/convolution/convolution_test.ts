import { assert, assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../../testing/every_device.ts";
import { type Device, Tensor } from "../../mod.ts";
import { conv1d, conv2d, convTranspose2d } from "./convolution.ts";
import { avgPool2d, fold, maxPool2d, unfold } from "./pool.ts";

/** Numbers in double, with their shape. */
interface Reference {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

let state = 1;
/** Numbers between −1 and 1 that float32 holds exactly. */
function random(...shape: number[]): Reference {
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  });
  return { shape, data };
}

/** Calls back for each element of a convolution: output, input, weight, as flat indices. */
function eachTerm(
  [batch, channels, height, width]: readonly number[],
  [outputs, perGroup, high, wide]: readonly number[],
  rows: number,
  columns: number,
  { stride: s, padding: p, dilation: d, groups }: Required<Settings>,
  call: (y: number, x: number, w: number) => void,
): void {
  for (let b = 0; b < batch!; b++) {
    for (let o = 0; o < outputs!; o++) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const y = ((b * outputs! + o) * rows + i) * columns + j;
          for (let c = 0; c < perGroup!; c++) {
            const channel = Math.floor(o / (outputs! / groups)) * perGroup! + c;
            for (let u = 0; u < high!; u++) {
              for (let v = 0; v < wide!; v++) {
                const [row, column] = [s[0] * i + d[0] * u - p[0], s[1] * j + d[1] * v - p[1]];
                if (row < 0 || row >= height! || column < 0 || column >= width!) continue;
                const x = ((b * channels! + channel) * height! + row) * width! + column;
                call(y, x, ((o * perGroup! + c) * high! + u) * wide! + v);
              }
            }
          }
        }
      }
    }
  }
}

interface Settings {
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

const complete = (settings: Settings): Required<Settings> => ({
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  ...settings,
});

const upload = (device: Device, { shape, data }: Reference, requiresGrad = true) =>
  Tensor.from(device, Float32Array.from(data), { shape: [...shape], requiresGrad });

async function assertClose(tensor: Tensor, wanted: ArrayLike<number>, what: string): Promise<void> {
  const got = await tensor.data();
  assertEquals(got.length, wanted.length, what);
  const largest = Math.max(1e-30, ...Array.from(wanted, Math.abs));
  const worst = Array.from(wanted, (value, i) => Math.abs(value - got[i]!));
  assert(
    Math.max(0, ...worst) <= 1e-5 * largest,
    `${what}: off by ${Math.max(...worst) / largest}`,
  );
}

const cases: readonly (readonly [
  name: string,
  x: readonly number[],
  weight: readonly number[],
  settings: Settings,
])[] = [
  ["one element", [1, 1, 1, 1], [1, 1, 1, 1], {}],
  ["as in the clothes network", [3, 2, 7, 7], [4, 2, 3, 3], { padding: [1, 1] }],
  ["strides", [2, 3, 9, 8], [2, 3, 3, 2], { stride: [2, 3] }],
  ["strides that leave a rest", [2, 2, 8, 8], [3, 2, 3, 3], { stride: [2, 2], padding: [1, 0] }],
  ["dilation", [2, 2, 9, 7], [3, 2, 3, 3], { dilation: [2, 3], padding: [1, 3] }],
  ["groups", [2, 6, 5, 5], [4, 3, 3, 3], { groups: 2, padding: [1, 1] }],
  ["a group a channel", [2, 4, 6, 5], [8, 1, 3, 3], { groups: 4, stride: [2, 1] }],
  ["a kernel of the whole image", [2, 3, 4, 5], [2, 3, 4, 5], {}],
  ["one by one", [2, 5, 3, 3], [4, 5, 1, 1], {}],
  ["more padding than kernel", [1, 1, 2, 2], [1, 1, 2, 2], { padding: [3, 2] }],
  ["wide", [1, 2, 1, 33], [3, 2, 1, 5], { padding: [0, 2] }],
  ["no images", [0, 2, 4, 4], [3, 2, 3, 3], {}],
];

testOnEveryDevice("a convolution and its gradients equal sums in double", async (device) => {
  for (const [name, xShape, wShape, settings] of cases) {
    const all = complete(settings);
    const [x, weight] = [random(...xShape), random(...wShape)];
    const bias = random(wShape[0]!);
    const inputs = [x, weight, bias].map((one) => upload(device, one)) as [Tensor, Tensor, Tensor];
    const y = conv2d(inputs[0], inputs[1], { ...settings, bias: inputs[2] });
    const [, , rows, columns] = y.shape as [number, number, number, number];
    const upstream = random(...y.shape);
    y.mul(upload(device, upstream, false)).sum().backward();

    const wanted = new Float64Array(upstream.data.length);
    const gradients = [new Float64Array(x.data.length), new Float64Array(weight.data.length)];
    const ofBias = new Float64Array(bias.data.length);
    for (let i = 0; i < wanted.length; i++) {
      const channel = Math.floor(i / (rows * columns)) % wShape[0]!;
      wanted[i] = bias.data[channel]!;
      ofBias[channel]! += upstream.data[i]!;
    }
    eachTerm(xShape, wShape, rows, columns, all, (i, j, k) => {
      wanted[i]! += x.data[j]! * weight.data[k]!;
      gradients[0]![j]! += upstream.data[i]! * weight.data[k]!;
      gradients[1]![k]! += upstream.data[i]! * x.data[j]!;
    });
    await assertClose(y, wanted, name);
    await assertClose(inputs[0].grad!, gradients[0]!, `${name}, gradient of the images`);
    await assertClose(inputs[1].grad!, gradients[1]!, `${name}, gradient of the weight`);
    await assertClose(inputs[2].grad!, ofBias, `${name}, gradient of the bias`);
  }
});

testOnEveryDevice("a transposed convolution is the gradient of a convolution", async (device) => {
  for (const [name, xShape, wShape, settings] of cases) {
    // The roles of output and input are exchanged; what strides leave over is outputPadding.
    const image = conv2d(
      upload(device, random(...xShape), false),
      upload(device, random(...wShape), false),
      settings,
    );
    const { stride: s, padding: p, dilation: d, groups } = complete(settings);
    const outputPadding = ([0, 1] as const).map((axis) =>
      xShape[2 + axis]! - (s[axis] * (image.shape[2 + axis]! - 1) - 2 * p[axis] +
        d[axis] * (wShape[2 + axis]! - 1) + 1)
    ) as [number, number];
    const [x, weight] = [random(...image.shape), random(...wShape)];
    const inputs = [upload(device, x), upload(device, weight)] as const;
    const y = convTranspose2d(...inputs, { ...settings, outputPadding });
    assertEquals(y.shape, [...xShape], name);
    const upstream = random(...y.shape);
    y.mul(upload(device, upstream, false)).sum().backward();

    const wanted = new Float64Array(upstream.data.length);
    const gradients = [new Float64Array(x.data.length), new Float64Array(weight.data.length)];
    const [rows, columns] = [image.shape[2]!, image.shape[3]!];
    eachTerm(xShape, wShape, rows, columns, complete(settings), (i, j, k) => {
      wanted[j]! += x.data[i]! * weight.data[k]!;
      gradients[0]![i]! += upstream.data[j]! * weight.data[k]!;
      gradients[1]![k]! += upstream.data[j]! * x.data[i]!;
    });
    assert(groups >= 1);
    await assertClose(y, wanted, name);
    await assertClose(inputs[0].grad!, gradients[0]!, `${name}, gradient of the images`);
    await assertClose(inputs[1].grad!, gradients[1]!, `${name}, gradient of the weight`);
  }
});

testOnEveryDevice("a convolution of sequences is one of images of one row", async (device) => {
  const [x, weight] = [random(2, 4, 9), random(6, 2, 3)];
  const options = { stride: 2, padding: 1, dilation: 2, groups: 2 };
  const y = conv1d(upload(device, x), upload(device, weight), options);
  const wide = conv2d(
    upload(device, { ...x, shape: [2, 4, 1, 9] }),
    upload(device, { ...weight, shape: [6, 2, 1, 3] }),
    { stride: [1, 2], padding: [0, 1], dilation: [1, 2], groups: 2 },
  );
  assertEquals(y.shape, [2, 6, 4]);
  assertEquals(await y.data(), await wide.data());
});

testOnEveryDevice("views are convolved as what they show", async (device) => {
  const x = upload(device, random(5, 6, 4, 3)).permute([2, 3, 1, 0]).slice(3, 1, 4);
  const weight = upload(device, random(3, 3, 3, 2)).transpose(2, 3).slice(2, 0, 2);
  const copies = [x, weight].map((one) => one.contiguous()) as [Tensor, Tensor];
  assertEquals(await conv2d(x, weight).data(), await conv2d(...copies).data());
});

testOnEveryDevice("images that are convolved some at a time give the same", async (device) => {
  // 9 elements a window, 64 · 64 windows, 128 channels: 18.9 MB an image, 3 images at a time.
  const x = upload(device, random(1, 128, 66, 66), false);
  const weight = upload(device, random(1, 128, 3, 3));
  const many = x.expand([4, 128, 66, 66]);
  const [alone, together] = [conv2d(x, weight), conv2d(many, weight)];
  assertEquals(await together.slice(0, 3).data(), await alone.data());
  together.slice(0, 3).sum().backward();
  const last = (await weight.grad!.data()).slice();
  weight.grad = null;
  alone.sum().backward();
  const first = await weight.grad!.data();
  const largest = Math.max(...first.map(Math.abs));
  last.forEach((value, i) => assert(Math.abs(value - first[i]!) <= 1e-5 * largest));
});

testOnEveryDevice(
  "pools take the largest and the mean of windows, with their gradients",
  async (device) => {
    for (
      const [kernel, options] of [
        [2, {}],
        [[3, 2], { stride: 2, padding: 1 }],
        [3, { stride: [1, 2] }],
      ] as const
    ) {
      const [high, wide] = typeof kernel === "number" ? [kernel, kernel] : kernel;
      const { stride = [high, wide], padding = 0 } = options as {
        stride?: number | [number, number];
        padding?: number;
      };
      const [down, right] = typeof stride === "number" ? [stride, stride] : stride;
      const x = random(2, 3, 7, 6);
      for (const pool of [maxPool2d, avgPool2d]) {
        const input = upload(device, x);
        const y = pool(input, kernel, options);
        const upstream = random(...y.shape);
        y.mul(upload(device, upstream, false)).sum().backward();
        const [rows, columns] = [y.shape[2]!, y.shape[3]!];
        const wanted = new Float64Array(upstream.data.length);
        const gradient = new Float64Array(x.data.length);
        for (let i = 0; i < wanted.length; i++) {
          const [column, row, plane] = [
            i % columns,
            Math.floor(i / columns) % rows,
            Math.floor(i / columns / rows),
          ];
          const seen: number[] = [];
          for (let u = 0; u < high; u++) {
            for (let v = 0; v < wide; v++) {
              const [h, w] = [row * down + u - padding, column * right + v - padding];
              if (h >= 0 && h < 7 && w >= 0 && w < 6) seen.push((plane * 7 + h) * 6 + w);
            }
          }
          if (pool === maxPool2d) {
            const top = seen.reduce((best, at) => x.data[at]! > x.data[best]! ? at : best);
            wanted[i] = x.data[top]!;
            gradient[top]! += upstream.data[i]!;
          } else {
            for (const at of seen) {
              wanted[i]! += x.data[at]! / (high * wide);
              gradient[at]! += upstream.data[i]! / (high * wide);
            }
          }
        }
        await assertClose(y, wanted, `${pool.name} ${kernel}`);
        await assertClose(input.grad!, gradient, `${pool.name} ${kernel}, gradient`);
      }
    }
  },
);

testOnEveryDevice(
  "of equals in a window, the first has the gradient, as in PyTorch",
  async (device) => {
    const images = [[[[1, 1, 0, 2], [1, 1, 2, 2], [0, 0, 0, 0], [0, 3, 3, 0]]]];
    const x = Tensor.from(device, images, { requiresGrad: true });
    const y = maxPool2d(x, 3, { stride: 1, padding: 1 });
    y.mul(Tensor.linspace(device, 1, 16, 16).reshape([1, 1, 4, 4])).sum().backward();
    // PyTorch 2.13.
    const wanted = [6, 0, 0, 22, 0, 0, 8, 0, 0, 0, 0, 0, 0, 72, 28, 0];
    await assertClose(x.grad!, Float64Array.from(wanted), "ties");
  },
);

testOnEveryDevice("windows are unfolded to columns, and folded to their sum", async (device) => {
  const x = upload(device, random(2, 3, 5, 4));
  const columns = unfold(x, [2, 3], { padding: 1, stride: [2, 1], dilation: [2, 1] });
  assertEquals(columns.shape, [2, 18, 3 * 4]);
  const weight = upload(device, random(4, 3, 2, 3));
  const y = weight.reshape([4, 18]).matmul(columns).reshape([2, 4, 3, 4]);
  const options = { padding: 1, stride: [2, 1], dilation: [2, 1] } as const;
  await assertClose(y, Float64Array.from(await conv2d(x, weight, options).data()), "unfold");

  const parts = upload(device, random(2, 18, 12));
  const image = fold(parts, [5, 4], [2, 3], options);
  assertEquals(image.shape, [2, 3, 5, 4]);
  // ⟨fold(a), b⟩ = ⟨a, unfold(b)⟩, and each is the gradient of the other.
  const left = await image.mul(x).sum().item();
  const right = await parts.mul(columns).sum().item();
  assert(Math.abs(left - right) <= 1e-4 * Math.abs(left), `${left} and ${right}`);
  image.mul(x.detach()).sum().backward();
  await assertClose(parts.grad!, Float64Array.from(await columns.data()), "gradient of fold");
});

testOnEveryDevice("infinities and NaN reach what sees them, and nothing else", async (device) => {
  const x = new Float32Array(25).fill(1);
  [x[0], x[24]] = [Infinity, NaN];
  const y = conv2d(
    Tensor.from(device, x, { shape: [1, 1, 5, 5] }),
    Tensor.ones(device, [1, 1, 2, 2]),
  );
  const values = [...await y.data()];
  assertEquals([values[0], values[15], values[5]], [Infinity, NaN, 4]);
  assertEquals(values.filter((value) => value === 4).length, 14);
});

testOnEveryDevice("what does not fit is refused by name", (device) => {
  const x = Tensor.zeros(device, [2, 4, 5, 5]);
  const weight = Tensor.zeros(device, [6, 4, 3, 3]);
  const refused = (run: () => unknown, words: string) => assertThrows(run, RangeError, words);
  refused(() => conv2d(x.reshape([8, 5, 5]), weight), "wanted images [B, C, H, W], got [8, 5, 5]");
  refused(
    () => conv2d(x, Tensor.zeros(device, [6, 3, 3, 3])),
    "wanted a weight [O, 4, …] for 4 channels, got [6, 3, 3, 3]",
  );
  refused(() => conv2d(x, weight, { groups: 3 }), "wanted groups that divide 4 channels");
  refused(
    () => conv2d(x, Tensor.zeros(device, [6, 4, 6, 3])),
    "wanted a kernel within the padded image of [5, 5], got one that reaches over [6, 3]",
  );
  refused(
    () => conv2d(x, weight, { stride: 0 }),
    "wanted a stride of one or two whole numbers of at least 1, got 0",
  );
  refused(
    () => conv2d(x, weight, { padding: [1, -1] }),
    "wanted padding of one or two whole numbers",
  );
  refused(
    () => conv2d(x, weight, { bias: Tensor.zeros(device, [4]) }),
    "wanted a bias [6], got [4]",
  );
  refused(() => convTranspose2d(x, weight), "wanted a weight [4, …], got [6, 4, 3, 3]");
  refused(() => maxPool2d(x, 2, { padding: 2 }), "wanted padding of at most half the kernel");
  refused(
    () => fold(Tensor.zeros(device, [1, 8, 5]), 4, 2),
    "wanted windows [B, C · 4, 9], got [1, 8, 5]",
  );
  assertThrows(() => conv2d(x, weight, { strides: 2 } as never), TypeError, "strides");
  assertThrows(() => conv2d(x, weight.to("int32")), TypeError, "one floating-point dtype");
});
