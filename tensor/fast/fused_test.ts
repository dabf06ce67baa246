import { assert, assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import {
  copyInto,
  crossEntropy,
  type Device,
  linear,
  noGrad,
  normal,
  openDevice,
  rmsNorm,
  rotary,
  Tensor,
} from "../mod.ts";

/** Uses the result of an operation: the identity in a case's other run. */
type Between = (x: Tensor) => Tensor;

/** Operations that are fused, on inputs large enough for that. */
interface Case {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  readonly run: (between: Between, ...inputs: Tensor[]) => Tensor;
  /** Dispatches on WebGPU, fused and separate; the rest of a loss is not counted. */
  readonly dispatches?: readonly [fused: number, apart: number];
}

const targets = (device: Device): Tensor =>
  Tensor.from(device, Int32Array.from({ length: 256 }, (_, i) => i % 7 === 3 ? -1 : i * 37 % 1000));

const cases: Case[] = [
  {
    name: "a linear layer and ReLU²",
    inputs: [[4, 64, 16], [1024, 16]],
    run: (between, x, w) => between(linear(x!, w!)).reluSquared(),
  },
  {
    name: "a sum of two scaled tensors",
    inputs: [[512, 512], [1], [512, 512], [1]],
    run: (between, a, b, c, d) => between(a!.mul(b!)).add(between(c!.mul(d!))),
    dispatches: [1, 3],
  },
  {
    name: "a tensor and a gated one",
    inputs: [[4, 128, 512], [4, 128, 1], [4, 128, 512]],
    run: (between, x, gate, y) => x!.add(between(gate!.mul(y!))),
    dispatches: [1, 2],
  },
  {
    name: "a scaled tensor and another",
    inputs: [[512, 512], [1], [512]],
    run: (between, x, scale, y) => between(x!.mul(scale!)).add(y!),
    dispatches: [1, 2],
  },
  {
    name: "a tensor less a scaled one",
    inputs: [[512, 512], [1], [512, 512]],
    run: (between, x, scale, y) => x!.sub(between(scale!.mul(y!))),
    dispatches: [1, 2],
  },
  {
    name: "a residual stream and a gated linear layer",
    inputs: [[4, 64, 16], [1024, 16], [4, 64, 1]],
    run: (between, x, w, gate) => {
      const y = between(linear(x!, w!));
      return y.add(between(gate!.mul(y)));
    },
  },
  {
    name: "rotary positions and a norm",
    inputs: [[2, 64, 4, 512], [64, 1, 256], [64, 1, 256]],
    run: (between, x, cos, sin) => rmsNorm(between(rotary(x!, cos!.detach(), sin!.detach()))),
    dispatches: [1, 2],
  },
  ...(["mean", "sum", "none"] as const).flatMap((reduction): Case[] => [
    {
      name: `logits and their ${reduction} loss`,
      inputs: [[256, 16], [1024, 16]],
      run: (between, x, w) =>
        crossEntropy(between(linear(x!, w!)), targets(x!.device), { reduction }),
    },
    {
      name: `the first logits, capped, and their ${reduction} loss`,
      inputs: [[4, 64, 16], [1024, 16]],
      run: (between, x, w) => {
        const logits = between(between(linear(x!, w!)).slice(-1, 0, 1000).softcap(3));
        return crossEntropy(logits, targets(x!.device).reshape([4, 64]), { reduction });
      },
    },
    {
      name: `logits as rows, and their ${reduction} loss with a cap`,
      inputs: [[4, 64, 16], [1024, 16]],
      run: (between, x, w) => {
        const rows = between(linear(x!, w!)).reshape([256, 1024]);
        return crossEntropy(rows, targets(x!.device), { reduction, softcap: 3 });
      },
    },
    {
      name: `the logits of some tokens and their ${reduction} loss`,
      inputs: [[4, 80, 16], [1024, 16]],
      run: (between, x, w) => {
        const some = between(linear(x!, w!)).slice(1, 0, 64);
        return crossEntropy(some, targets(x!.device).reshape([4, 64]), { reduction });
      },
    },
  ]),
];

const asked: Between = (x) => {
  void x.allocation;
  return x;
};
const left: Between = (x) => x;

function makeInputs(device: Device, shapes: Case["inputs"]): Tensor[] {
  return shapes.map((shape, i) =>
    noGrad(() => normal(device, shape, { seed: i + 1 })).requireGrad()
  );
}

async function results(inputs: readonly Tensor[], run: () => Tensor): Promise<ArrayLike<number>[]> {
  using _scope = inputs[0]!.device.scope();
  for (const input of inputs) input.zeroGrad();
  const y = run();
  // Every element of the result gets a separate weight.
  const weights = noGrad(() => normal(y.device, y.shape, { seed: 9 }));
  y.backward(weights);
  const read = [y, ...inputs.flatMap(({ grad }) => grad === null ? [] : [grad])];
  return await Promise.all(read.map((tensor) => tensor.data()));
}

function assertClose(got: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  assertEquals(got.length, wanted.length, what);
  const scale = Array.from(wanted).reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30);
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(got[i]! - wanted[i]!) / scale;
    assert(error <= 1e-5, `${what}, element ${i}: wanted ${wanted[i]}, got ${got[i]}`);
  }
}

