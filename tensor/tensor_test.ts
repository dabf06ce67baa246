import { inspect } from "node:util";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { Node } from "../autograd/tape.ts";
import {
  concat,
  copyInto,
  crossEntropy,
  decodeState,
  defineProgram,
  embedding,
  expression as ex,
  noGrad,
  openDevice,
  runProgram,
  split,
  stack,
  Tensor,
} from "./mod.ts";
import { recordOperation } from "./apply.ts";
import { addInPlace } from "./ops/elementwise.ts";
import { linearCrossEntropy } from "./ops/losses/linear_cross_entropy.ts";

testOnEveryDevice("a tensor gives back what it was made of", async (device) => {
  const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]]);
  assertEquals([...x.shape], [2, 3]);
  assertEquals(x.dtype, "float32");
  assertEquals(await x.data(), Float32Array.of(1, 2, 3, 4, 5, 6));
  assertEquals(await Tensor.from(device, 7).item(), 7);
  assertEquals([...Tensor.from(device, [[], []]).shape], [2, 0]);
  const ids = Tensor.from(device, Int32Array.of(1, -2), { shape: [2, 1] });
  assertEquals([ids.dtype, await ids.data()], ["int32", Int32Array.of(1, -2)]);
});

testOnEveryDevice("tensors are made of ranges and single numbers", async (device) => {
  assertEquals(await Tensor.arange(device, 2, 8, 2).data(), Int32Array.of(2, 4, 6));
  assertEquals(await Tensor.arange(device, 1, 0).data(), new Int32Array(0));
  assertEquals(await Tensor.zeros(device, [2]).data(), Float32Array.of(0, 0));
  assertEquals(await Tensor.ones(device, []).data(), Float32Array.of(1));
  assertEquals(await Tensor.full(device, [3], -2.5).data(), Float32Array.of(-2.5, -2.5, -2.5));
});

fresh.testOnEveryDevice("views share memory, and copies do not", async (device) => {
  const x = Tensor.from(device, [[1, 2], [3, 4]]);
  const row = x.slice(0, 1);
  const copy = x.transpose().contiguous();
  x.assign(Float32Array.of(5, 6, 7, 8));
  assertEquals(await row.data(), Float32Array.of(7, 8));
  assertEquals(await copy.data(), Float32Array.of(1, 3, 2, 4));
});

testOnEveryDevice("types convert, truncating towards zero", async (device) => {
  const x = Tensor.from(device, [1.9, -1.9, 3]);
  assertEquals(await x.to("int32").data(), Int32Array.of(1, -1, 3));
  assertEquals(await x.to("int32").to("float32").data(), Float32Array.of(1, -1, 3));
  assertStrictEquals(x.to("float32"), x);
});

testOnEveryDevice("a gradient adds up over uses and over backward passes", async (device) => {
  const x = Tensor.from(device, [3], { requiresGrad: true });
  x.mul(x).add(x).backward();
  assertEquals(await x.grad!.data(), Float32Array.of(7));
  x.mul(2).backward();
  assertEquals(await x.grad!.data(), Float32Array.of(9));
  x.zeroGrad();
  assertEquals(x.grad, null);
});

testOnEveryDevice("two parameters of one sum have gradients of their own", async (device) => {
  const a = Tensor.from(device, [1, 2], { requiresGrad: true });
  const b = Tensor.from(device, [3, 4], { requiresGrad: true });
  a.add(b).sum().backward();
  addInPlace(a.grad!, a.grad!);
  assertEquals(await a.grad!.data(), Float32Array.of(2, 2));
  assertEquals(await b.grad!.data(), Float32Array.of(1, 1));
});

