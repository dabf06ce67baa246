import { assert, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { decodeState, type Device, encodeState, Tensor, type TensorValues } from "../tensor/mod.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { fieldsOf, type Layer, Module } from "./module.ts";
import { parameter } from "./parameter.ts";
import { zeros } from "./initializers.ts";
import { Sequential } from "./sequential.ts";

/** A module with submodules in every kind of container, named like nanochat's. */
class Network extends Module {
  readonly lambdas: Tensor;
  readonly transformer: { readonly wte: Embedding; readonly h: readonly Linear[] };
  readonly value_embeds: Map<number, Embedding>;
  readonly dropout = new Dropout(0.5, { seed: 1 });
  readonly head: Linear;
  readonly tied: Tensor;
  readonly table: Tensor;
  readonly #secret: Linear;

  constructor(device: Device) {
    super();
    this.lambdas = parameter(device, [2], zeros, 0);
    const block = (seed: number) => new Linear(device, 4, 4, { seed, bias: false });
    this.transformer = { wte: new Embedding(device, 5, 4, { seed: 1 }), h: [block(2), block(3)] };
    this.value_embeds = new Map([[1, new Embedding(device, 5, 2, { seed: 4 })]]);
    this.head = new Linear(device, 4, 5, { seed: 5 });
    this.tied = this.transformer.wte.weight;
    this.table = Tensor.ones(device, [3]);
    this.#secret = block(6);
  }

  get secret(): Linear {
    return this.#secret;
  }
}

const names = [
  "lambdas",
  "transformer.wte.weight",
  "transformer.h.0.weight",
  "transformer.h.1.weight",
  "value_embeds.1.weight",
  "head.weight",
  "head.bias",
];

cpuTest(
  "parameters are found in fields, lists, records and maps, each once and in order",
  (device) => {
    const network = new Network(device);
    assertEquals([...network.parameters().keys()], names);
    assertEquals(network.parameters().size, names.length);
    assert(network.parameters().get("head.bias") === network.head.bias);
  },
);

cpuTest("a result stored in a field is not a parameter", (device) => {
  const network = new Network(device);
  Object.assign(network, { cache: network.lambdas.mul(2) });
  assertEquals([...network.parameters().keys()], names);
});

cpuTest("train and eval reach every submodule, and nothing else", (device) => {
  const network = new Network(device);
  assert(network.isTraining && network.dropout.isTraining);
  assert(network.eval() === network);
  assert(
    !network.isTraining && !network.dropout.isTraining && !network.transformer.h[1]!.isTraining,
  );
  assert(network.secret.isTraining);
  network.train(false);
  assert(!network.isTraining);
  network.train();
  assert(network.dropout.isTraining);
});

cpuTest("a network with another's state gives the same outputs", async (device) => {
  const [a, b] = [new Network(device), new Network(device)];
  const values = new Map(
    [...a.parameters()].map(([name, { shape }], i) => [name, Tensor.full(device, shape, i)]),
  );
  b.loadStateDict(values);
  const loaded = await Promise.all([...b.parameters().values()].map((each) => each.data()));
  loaded.forEach((data, i) => assert(data.every((value) => value === i)));
  assert([...b.parameters().values()].every((each) => each.requiresGrad));
});

cpuTest(
  "a state that does not match is refused in one message, and nothing changes",
  async (device) => {
    const network = new Network(device);
    const before = await network.lambdas.data();
    const fitting = () =>
      new Map(
        [...network.stateDict()].map(([name, { shape }]) => [name, Tensor.ones(device, shape)]),
      );
    const refuse = (state: Map<string, TensorValues>, message: string) =>
      assertThrows(() => network.loadStateDict(state), RangeError, message);

    const renamed = fitting();
    renamed.delete("head.bias");
    renamed.set("head.bais", Tensor.ones(device, [5]));
    refuse(renamed, "Cannot load the parameters: head.bias is missing; head.bais is unknown");

    const misshapen = fitting();
    misshapen.set("lambdas", Tensor.ones(device, [3]));
    misshapen.set("head.bias", Tensor.from(device, [1, 2, 3, 4, 5], { dtype: "int32" }));
    refuse(
      misshapen,
      "wanted lambdas of float32 [2], got float32 [3]; wanted head.bias of float32 [5], got int32 [5]",
    );
    refuse(new Map(), "; and 3 more");
    const freed = fitting();
    freed.get("head.bias")!.dispose();
    refuse(freed, "head.bias has been freed");
    const short: Map<string, TensorValues> = fitting();
    short.set("head.bias", { dtype: "float32", shape: [5], data: Float32Array.of(1, 2) });
    refuse(short, "got float32 [5] with 2 elements");
    assertEquals(await network.lambdas.data(), before);
  },
);

cpuTest("values may also be arrays, as a file has them", async (device) => {
  const layer = new Linear(device, 2, 1, { seed: 1 });
  layer.loadStateDict(
    new Map([
      ["weight", { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) }],
      ["bias", { dtype: "float32", shape: [1], data: Float32Array.of(3) }],
    ]),
  );
  assertEquals([...await layer.weight.data(), ...await layer.bias!.data()], [1, 2, 3]);
});