for (const { name, inputs: shapes, run } of cases) {
  testOnEveryDevice(`fused, ${name} give what they give apart`, async (device) => {
    const inputs = makeInputs(device, shapes);
    const fused = await results(inputs, () => run(left, ...inputs));
    const apart = await results(inputs, () => run(asked, ...inputs));
    apart.forEach((wanted, i) => assertClose(fused[i]!, wanted, `result ${i}`));
    using _scope = device.scope();
    const values = await Promise.all(
      [left, asked].map((between) => noGrad(() => run(between, ...inputs)).data()),
    );
    assertClose(values[0]!, values[1]!, "without gradients");
  });
}

gpuTest("fused operations are one kernel", (device) => {
  for (const { name, inputs: shapes, run, dispatches } of cases) {
    if (dispatches === undefined) continue;
    const inputs = makeInputs(device, shapes);
    const counts = [left, asked].map((between) => {
      using _scope = device.scope();
      // The second run needs no preparation of kernels.
      run(between, ...inputs);
      const before = device.statistics.dispatches;
      run(between, ...inputs);
      return device.statistics.dispatches - before;
    });
    // Software adapters copy some operands to align them, in both cases.
    assertEquals(counts[1]! - counts[0]!, dispatches[1] - dispatches[0], `${name}: ${counts}`);
  }
});

testOnEveryDevice("what was fused can be used again", async (device) => {
  const [x, w] = makeInputs(device, [[256, 16], [1024, 16]]) as [Tensor, Tensor];
  const run = (between: Between) => {
    const y = between(linear(x, w));
    return y.reluSquared().add(y.relu()).add(y);
  };
  const fused = await results([x, w], () => run(left));
  const apart = await results([x, w], () => run(asked));
  apart.forEach((wanted, i) => assertClose(fused[i]!, wanted, `result ${i}`));
});

testOnEveryDevice("a deferred result is that of its inputs as they were", async (device) => {
  const [x, w] = makeInputs(device, [[256, 16], [1024, 16]]) as [Tensor, Tensor];
  const wanted = await asked(linear(x, w)).data();
  const deferred = linear(x, w);
  // All ways to change a tensor in place: from the host, and by a kernel.
  w.assign(new Float32Array(w.size).fill(3));
  assertEquals(await deferred.data(), wanted);
  const ofThrees = await asked(linear(x, w)).data();
  const another = linear(x, w);
  noGrad(() => copyInto(Tensor.zeros(device, x.shape), x));
  assertEquals(await another.data(), ofThrees);
});

testOnEveryDevice("an optimizer's step computes no matmul a second time", async (device) => {
  const [x, w] = makeInputs(device, [[256, 16], [1024, 16]]) as [Tensor, Tensor];
  const { events } = await device.profile(() => {
    using _scope = device.scope();
    linear(x, w).reluSquared().sum().backward();
    noGrad(() => copyInto(Tensor.zeros(device, w.shape), w));
  });
  const matmuls = events.filter(({ name }) => name.startsWith("matmul"));
  assertEquals(matmuls.length, 3, matmuls.map(({ name }) => name).join(", "));
});