fresh.testOnEveryDevice(
  "gradients add up in place, but only in memory of their own",
  async (device) => {
    const x = Tensor.from(device, [[1, 2], [3, 4]], { requiresGrad: true });
    const weight = Tensor.from(device, [[1, 0], [2, 1]], { requiresGrad: true });
    const upstream = Tensor.from(device, [[1, 1], [1, 1]]);
    // Both operands of each sum get the same gradient, and other uses of x add to it.
    const shared = x.add(x.slice(1, 0, 1)).add(x);
    const backward = () => shared.matmul(weight).add(x.square()).add(x.matmul(weight));
    backward().backward(upstream);
    const [gradX, gradWeight] = [x.grad!, weight.grad!];
    assertEquals(await gradX.data(), Float32Array.of(9, 13, 13, 17));
    assertEquals(await gradWeight.data(), Float32Array.of(16, 16, 22, 22));
    assertEquals(await upstream.data(), Float32Array.of(1, 1, 1, 1));
    x.matmul(weight).add(x).backward(upstream);
    assertStrictEquals(x.grad, gradX);
    assertStrictEquals(weight.grad, gradWeight);
    assertEquals(await gradX.data(), Float32Array.of(11, 17, 15, 21));
    assertEquals(await gradWeight.data(), Float32Array.of(20, 20, 28, 28));
  },
);

testOnEveryDevice("what was repeated along rows gets the sum of its gradient", async (device) => {
  // Rows so long and few that they are cut into pieces, and rows that are summed where they are
  // produced.
  for (const [rows, length] of [[2, 20_000], [3, 5], [300, 9000], [1, 1]] as const) {
    const x = Tensor.ones(device, [rows, length], { requiresGrad: true });
    const perRow = Tensor.full(device, [rows, 1], 2, { requiresGrad: true });
    const scalar = Tensor.full(device, [], 3, { requiresGrad: true });
    // An addend passes its gradient on; the other two multiply.
    x.mul(perRow).mul(scalar).add(perRow).add(x).sum().backward();
    assertEquals(new Set(await x.grad!.data()), new Set([7]));
    assertEquals(new Set(await perRow.grad!.data()), new Set([4 * length]));
    assertEquals([...scalar.grad!.shape], []);
    assertEquals(await scalar.grad!.item(), 2 * rows * length);
    for (const used of [x, perRow, scalar]) {
      used.zeroGrad();
      used.dispose();
    }
  }
});

testOnEveryDevice("one number per row gets the gradients of the whole row", async (device) => {
  const program = defineProgram(
    { name: "sum", inputs: ["x", "y"], perRow: ["y"] },
    ({ x, y }) => [ex.rowSum(ex.add(x, y))],
  );
  for (const requiresGrad of [false, true]) {
    const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]], { requiresGrad });
    const y = Tensor.from(device, [[1], [2]], { requiresGrad: true });
    runProgram(program, [x, y]).sum().backward();
    assertEquals(await y.grad!.data(), Float32Array.of(3, 3));
  }
});

cpuTest("a graph of 20,000 operations is differentiated", async (device) => {
  using _scope = device.scope();
  const x = Tensor.from(device, [1], { requiresGrad: true });
  let y = x;
  for (let i = 0; i < 20_000; i++) y = y.add(1e-4);
  y.backward();
  assertEquals(await x.grad!.data(), Float32Array.of(1));
});

cpuTest("nothing is recorded without gradients", async (device) => {
  const x = Tensor.from(device, [2], { requiresGrad: true });
  assert(!noGrad(() => x.mul(3)).requiresGrad);
  assert(!x.detach().mul(3).requiresGrad);
  assert(x.mul(3).requiresGrad);
  x.detach().mul(x).backward();
  assertEquals(await x.grad!.data(), Float32Array.of(2));
  assertThrows(() => noGrad(() => Promise.resolve()), TypeError, "asynchronous");
});

cpuTest("backward says why it cannot run", (device) => {
  const x = Tensor.from(device, [1, 2], { requiresGrad: true });
  const message = (run: () => void) => assertThrows(run, Error).message;
  assert(message(() => x.mul(2).backward()).includes("[2]"));
  assert(message(() => x.detach().sum().backward()).includes("requires a gradient"));
  assert(message(() => x.mul(2).backward(Tensor.ones(device, [3]))).includes("[3]"));
  const loss = x.mul(x).sum();
  loss.backward();
  assert(message(() => loss.backward()).includes("again"));
  const y = x.mul(x).sum();
  noGrad(() => addInPlace(x, Tensor.ones(device, [2])));
  assert(message(() => y.backward()).includes("changed in place"));
  assert(
    message(() => Tensor.from(device, [1], { dtype: "int32", requiresGrad: true })).includes(
      "int32",
    ),
  );
});

cpuTest("an index carries no gradient", (device) => {
  const x = Tensor.from(device, [1, 2], { requiresGrad: true });
  assertEquals(x.argmax().requiresGrad, false);
});

