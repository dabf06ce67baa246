import { assert, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { type Device, normal, Tensor } from "../tensor/mod.ts";
import { Adam } from "./adam.ts";
import { AdamW, type AdamWGroup } from "./adam.ts";
import { Muon } from "./muon.ts";
import type { MuonGroup } from "./muon.ts";
import { MuonAdamW } from "./muon_adamw.ts";
import type { Optimizer } from "./optimizer.ts";
import type { ParameterGroup } from "./parameters.ts";
import { linearSchedule } from "./schedules.ts";
import { SGD } from "./sgd.ts";

type AnyOptimizer = Optimizer<ParameterGroup>;
type Named = ReadonlyMap<string, Tensor>;

/** Every optimizer, with hyperparameters that suit the quadratic below. */
const optimizers: Record<string, (parameters: Named) => AnyOptimizer> = {
  "SGD": (parameters) => new SGD(parameters, { lr: 0.2 }),
  "SGD with momentum": (parameters) => new SGD(parameters, { lr: 0.05, momentum: 0.8 }),
  "SGD with Nesterov's momentum": (parameters) =>
    new SGD(parameters, { lr: 0.05, momentum: 0.8, nesterov: true }),
  "Adam": (parameters) => new Adam(parameters, { lr: 0.3 }),
  "AdamW": (parameters) => new AdamW(parameters, { lr: 0.3, weightDecay: 0 }),
  "Muon": (parameters) => new Muon(matricesOf(parameters), { lr: 0.3, momentum: 0.8 }),
  "MuonAdamW": (parameters) =>
    new MuonAdamW([
      { kind: "muon", parameters: matricesOf(parameters), lr: 0.3, momentum: 0.8 },
      {
        kind: "adamw",
        parameters: new Map([...parameters].filter(([, { shape }]) => shape.length !== 2)),
        lr: 0.3,
        weightDecay: 0,
      },
    ]),
};

function matricesOf(parameters: Named): Map<string, Tensor> {
  return new Map([...parameters].filter(([, { shape }]) => shape.length === 2));
}

/** Two tall matrices, a wide one, and a vector. */
function makeParameters(device: Device): Map<string, Tensor> {
  const shapes = { "a.weight": [6, 4], "b.weight": [6, 4], "c.weight": [3, 5], "c.bias": [3] };
  return new Map(
    Object.entries(shapes).map(([name, shape], i) => [
      name,
      normal(device, shape, { seed: i, requiresGrad: true }).keep(),
    ]),
  );
}

function lossOf(parameters: Named): Tensor {
  return [...parameters.values()].map((each) => each.sub(0.5).square().sum())
    .reduce((sum, each) => sum.add(each));
}

function step(optimizer: AnyOptimizer, parameters: Named): void {
  using _scope = [...parameters.values()][0]!.device.scope();
  optimizer.zeroGrad();
  lossOf(parameters).backward();
  optimizer.step();
}

async function valuesOf(parameters: Named): Promise<number[][]> {
  return await Promise.all([...parameters.values()].map(async (each) => [...await each.data()]));
}

for (const [name, make] of Object.entries(optimizers)) {
  cpuTest(
    `${name} reaches the minimum of a quadratic as its learning rate falls to 0`,
    async (device) => {
      const all = makeParameters(device);
      const optimizer = make(all);
      const trained = name === "Muon" ? matricesOf(all) : all;
      for (let i = 0; i < 150; i++) {
        for (const group of optimizer.groups) group.lr = linearSchedule(i, 150, group.initialLr, 0);
        step(optimizer, trained);
      }
      const loss = await lossOf(trained).item();
      assert(loss < 1e-3, `the loss is ${loss}`);
    },
  );

  testOnEveryDevice(`${name} gives the same bits each time`, async (device) => {
    const runs: number[][][] = [];
    for (let run = 0; run < 2; run++) {
      const parameters = makeParameters(device);
      const optimizer = make(parameters);
      for (let i = 0; i < 4; i++) step(optimizer, parameters);
      runs.push(await valuesOf(parameters));
    }
    assertEquals(runs[0], runs[1]);
  });

  testOnEveryDevice(
    `${name} goes on bit for bit in another optimizer that loaded its state`,
    async (device) => {
      const parameters = makeParameters(device);
      const optimizer = make(parameters);
      for (let i = 0; i < 3; i++) step(optimizer, parameters);

      const copies = makeParameters(device);
      for (const [name, copy] of copies) {
        const values = await parameters.get(name)!.data();
        copies.set(
          name,
          Tensor.from(device, values, { shape: copy.shape, requiresGrad: true }).keep(),
        );
      }
      const copy = make(copies);
      copy.loadStateDict(optimizer.stateDict());
      for (let i = 0; i < 3; i++) {
        step(optimizer, parameters);
        step(copy, copies);
      }
      assertEquals(await valuesOf(copies), await valuesOf(parameters));
    },
  );

  fresh.cpuTest(`${name} leaks no memory over 300 steps`, async (device) => {
    const parameters = makeParameters(device);
    const optimizer = make(parameters);
    for (let i = 0; i < 3; i++) step(optimizer, parameters);
    const { live } = device;
    for (let i = 0; i < 300; i++) step(optimizer, parameters);
    assertEquals(device.live, live);
    assert((await valuesOf(parameters)).flat().every(Number.isFinite));
  });

  cpuTest(
    `${name} moves nothing at a learning rate of 0, and resumes at the next step with one`,
    async (device) => {
      const parameters = makeParameters(device);
      const optimizer = make(parameters);
      const before = await valuesOf(parameters);
      for (const group of optimizer.groups) group.lr = 0;
      step(optimizer, parameters);
      assertEquals(await valuesOf(parameters), before);
      for (const group of optimizer.groups) group.lr = group.initialLr;
      step(optimizer, parameters);
      const after = await valuesOf(parameters);
      const trained = name === "Muon" ? matricesOf(parameters).size : parameters.size;
      assert(
        after.slice(0, trained).every((values, i) => values.every((x, j) => x !== before[i]![j])),
      );
    },
  );
}

cpuTest("a group made inside a scope keeps its state when the scope ends", async (device) => {
  const [inside, outside] = [makeParameters(device), makeParameters(device)];
  const make = (parameters: typeof inside) => {
    using _scope = device.scope();
    return optimizers["MuonAdamW"]!(parameters);
  };
  const optimizer = make(inside);
  const other = optimizers["MuonAdamW"]!(outside);
  for (let i = 0; i < 2; i++) {
    step(optimizer, inside);
    step(other, outside);
  }
  assertEquals(await valuesOf(inside), await valuesOf(outside));
});

cpuTest(
  "parameters without a gradient are skipped, and their steps are not counted",
  async (device) => {
    const [a, b] = [1, 2].map((x) => Tensor.from(device, [x], { requiresGrad: true })) as [
      Tensor,
      Tensor,
    ];
    const optimizer = new AdamW(new Map([["a", a], ["b", b]]), { lr: 0.1 });
    a.square().sum().backward();
    optimizer.step();
    assertEquals(await b.item(), 2);
    assertEquals(optimizer.stateDict().get("a.step"), 1);
    assertEquals(optimizer.stateDict().get("b.step"), 0);
  },
);

cpuTest(
  "groups have learning rates of their own, and other defaults from the optimizer",
  async (device) => {
    const [a, b] = [1, 2].map(() => Tensor.from(device, [1], { requiresGrad: true })) as [
      Tensor,
      Tensor,
    ];
    const optimizer = new SGD([{ parameters: [a], lr: 0.5 }, { parameters: [b] }], { lr: 0.25 });
    assertEquals(optimizer.groups.map(({ lr, initialLr }) => [lr, initialLr]), [[0.5, 0.5], [
      0.25,
      0.25,
    ]]);
    a.add(b).sum().backward();
    optimizer.step();
    assertEquals([await a.item(), await b.item()], [0.5, 0.75]);
  },
);

cpuTest("the initial learning rate may differ from that of the first step", (device) => {
  const x = Tensor.from(device, [1], { requiresGrad: true });
  const [group] = new AdamW([x], { lr: 0, initialLr: 0.5 }).groups;
  assertEquals([group!.lr, group!.initialLr], [0, 0.5]);
});

cpuTest("parameters that an optimizer cannot train are refused by name", (device) => {
  const weight = Tensor.zeros(device, [2, 2], { requiresGrad: true });
  const plain = Tensor.zeros(device, [2]);
  const vector = Tensor.zeros(device, [2], { requiresGrad: true });
  assertThrows(() => new SGD([]), RangeError, "wanted parameters, got none");
  assertThrows(() => new SGD(new Map([["x", plain]])), TypeError, "got x without");
  assertThrows(() => new SGD([weight.mul(2)]), TypeError, "got 0 without");
  assertThrows(() => new SGD([weight, weight]), RangeError, "got one as 0 and 1");
  assertThrows(
    () =>
      new AdamW([{ parameters: new Map([["w", weight]]) }, {
        parameters: new Map([["w", vector]]),
      }]),
    RangeError,
    "got w twice",
  );
  assertThrows(
    () => new Muon(new Map([["bias", vector]])),
    RangeError,
    "Cannot train bias by Muon: wanted a matrix, got the shape [2]",
  );
});

cpuTest("a hyperparameter out of range is refused before anything changes", async (device) => {
  const parameters = makeParameters(device);
  const optimizer = new MuonAdamW([
    { kind: "adamw", parameters: new Map([["c.bias", parameters.get("c.bias")!]]) },
    { kind: "muon", parameters: matricesOf(parameters) },
  ]);
  const before = await valuesOf(parameters);
  const [adamw, muon] = optimizer.groups as readonly [AdamWGroup, MuonGroup];
  lossOf(parameters).backward();
  const refuse = (message: string) => assertThrows(() => optimizer.step(), RangeError, message);
  muon.lr = NaN;
  refuse("wanted lr to be a number from 0, got NaN");
  muon.lr = 0.1;
  muon.weightDecay = -1;
  refuse("wanted weightDecay to be a number from 0, got -1");
  muon.weightDecay = 0;
  muon.momentum = 1;
  refuse("wanted momentum to be a number from 0 to below 1, got 1");
  muon.momentum = 0.9;
  muon.orthogonalizationSteps = 6;
  refuse("wanted orthogonalizationSteps to be a whole number from 0 to 5, got 6");
  muon.orthogonalizationSteps = 5;
  adamw.betas = [0.9, -0.1];
  refuse("wanted beta2 to be a number from 0 to below 1, got -0.1");
  assertEquals(await valuesOf(parameters), before);
});

cpuTest("Muon wants the gradients of all matrices of a shape, or of none", (device) => {
  const parameters = makeParameters(device);
  const optimizer = new Muon(matricesOf(parameters));
  parameters.get("a.weight")!.sum().backward();
  assertThrows(
    () => optimizer.step(),
    Error,
    "wanted gradients for all matrices of shape [6, 4] or for none, got none for b.weight",
  );
  parameters.get("b.weight")!.sum().backward();
  optimizer.step();
});

cpuTest("momentum cannot start without a velocity", (device) => {
  const optimizer = new SGD([Tensor.zeros(device, [1], { requiresGrad: true })]);
  optimizer.groups[0]!.momentum = 0.9;
  assertThrows(() => optimizer.step(), RangeError, "wanted momentum 0");
});

cpuTest(
  "a state that does not match is refused in one message, and nothing changes",
  async (device) => {
    const parameters = makeParameters(device);
    const optimizer = new AdamW(parameters);
    step(optimizer, parameters);
    const before = await (optimizer.stateDict().get("c.bias.average") as Tensor).data();

    const missing = optimizer.stateDict();
    missing.delete("c.bias.average");
    missing.set("d.average", Tensor.zeros(device, [1]));
    missing.set("c.weight.squares", Tensor.zeros(device, [1]));
    const refuse = (state: Map<string, Tensor | number>, message: string) =>
      assertThrows(() => optimizer.loadStateDict(state), RangeError, message);
    refuse(missing, "c.bias.average is missing; d.average is unknown");

    const misshapen = optimizer.stateDict();
    misshapen.set("c.bias.average", Tensor.zeros(device, [3]));
    misshapen.set("c.weight.squares", Tensor.zeros(device, [1]));
    refuse(misshapen, "wanted c.weight.squares of float32 [3, 5], got float32 [1]");

    const uncounted = optimizer.stateDict();
    uncounted.set("c.bias.step", -1);
    refuse(uncounted, "wanted c.bias.step to be a count, got -1");
    const after = await (optimizer.stateDict().get("c.bias.average") as Tensor).data();
    assertEquals(after, before);
  },
);

cpuTest(
  "the state is keyed by parameter name, whatever the groups and stacks",
  (device) => {
    const optimizer = optimizers["MuonAdamW"]!(makeParameters(device));
    const shapes = [...optimizer.stateDict()].map(([name, value]) =>
      typeof value === "number" ? `${name} ${value}` : `${name} ${value.shape.join("x")}`
    );
    assertEquals(shapes, [
      "a.weight.momentum 6x4",
      "a.weight.variance 6x1",
      "b.weight.momentum 6x4",
      "b.weight.variance 6x1",
      "c.weight.momentum 3x5",
      "c.weight.variance 1x5",
      "c.bias.average 3",
      "c.bias.squares 3",
      "c.bias.step 0",
    ]);
  },
);

cpuTest("Nesterov's momentum without a momentum is refused", (device) => {
  const x = Tensor.ones(device, [2], { requiresGrad: true });
  const optimizer = new SGD([x], { nesterov: true });
  assertThrows(() => optimizer.step(), RangeError, "a momentum above 0 with nesterov, got 0");
});
