import { assert, assertEquals, assertThrows } from "@std/assert";
import { gpuTest, tinyDevice } from "../../testing/gpu.ts";
import { openDevice } from "../open_device.ts";
import {
  attention,
  concat,
  copyInto,
  cumulativeSum,
  type Device,
  embedding,
  gather,
  multinomial,
  noGrad,
  Tensor,
  topK,
} from "../mod.ts";

/** Pseudorandom numbers that identify their positions. */
function numbers(device: Device, shape: number[], seed: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.7 + seed));
  return Tensor.from(device, data, { shape, requiresGrad: true });
}

/** Computations with at least one tensor larger than a binding. */
const works: Record<string, (device: Device) => readonly Tensor[]> = {
  "elementwise, broadcast and transposed": (device) => {
    const [x, y, row] = [
      numbers(device, [600, 700], 1),
      numbers(device, [700, 600], 2),
      numbers(device, [700], 3),
    ];
    x.mul(y.transpose()).add(row).square().sum().backward();
    return [x.sub(y.transpose()).mul(row), x.grad!, y.grad!, row.grad!];
  },
  "one long axis, at offsets that nothing divides": (device) => {
    const x = numbers(device, [700_001], 1);
    x.slice(0, 3, 600_004).mul(x.slice(0, 99_999, 700_000)).sum().backward();
    return [x.slice(0, 1).neg(), x.grad!];
  },
  "rows": (device) => {
    const x = numbers(device, [1100, 300], 1);
    const result = x.softmax().add(x.logSumExp(-1, true)).add(x.sum(0)).add(x.max(0));
    result.sum().backward();
    return [result, x.grad!, x.argmax(-1).to("float32"), x.square().mean()];
  },
  "products": (device) => {
    const [a, b, c] = [
      numbers(device, [601, 502], 1),
      numbers(device, [502, 703], 2),
      numbers(device, [601, 503], 3),
    ];
    const ab = a.matmul(b);
    const aTc = a.matmul(c, { transposeA: true });
    ab.sum().add(aTc.sum()).backward();
    const gram = a.matmul(a, { transposeB: true, symmetric: true });
    const turned = b.matmul(a, { transposeA: true, transposeB: true });
    return [ab, aTc, gram, turned, a.grad!, b.grad!, c.grad!];
  },
  "products in batches": (device) => {
    const [a, b] = [numbers(device, [2, 3, 300, 200], 1), numbers(device, [3, 200, 100], 2)];
    const weight = numbers(device, [520, 520], 3);
    const product = a.matmul(b);
    const rows = numbers(device, [2, 300, 520], 4);
    const logits = rows.matmul(weight, { transposeB: true });
    product.sum().add(logits.square().sum()).backward();
    return [product, logits, a.grad!, b.grad!, rows.grad!, weight.grad!];
  },
  "a table of embeddings": (device) => {
    const table = numbers(device, [5001, 64], 1);
    const values = Int32Array.from({ length: 5000 }, (_, i) => i * 4999 % 5001);
    const ids = Tensor.from(device, values, { shape: [50, 100] });
    const rows = embedding(table, ids);
    // Invalid ids that only the device knows about.
    const unknown = Tensor.from(device, [-1, 0, 4500, 5001]).to("int32");
    rows.slice(0, 0, 20).square().sum().backward();
    return [rows, table.grad!, embedding(table, unknown)];
  },
  "a table of wide rows": (device) => {
    const table = numbers(device, [5, 270_003], 1);
    const ids = Tensor.from(device, Int32Array.of(4, 0, 4, 2, 1, 4, 0));
    const rows = embedding(table, ids);
    const more = embedding(table, Tensor.from(device, [-1, 4, 5]).to("int32"));
    rows.square().sum().add(more.slice(0, 1, 2).sum()).backward();
    return [rows, table.grad!, more];
  },
  "a long table of single numbers, and more ids than can be sorted at once": (device) => {
    const table = numbers(device, [270_001, 1], 1);
    const values = Int32Array.from({ length: 140_000 }, (_, i) => i * 7919 % 270_001);
    const rows = embedding(table, Tensor.from(device, values));
    rows.square().sum().backward();
    return [rows, table.grad!];
  },
  "attention over a batch": (device) => {
    const [q, k, v] = [
      numbers(device, [5, 140, 4, 120], 1),
      numbers(device, [5, 150, 2, 120], 2),
      numbers(device, [5, 150, 2, 120], 3),
    ];
    const y = attention(q, k, v);
    y.square().sum().backward();
    return [y, q.grad!, k.grad!, v.grad!];
  },
  "attention over sequences that are too large by themselves": (device) => {
    const [q, k, v] = [
      numbers(device, [2, 1001, 6, 48], 1),
      numbers(device, [2, 1003, 3, 48], 2),
      numbers(device, [2, 1003, 3, 48], 3),
    ];
    const y = attention(q, k, v, { window: 70 });
    y.square().sum().backward();
    return [y, q.grad!, k.grad!, v.grad!];
  },
  "attention of few queries over heads that lie one after the other": (device) => {
    const q = numbers(device, [2, 3, 4, 64], 1);
    const [k, v] = [2, 3].map((seed) => numbers(device, [2, 4, 1201, 64], seed));
    // Over all keys the gradient of the queries would cancel out, and be mere rounding error.
    const y = attention(q, k!.transpose(1, 2), v!.transpose(1, 2), { window: 100 });
    y.square().sum().backward();
    return [y, q.grad!, k!.grad!, v!.grad!];
  },
  "attention over a head that is too large by itself": (device) => {
    const q = numbers(device, [1, 5, 2, 64], 1);
    const [k, v] = [2, 3].map((seed) => numbers(device, [1, 4200, 2, 64], seed));
    const y = attention(q, k!, v!, { window: 3000 });
    y.square().sum().backward();
    return [y, q.grad!, k!.grad!, v!.grad!];
  },
  "running sums": (device) => {
    const x = numbers(device, [500, 703], 1);
    // Integers, whose sums are exact: otherwise a long sum depends on rounding.
    const digits = Float32Array.from({ length: 1_200_014 }, (_, i) => i * i * 31 % 7 - 2);
    const long = Tensor.from(device, digits, { shape: [2, 600_007], requiresGrad: true });
    // Some of these rows fit a binding and others do not, because of their alignment.
    const close = Tensor.from(device, digits.subarray(0, 786_309), { shape: [3, 262_103] });
    const sums = [cumulativeSum(x, -1), cumulativeSum(x, 0), cumulativeSum(long, -1)];
    for (const each of sums) each.square().sum().backward();
    return [...sums, x.grad!, long.grad!, cumulativeSum(close, -1)];
  },
  "the largest of rows": (device) => {
    const x = numbers(device, [1100, 301], 1);
    const found = topK(x, 300);
    found.values.square().sum().backward();
    return [found.values, found.indices.to("float32"), x.grad!];
  },
  "elements at positions": (device) => {
    const [x, long] = [numbers(device, [900, 301], 1), numbers(device, [2, 300_007], 2)];
    const positions = (shape: number[], length: number) => {
      const size = shape.reduce((product, each) => product * each, 1);
      const values = Int32Array.from({ length: size }, (_, i) => i * 7919 % length);
      return Tensor.from(device, values, { shape });
    };
    const results = [
      gather(x, -1, positions([900, 300], 301)),
      gather(long, -1, positions([2, 31], 300_007)),
      gather(long, -1, positions([2, 270_001], 300_007)),
    ];
    for (const each of results) each.square().sum().backward();
    // Invalid indices that only the device knows about.
    const unknown = Tensor.from(device, [[-1, 0], [300_007, 300_006]]).to("int32");
    return [...results, x.grad!, long.grad!, gather(long, -1, unknown)];
  },
  "drawing at random": (device) => {
    const x = numbers(device, [900, 301], 1).detach().square();
    return [
      multinomial(x, { seed: 1 }).to("float32"),
      multinomial(x, { seed: 2, samples: 300 }).to("float32"),
    ];
  },
  "copies from one place of a tensor to another": (device) => {
    const [rows, columns] = [numbers(device, [4, 280_001], 1), numbers(device, [280_001, 4], 2)];
    noGrad(() => {
      copyInto(rows.slice(0, 0, 1), rows.slice(0, 2, 3));
      copyInto(columns.slice(0, 0, 1000), columns.slice(0, -1000));
      copyInto(columns.slice(1, 3).add(rows.slice(0, 3).transpose()), columns.slice(1, 1, 2));
    });
    return [rows, columns];
  },
  "joining": (device) => {
    const [x, y] = [numbers(device, [600, 300], 1), numbers(device, [600, 400], 2)];
    const joined = concat([x, y], 1);
    joined.square().sum().backward();
    return [joined, x.grad!, y.grad!];
  },
};