fresh.testOnEveryDevice(
  "a scope frees what was made in it, but for what is kept",
  async (device) => {
    const before = device.live;
    const parameter = Tensor.from(device, [1, 2], { requiresGrad: true });
    let kept: Tensor;
    let passed: Tensor;
    let lost: Tensor;
    {
      using _outer = device.scope();
      {
        using scope = device.scope();
        lost = parameter.mul(2);
        kept = parameter.mul(3).keep();
        passed = scope.keep(parameter.mul(4));
        parameter.mul(parameter).sum().backward();
      }
      assertEquals(await passed.data(), Float32Array.of(4, 8));
    }
    await assertRejects(async () => await lost.data(), Error, "freed at the end of its scope");
    await assertRejects(async () => await passed.data(), Error, "freed at the end of its scope");
    assertEquals(await kept.data(), Float32Array.of(3, 6));
    assertEquals(await parameter.grad!.data(), Float32Array.of(2, 4));
    kept.dispose();
    parameter.zeroGrad();
    parameter.dispose();
    assertEquals(device.live, before);
  },
);

fresh.testOnEveryDevice("a graph that is never differentiated goes with its result", (device) => {
  const x = Tensor.from(device, [[1, 2], [3, 4]], { requiresGrad: true });
  const before = device.live;
  for (let i = 0; i < 5; i++) {
    using _scope = device.scope();
    {
      using inner = device.scope();
      inner.keep(x.matmul(x).tanh().sum());
    }
    assert(device.live > before + 1, "what the gradient needs lives as long as the result");
  }
  assertEquals(device.live, before);
  {
    using inner = device.scope();
    inner.keep(x.matmul(x).tanh().sum()).dispose();
    assert(device.live > before, "the temporaries of the scope are there until its end");
  }
  assertEquals(device.live, before);
});

testOnEveryDevice("a function may have a scope of its own, and its caller none", async (device) => {
  const [x, weight] = [[[1, -2], [3, 4]], [[0.5, 1], [-1, 0.25]]].map((values) =>
    Tensor.from(device, values, { requiresGrad: true })
  ) as [Tensor, Tensor];
  const targets = Tensor.from(device, Int32Array.of(0, 1));
  const layer = (input: Tensor) => {
    using scope = device.scope();
    const shaped = input.matmul(weight).tanh().mul(input);
    return scope.keep(shaped.mul(shaped).softmax());
  };
  const head = (input: Tensor) => {
    using scope = device.scope();
    return scope.keep(linearCrossEntropy(input, weight, targets));
  };
  const gradients = async () => {
    const read = await Promise.all([x, weight].map(({ grad }) => grad!.data()));
    x.zeroGrad();
    weight.zeroGrad();
    return read;
  };
  {
    using _scope = device.scope();
    head(layer(x)).backward();
  }
  const wanted = await gradients();
  assert(wanted.flatMap((values) => [...values]).every((value) => value !== 0));
  head(layer(x)).backward();
  assertEquals(await gradients(), wanted);
  let loss: Tensor;
  {
    using _scope = device.scope();
    loss = head(layer(x)).keep();
  }
  loss.backward();
  assertEquals(await gradients(), wanted);
});

fresh.cpuTest("what leads to a node of one's own lives as long as the result", async (device) => {
  const before = device.live;
  const x = Tensor.from(device, [2, 3], { requiresGrad: true });
  let reversed: Tensor;
  {
    using _scope = device.scope();
    const square = x.mul(x);
    reversed = square.detach().keep();
    reversed.attach(
      new Node<Tensor>(
        "reverse",
        [square.node],
        (upstream) => [noGrad(() => upstream.neg()).keep()],
      ),
    );
  }
  reversed.backward(Tensor.ones(device, [2]));
  assertEquals(await x.grad!.data(), Float32Array.of(-4, -6));
  x.zeroGrad();
  for (const each of [x, reversed]) each.dispose();
  assertEquals(device.live, before + 1, "only the gradient that began the walk is left");
});

cpuTest("ids that are changed in place are no longer taken for those before", async (device) => {
  const table = Tensor.from(device, [[1], [2]]);
  const ids = Tensor.from(device, Int32Array.of(7, 8));
  assertThrows(() => embedding(table, ids), RangeError, "from 0 to 1, got 8");
  copyInto(Tensor.from(device, Int32Array.of(1, 0)), ids);
  assertEquals(await embedding(table, ids).data(), Float32Array.of(2, 1));
});