testOnEveryDevice("a table in bfloat16 is saved in it, and loaded from float32", async (device) => {
  const make = (seed: number) => new Embedding(device, 2, 2, { seed, dtype: "bfloat16" });
  const [table, other] = [make(1), make(2)];
  assertEquals([table.weight.dtype, table.weight.isParameter], ["bfloat16", true]);
  // A file has 16 bits, which are widened when it is read.
  other.loadStateDict(decodeState(await encodeState(table.stateDict())));
  assertEquals(await other.weight.data(), await table.weight.data());
  table.loadStateDict(new Map([["weight", Tensor.from(device, [[1 / 3, 1], [2, 3]])]]));
  assertEquals([...await table.weight.data()], [0.333984375, 1, 2, 3]);
  const integers = Tensor.zeros(device, [2, 2], { dtype: "int32" });
  assertThrows(
    () => table.loadStateDict(new Map([["weight", integers]])),
    RangeError,
    "wanted weight of bfloat16 [2, 2], got int32 [2, 2]",
  );
});

cpuTest("zeroGrad clears the gradients of all parameters", (device) => {
  const network = new Network(device);
  network.lambdas.sum().add(network.head.weight.sum()).backward();
  assert(network.head.weight.grad !== null);
  network.zeroGrad();
  assert([...network.parameters().values()].every(({ grad }) => grad === null));
});

cpuTest("parameters outlive the scope in which a network is made", async (device) => {
  const make = () => {
    using _scope = device.scope();
    return new Network(device);
  };
  assertEquals((await make().lambdas.data()).length, 2);
});

cpuTest("layers in a set are found, and can be replaced", (device) => {
  class Layers extends Module {
    readonly layers = new Set([1, 2].map((seed) => new Linear(device, 2, 2, { seed })));
  }
  const network = new Layers();
  const names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"];
  assertEquals([...network.parameters().keys()], names);
  const [first, second] = [...network.layers];
  const other = new Linear(device, 2, 2, { seed: 3 });
  for (const [path, value, replace] of fieldsOf(network)) {
    if (path === "layers.0" && value === first) replace(other);
  }
  assertEquals([...network.layers], [other, second!]);
  network.eval();
  assert(!other.isTraining);
});

/** As nanoGPT: the output layer has the matrix of the embedding. */
class Tied extends Module {
  readonly wte: Embedding;
  readonly head: { readonly weight: Tensor };

  constructor(device: Device) {
    super();
    this.wte = new Embedding(device, 3, 2, { seed: 1 });
    this.head = { weight: this.wte.weight };
  }
}

cpuTest("a tied parameter has each of its names in the state, and is one parameter", (device) => {
  const network = new Tied(device);
  assertEquals([...network.parameters().keys()], ["wte.weight"]);
  assertEquals([...network.stateDict().keys()], ["wte.weight", "head.weight"]);
  assert(network.stateDict().get("head.weight") === network.wte.weight);
});

cpuTest("a tied parameter is loaded under one of its names, or all", async (device) => {
  const network = new Tied(device);
  const values = (value: number) => Tensor.full(device, [3, 2], value);
  network.loadStateDict(new Map([["wte.weight", values(1)], ["head.weight", values(2)]]));
  assertEquals((await network.wte.weight.data())[0], 2);
  network.loadStateDict(new Map([["wte.weight", values(3)]]));
  assertEquals((await network.wte.weight.data())[0], 3);
  network.loadStateDict(new Map([["head.weight", values(4)]]));
  assertEquals((await network.wte.weight.data())[0], 4);
  assertThrows(
    () => network.loadStateDict(new Map()),
    RangeError,
    "wte.weight is missing; head.weight is missing",
  );
  assertThrows(
    () => network.loadStateDict(new Map([["wte.weight", values(5)], ["tail", values(5)]])),
    RangeError,
    "tail is unknown",
  );
  assertEquals((await network.wte.weight.data())[0], 4);
});

cpuTest("a module may refer to the one that it is in", (device) => {
  class Inner extends Module {
    outer: Module | null = null;
    readonly layer = new Linear(device, 2, 2, { seed: 1, bias: false });
  }
  class Outer extends Module {
    readonly inner = new Inner();
    readonly again = this.inner;
    readonly list = [this.inner, [] as unknown[]];
  }
  const outer = new Outer();
  outer.inner.outer = outer;
  outer.list[1] = outer.list;
  const names = ["inner.layer.weight", "again.layer.weight", "list.0.layer.weight"];
  assertEquals([...outer.stateDict().keys()], names);
  assertEquals(outer.parameters().size, 1);
});

cpuTest("a layer whose parameters would not be found is refused in a chain", (device) => {
  class Scale {
    readonly linear = new Linear(device, 2, 2, { seed: 1 });
    forward(x: Tensor): Tensor {
      return this.linear.forward(x);
    }
  }
  for (const layer of [new Scale(), { forward: (x: Tensor) => x }, new Network(device)]) {
    assertThrows(
      () => new Sequential([new Dropout(0.5, { seed: 1 }), layer as unknown as Layer]),
      TypeError,
      "Cannot make a Sequential: wanted Modules with a method forward, got",
    );
  }
});