for (const [name, run] of Object.entries(works)) {
  gpuTest(`${name}: operands larger than a binding are cut into pieces`, async (device) => {
    const plain = await openDevice("cpu", { threads: 1, blas: false });
    const [got, wanted] = [run(device), run(plain)];
    assert(wanted.some(({ size }) => 4 * size > 2 ** 20));
    for (const [i, expected] of wanted.entries()) {
      const [a, b] = [await got[i]!.data(), await expected.data()];
      assertEquals([...got[i]!.shape], [...expected.shape]);
      const scale = b.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0);
      const worst = a.findIndex((value, j) =>
        !(Math.abs(value - b[j]!) <= 1e-5 * scale) && !(Number.isNaN(value) && Number.isNaN(b[j]!))
      );
      assertEquals(worst, -1, `result ${i}, element ${worst}: ${a[worst]}, wanted ${b[worst]}`);
    }
    await plain.close();
  }, tinyDevice);
}

gpuTest("a binding range starts at an aligned offset within its allocation", (device) => {
  const allocation = device.allocate(1024, "a kibibyte");
  assertEquals(device.range(allocation, 512, 512).bytes, 512);
  assertThrows(() => device.range(allocation, 4, 512), RangeError, "a multiple of 256 bytes");
  assertThrows(() => device.range(allocation, 768, 512), RangeError, "within 1024 bytes");
});