cpuTest("backward from a graph whose scope has freed it says so", (device) => {
  const x = Tensor.from(device, [2, 3], { requiresGrad: true });
  let loss: Tensor;
  {
    using _scope = device.scope();
    loss = x.mul(x).sum();
  }
  assertThrows(() => loss.backward(), Error, "freed at the end of its scope");
});

cpuTest("invalid input is reported in one line", (device) => {
  const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]]);
  const ids = Tensor.from(device, Int32Array.of(0, 9));
  const cases: [() => unknown, typeof Error, string][] = [
    [() => x.add(Tensor.ones(device, [2])), RangeError, "[2, 3] and [2] do not broadcast"],
    [() => x.matmul(x), RangeError, "3 columns against 2 rows"],
    [() => x.reshape([4]), RangeError, "it has 6 elements"],
    [() => x.reshape([-1, 4]), RangeError, "[-1, 4]"],
    [() => x.sum(2), RangeError, "axis 2"],
    [() => x.sum([0, 0]), RangeError, "named twice"],
    [() => x.slice(1, 1, 5), RangeError, "0 to 3"],
    [() => x.permute([0]), RangeError, "each axis once"],
    [() => x.squeeze(0), RangeError, "its length is 2"],
    [() => x.expand([3, 3]), RangeError, "does not broadcast to [3, 3]"],
    [() => x.softcap(0), RangeError, "above 0"],
    [() => concat([]), RangeError, "at least one tensor"],
    [() => concat([x, Tensor.ones(device, [2, 2])]), RangeError, "[2, 2]"],
    [() => stack([x, Tensor.ones(device, [2])]), RangeError, "[1, 2]"],
    [() => ids.div(1), TypeError, "int32"],
    [() => x.add(ids.slice(0, 0, 1)), TypeError, "int32"],
    [() => x.matmul(ids.reshape([1, 2])), TypeError, "int32"],
    [() => embedding(x, ids), RangeError, "got 9"],
    [() => embedding(x, x), TypeError, "float32"],
    [() => crossEntropy(x, ids), RangeError, "got 9"],
    [() => crossEntropy(x, Tensor.from(device, [0], { dtype: "int32" })), RangeError, "[1]"],
    [() => Tensor.from(device, [[1], [1, 2]]), RangeError, "ragged"],
    [() => Tensor.from(device, [1, 2], { shape: [3] }), RangeError, "from 2 values"],
    [() => Tensor.from(device, [1.5], { dtype: "int32" }), RangeError, "got 1.5"],
    [() => Tensor.from(device, [NaN], { dtype: "int32" }), RangeError, "got NaN"],
    [() => Tensor.zeros(device, [-1]), RangeError, "[-1]"],
    [() => Tensor.zeros(device, [1.5]), RangeError, "[1.5]"],
    [() => Tensor.arange(device, 0, Infinity), RangeError, "Infinity"],
    [() => x.assign(Float32Array.of(1)), RangeError, "wanted 6 values, got 1"],
    [() => x.assign(new Int32Array(6)), TypeError, "int32"],
  ];
  for (const [run, type, part] of cases) {
    const error = assertThrows(run, type) as Error;
    assert(error.message.includes(part), `wanted "${part}" in: ${error.message}`);
    assert(!error.message.includes("\n"), error.message);
  }
});

testOnEveryDevice("an id that only the device knows to be wrong gives NaN", async (device) => {
  const weight = Tensor.from(device, [[1], [2]]);
  const ids = Tensor.from(device, [0, 5, -3]).to("int32");
  assertEquals(await embedding(weight, ids).data(), Float32Array.of(1, NaN, NaN));
  const logits = Tensor.zeros(device, [3, 2]);
  const losses = await crossEntropy(logits, ids, { reduction: "none" }).data();
  assertEquals([...losses].map(Number.isNaN), [false, true, true]);
});

Deno.test("tensors of different devices do not mix", async () => {
  const [a, b] = [await openDevice("cpu", { threads: 1 }), await openDevice("cpu", { threads: 1 })];
  assertThrows(() => Tensor.ones(a, [1]).add(Tensor.ones(b, [1])), Error, "different devices");
  await a.close();
  await b.close();
});

