import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { float16Test } from "../testing/gpu.ts";
import { AdamW, SGD } from "../optim/mod.ts";
import { copyInto, type Device, noGrad, normal, Tensor } from "../tensor/mod.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import {
  Activation,
  BatchNorm2d,
  buffer,
  Conv2d,
  decodeState,
  encodeState,
  Flatten,
  Linear,
  MLP,
  Module,
  Sequential,
} from "./mod.ts";

/** A network with buffers: 10 logits of images of 6 × 6. */
function clothes(device: Device, seed: number): Sequential {
  return new Sequential([
    new Conv2d(device, 1, 3, 3, { seed: seed + 1 }),
    new BatchNorm2d(device, 3),
    new Activation("relu"),
    new Flatten(),
    new Linear(device, 48, 10, { seed: seed + 2 }),
  ]);
}

/** Every value of a state, as text. */
async function textOf(state: ReadonlyMap<string, Tensor | number>): Promise<string> {
  const lines = Array.from(
    state,
    async ([name, value]) => `${name} ${value instanceof Tensor ? await value.data() : value}`,
  );
  return (await Promise.all(lines)).join("\n");
}

testOnEveryDevice("a network and its optimizer go on from files, bit for bit", async (device) => {
  const x = normal(device, [4, 1, 6, 6], { seed: 7 });
  const step = (network: Sequential, optimizer: AdamW) => {
    using _scope = device.scope();
    optimizer.zeroGrad();
    network.forward(x).square().mean().backward();
    optimizer.step();
  };
  const network = clothes(device, 0);
  const optimizer = new AdamW(network.parameters(), { lr: 0.01 });
  for (let i = 0; i < 3; i++) step(network, optimizer);
  const files = [await encodeState(network.stateDict()), await encodeState(optimizer.stateDict())];

  const other = clothes(device, 100);
  const otherOptimizer = new AdamW(other.parameters(), { lr: 0.01 });
  assertEquals(other.loadStateDict(decodeState(files[0]!)), { missing: [], unknown: [] });
  otherOptimizer.loadStateDict(decodeState(files[1]!));
  for (const both of [[network, optimizer], [other, otherOptimizer]] as const) step(...both);
  assertEquals(await textOf(other.stateDict()), await textOf(network.stateDict()));
  assertEquals(await textOf(otherOptimizer.stateDict()), await textOf(optimizer.stateDict()));
  assertEquals(await network.stateDict().get("layers.1.num_batches_tracked")!.item(), 4);
});

cpuTest("loading that is not strict returns the missing and the unknown names", async (device) => {
  const network = new MLP(device, [2, 3, 1], { activation: "tanh", seed: 1 });
  const state = new Map(network.stateDict());
  const [first] = state.keys();
  const values = Tensor.full(device, state.get(first!)!.shape, 5);
  const given = new Map([[first!, values], ["head.weight", values]]);
  const before = await textOf(network.stateDict());
  assertThrows(() => network.loadStateDict(given), RangeError, "head.weight is unknown");
  assertEquals(await textOf(network.stateDict()), before);
  const names = network.loadStateDict(given, { strict: false });
  assertEquals(names, { missing: [...state.keys()].slice(1), unknown: ["head.weight"] });
  assertEquals(new Set(await network.stateDict().get(first!)!.data()), new Set([5]));
  // The given values must fit.
  assertThrows(
    () => network.loadStateDict(new Map([[first!, Tensor.zeros(device, [7])]]), { strict: false }),
    RangeError,
    "got float32 [7]",
  );
});

cpuTest("a tied parameter has every name in a file, and loads by one", async (device) => {
  class Tied extends Module {
    readonly embedding: Tensor;
    readonly head: Tensor;

    constructor() {
      super();
      this.embedding = normal(device, [4, 2], { seed: 1, requiresGrad: true });
      this.head = this.embedding;
    }
  }
  const network = new Tied();
  const file = decodeState(await encodeState(network.stateDict()));
  assertEquals([...file.keys()], ["embedding", "head"]);
  const other = new Tied();
  noGrad(() => copyInto(Tensor.zeros(device, [4, 2]), other.embedding));
  assertEquals(other.loadStateDict(file), { missing: [], unknown: [] });
  file.delete("embedding");
  assertEquals(other.loadStateDict(file), { missing: [], unknown: [] });
  assertEquals(await other.head.data(), await network.head.data());
});