testOnEveryDevice("nothing is fused with a result whose inputs changed", async (device) => {
  const [x, w] = makeInputs(device, [[256, 16], [1024, 16]]) as [Tensor, Tensor];
  const deferred = linear(x, w);
  const wanted = await asked(linear(x, w)).reluSquared().data();
  w.assign(new Float32Array(w.size).fill(3));
  const activated = deferred.reluSquared();
  assertEquals(await activated.data(), wanted);
  assertThrows(() => activated.sum().backward(), Error, "changed in place");
});

testOnEveryDevice("a deferred result outlives what it is computed from", async (device) => {
  const wanted: ArrayLike<number>[] = [], results: Tensor[] = [];
  for (const between of [asked, left]) {
    using scope = device.scope();
    const [x, w] = [[256, 16], [1024, 16]].map((shape, i) =>
      noGrad(() => normal(device, shape, { seed: i }))
    ) as [Tensor, Tensor];
    results.push(scope.keep(between(linear(x, w)).alias()).keep());
  }
  for (const result of results) wanted.push(await result.data());
  assertEquals(wanted[0], wanted[1]);
  for (const result of results) result.dispose();
  assertEquals(device.live, 0);
});

testOnEveryDevice("a result that nobody asks for takes no memory", (device) => {
  const [x, w] = makeInputs(device, [[256, 16], [1024, 16]]) as [Tensor, Tensor];
  const [live, peak] = [device.live, device.memory.peakBytes];
  for (let i = 0; i < 10; i++) {
    using _scope = device.scope();
    linear(x, w).slice(-1, 0, 1000).softcap(15);
    w.mul(w.slice(0, 0, 1).unsqueeze(1).expand([16, 1024, 16]));
  }
  assertEquals(device.live, live);
  assertEquals(device.memory.peakBytes, peak);
});

testOnEveryDevice("a deferred result can be changed in place", async (device) => {
  const [x, w] = makeInputs(device, [[256, 16], [1024, 16]]) as [Tensor, Tensor];
  const y = noGrad(() => linear(x, w));
  noGrad(() => copyInto(Tensor.ones(device, [256, 1]), y.slice(1, 0, 1)));
  const [changed, whole] = await Promise.all([y.data(), asked(linear(x, w)).data()]);
  assertEquals(changed[0], 1);
  assertEquals(changed[1], whole[1]);
});

testOnEveryDevice("operations that wait for each other form no long chain", async (device) => {
  const x = Tensor.ones(device, [64, 64], { requiresGrad: true });
  const factor = Tensor.full(device, [1], 1.0001);
  {
    using _scope = device.scope();
    let y: Tensor = x;
    for (let i = 0; i < 5000; i++) y = y.mul(factor);
    const [first] = await y.data();
    assert(Math.abs(first! - Math.exp(0.5)) < 1e-2, `${first}`);
  }
  assertEquals(device.live, 2);
});

testOnEveryDevice("what does not suit an operation is refused when it is called", (device) => {
  const [x, ids] = [
    Tensor.ones(device, [64, 64]),
    Tensor.zeros(device, [64, 64], { dtype: "int32" }),
  ];
  const wrong = Tensor.ones(device, [64, 63]);
  assertThrows(() => x.mul(wrong), RangeError, "[64, 64]");
  assertThrows(() => linear(x, wrong), RangeError, "64 columns against 63");
  assertThrows(() => linear(x, ids), TypeError, "int32");
  assertEquals(device.live, 3);
});

Deno.test("a deferred result that does not fit the device's memory is an error each time", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const x = Tensor.ones(device, [2 ** 16, 1]);
  const before = device.live;
  {
    using _scope = device.scope();
    const y = linear(x, x);
    for (let i = 0; i < 2; i++) assertThrows(() => void y.allocation, RangeError);
  }
  assertEquals(device.live, before);
  await device.close();
});