Deno.test("there is no device of another kind", async () => {
  const open = openDevice as (kind: string) => Promise<unknown>;
  await assertRejects(() => open("tpu"), RangeError, 'got "tpu"');
});

cpuTest("a tensor prints as a short, readable array", async (device) => {
  const x = Tensor.arange(device, 0, 200, 1, "float32").reshape([10, 20]);
  const lines = (await x.format()).split("\n");
  assertEquals(lines[0], "[[0, 1, 2, …, 17, 18, 19],");
  assertEquals(lines[3], " …,");
  assertEquals(lines.at(-1), " [180, 181, 182, …, 197, 198, 199]]");
  assertEquals(await Tensor.from(device, [1 / 3, NaN, -0]).format(), "[0.333333, NaN, 0]");
  assertEquals(await Tensor.from(device, 2).format(), "2");
  const ids = Tensor.from(device, [1234567, 50256, 16777217, -(2 ** 31)], { dtype: "int32" });
  assertEquals(await ids.format(), "[1234567, 50256, 16777217, -2147483648]");
  assertEquals(`${x}`, "Tensor(float32 [10, 20] on cpu)");
  assertEquals(Deno.inspect(x), "Tensor(float32 [10, 20] on cpu)");
  assertEquals(inspect(x), "Tensor(float32 [10, 20] on cpu)");
  assertEquals(JSON.stringify({ x }), '{"x":"Tensor(float32 [10, 20] on cpu)"}');
});

cpuTest("a gradient is derived where it is recorded, and nowhere else", (device) => {
  let asked = 0;
  const operation = {
    name: "test",
    get gradient() {
      asked++;
      return { apply: () => [null] };
    },
  };
  const [x, y] = [Tensor.ones(device, [2]), Tensor.ones(device, [2])];
  recordOperation(operation, [x], [y], null);
  x.requireGrad();
  noGrad(() => recordOperation(operation, [x], [y], null));
  assertEquals(asked, 0);
  recordOperation(operation, [x], [y], null);
  assertEquals(asked, 1);
});

testOnEveryDevice("a tensor is copied to where it overlaps with itself", async (device) => {
  const x = Tensor.arange(device, 0, 100, 1, "float32");
  copyInto(x.slice(0, 0, 99), x.slice(0, 1, 100));
  assertEquals(await x.data(), Float32Array.from({ length: 100 }, (_, i) => Math.max(0, i - 1)));
  const square = Tensor.arange(device, 0, 9, 1, "float32").reshape([3, 3]);
  copyInto(square.transpose(), square);
  assertEquals(await square.data(), Float32Array.of(0, 3, 6, 1, 4, 7, 2, 5, 8));
});

cpuTest(
  "what needs a gradient is not copied into a tensor, as the gradient would be lost",
  async (device) => {
    const x = Tensor.from(device, [1, 2], { requiresGrad: true });
    const rows = Tensor.zeros(device, [2, 2]);
    assertThrows(
      () => copyInto(x.mul(2), rows.at(0)),
      Error,
      "needs no gradient, got one that does: detach() it",
    );
    copyInto(x.mul(2).detach(), rows.at(0));
    noGrad(() => copyInto(x, rows.at(1)));
    assertEquals(await rows.data(), Float32Array.of(2, 4, 1, 2));
  },
);

testOnEveryDevice("what cannot be assigned, split or decoded is refused in words", (device) => {
  const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]]);
  assertThrows(
    () => x.assign(Float32Array.of(1, 2)),
    RangeError,
    "Cannot assign to a tensor of [2, 3]: wanted 6 values, got 2",
  );
  for (const given of [x, 3, undefined]) {
    assertThrows(() => x.assign(given as unknown as Float32Array<ArrayBuffer>), TypeError);
  }
  for (const lengths of [[-1, 3], [3, -1], [2, 1], [NaN, 2]]) {
    assertThrows(() => split(x, lengths), RangeError, "Cannot split [2, 3] along axis 0");
  }
  for (const bytes of [new ArrayBuffer(8), "abc", undefined, Promise.resolve()]) {
    assertThrows(
      () => decodeState(bytes as unknown as Uint8Array),
      TypeError,
      "Cannot read safetensors: wanted bytes in a Uint8Array, got",
    );
  }
});