testOnEveryDevice("a frozen parameter is saved, and costs no backward work", async (device) => {
  const network = new MLP(device, [2, 3, 3, 1], { activation: "tanh", seed: 1 });
  const [first] = network.parameters().values();
  const names = [...network.parameters().keys()];
  first!.requireGrad(false);
  assertEquals([...network.parameters().keys()], names.slice(1));
  assertEquals([...network.stateDict().keys()], names);
  const x = Tensor.ones(device, [5, 2]);
  network.forward(x).sum().backward();
  assertEquals(first!.grad, null);

  network.requireGrad(false);
  assertEquals(network.parameters().size, 0);
  assertEquals(network.forward(x).requiresGrad, false);
  network.requireGrad();
  assertEquals([...network.parameters().keys()], names);
  // Freezing clears the gradient, so that an optimizer leaves the parameter as it is.
  const optimizer = new SGD(network.parameters(), { lr: 1 });
  network.forward(x).sum().backward();
  const before = await first!.data();
  first!.requireGrad(false);
  optimizer.step();
  assertEquals(await first!.data(), before);
  assertThrows(
    () => network.forward(x).sum().requireGrad(false),
    Error,
    "Cannot freeze the result of an operation",
  );
});

testOnEveryDevice("the gradient of a frozen layer is not computed", async (device) => {
  const layers = [1, 2].map((seed) => new Linear(device, 64, 64, { seed, bias: false }));
  const x = normal(device, [64, 64], { seed: 3 });
  const run = async () => {
    const { kernels } = await device.explain(() => {
      using _scope = device.scope();
      layers[1]!.forward(layers[0]!.forward(x)).sum().backward();
    });
    return kernels.length;
  };
  const all = await run();
  layers[0]!.requireGrad(false);
  const some = await run();
  assert(some < all, `${some} of ${all} kernels`);
});

testOnEveryDevice("a buffer outlives scopes, is saved and not trained", async (device) => {
  class Counter extends Module {
    readonly weight: Tensor = Tensor.ones(device, [2], { requiresGrad: true });
    readonly calls: Tensor;
    readonly other: Tensor = Tensor.zeros(device, [1]).keep();

    constructor() {
      super();
      using _scope = device.scope();
      this.calls = buffer(Tensor.zeros(device, []));
    }
  }
  const counter = new Counter();
  assertEquals([...counter.parameters().keys()], ["weight"]);
  assertEquals([...counter.stateDict().keys()], ["weight", "calls"]);
  counter.requireGrad();
  assertEquals(counter.calls.requiresGrad, false);
  assertEquals(await counter.calls.item(), 0);
});

Deno.test("64-bit counts are read as int32 where they fit", () => {
  const file = writeSafetensors(
    new Map([
      ["few", { dtype: "int64", shape: [], data: BigInt64Array.of(7n) }],
      ["many", { dtype: "int64", shape: [], data: BigInt64Array.of(2n ** 40n) }],
    ]),
  );
  const state = decodeState(file);
  assertEquals(state.get("few"), { dtype: "int32", shape: [], data: Int32Array.of(7) });
  assertEquals((state.get("many") as { dtype: string }).dtype, "int64");
  assertThrows(() => decodeState(file.subarray(0, 30)), SyntaxError);
});

cpuTest("invalid states are refused, and the error says why", async (device) => {
  let message = "";
  try {
    await encodeState(new Map([["x", "7" as never]]));
  } catch (error) {
    message = String(error);
  }
  assertEquals(message, 'TypeError: Cannot encode the state: wanted x to be a tensor, got "7"');
  await assertRejects(
    () => encodeState(new Map([["step", NaN]])),
    TypeError,
    "wanted step to be a finite number, got NaN",
  );
  const network = new MLP(device, [1, 1], { activation: "tanh", seed: 1 });
  const [name] = network.stateDict().keys();
  assertThrows(
    () => network.loadStateDict(new Map([[name!, 3]]), { strict: false }),
    RangeError,
    "got 3",
  );
});

float16Test("half precision comes back as such", async (device) => {
  const half = Tensor.from(device, [1, 2.5], { dtype: "float16" });
  const state = decodeState(await encodeState(new Map([["half", half]])));
  assertEquals(state.get("half"), { dtype: "float16", shape: [2], data: Float16Array.of(1, 2.5) });
});
