import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type Device, normal, type Tensor } from "../tensor/mod.ts";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { MuonAdamW, type MuonAdamWGroupOptions } from "./muon_adamw.ts";
import { type Exchange, ownersOf, type Segments, ShardedMuonAdamW } from "./sharded.ts";

/** Ranks in one process, which meet in every exchange. */
class Meeting {
  readonly #ranks: number;
  #waiting: { segments: Segments; resume: () => void }[] = [];

  constructor(ranks: number) {
    this.#ranks = ranks;
  }

  exchange(rank: number): Exchange {
    const meet = (exchange: (all: Segments[]) => Promise<void>) => (segments: Segments) =>
      this.#meet(rank, segments, exchange);
    return {
      rank,
      ranks: this.#ranks,
      reduceScatter: meet(async (all) => {
        for (let owner = 0; owner < this.#ranks; owner++) {
          for (const [i, own] of all[owner]![owner]!.entries()) {
            const sums = new Float32Array(own.size);
            for (const segments of all) {
              const values = await segments[owner]![i]!.data();
              values.forEach((value, j) => sums[j]! += value);
            }
            own.assign(sums);
          }
        }
      }),
      allGather: meet(async (all) => {
        for (let owner = 0; owner < this.#ranks; owner++) {
          for (const [i, own] of all[owner]![owner]!.entries()) {
            const values = await own.data() as Float32Array;
            for (const [rank, segments] of all.entries()) {
              if (rank !== owner) segments[owner]![i]!.assign(values.slice());
            }
          }
        }
      }),
    };
  }

  /** Waits for all ranks; the last one to come does the exchange. */
  async #meet(
    rank: number,
    segments: Segments,
    exchange: (all: Segments[]) => Promise<void>,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting[rank] = { segments, resume: resolve };
    if (Object.keys(this.#waiting).length < this.#ranks) return await promise;
    const all = this.#waiting;
    this.#waiting = [];
    await exchange(all.map(({ segments }) => segments));
    for (const { resume } of all) resume();
  }
}

const shapes = {
  "a.weight": [6, 4],
  "b.weight": [6, 4],
  "c.weight": [6, 4],
  "d.weight": [3, 5],
  "embedding": [9, 4],
  "bias": [3],
};

function makeGroups(device: Device): MuonAdamWGroupOptions[] {
  const parameters = Object.entries(shapes).map(([name, shape], i) =>
    [name, normal(device, shape, { seed: i, requiresGrad: true }).keep()] as const
  );
  return [
    { kind: "adamw", parameters: new Map(parameters.slice(4)), lr: 0.1, weightDecay: 0.01 },
    { kind: "muon", parameters: new Map(parameters.slice(0, 4)), lr: 0.02 },
  ];
}

/** Gives every parameter the gradient of a step on a rank. */
function setGradients(groups: readonly MuonAdamWGroupOptions[], step: number, rank: number): void {
  const named = groups.flatMap(({ parameters }) => [...parameters as Map<string, Tensor>]);
  for (const [i, [, parameter]] of named.entries()) {
    const seed = 100 * step + 10 * rank + i;
    parameter.mul(normal(parameter.device, parameter.shape, { seed })).sum().backward();
  }
}

function setLearningRates(groups: ShardedMuonAdamW["groups"], step: number): void {
  for (const group of groups) {
    group.lr = group.initialLr / (1 + step);
    if (group.kind === "muon") group.momentum = 0.8 + 0.01 * step;
  }
}

type Bits = Record<string, number[]>;

async function bitsOf(named: Iterable<readonly [string, Tensor | number]>): Promise<Bits> {
  const bits: Bits = {};
  for (const [name, value] of named) {
    bits[name] = typeof value === "number" ? [value] : [...await value.data()];
  }
  return bits;
}

const parametersOf = (groups: readonly MuonAdamWGroupOptions[]) =>
  bitsOf(groups.flatMap(({ parameters }) => [...parameters as Map<string, Tensor>]));

const STEPS = 3;

async function shard(device: Device, ranks: number) {
  const meeting = new Meeting(ranks);
  return await Promise.all(Array.from({ length: ranks }, async (_, rank) => {
    const groups = makeGroups(device);
    const optimizer = new ShardedMuonAdamW(groups, meeting.exchange(rank));
    for (let step = 0; step < STEPS; step++) {
      setLearningRates(optimizer.groups, step);
      setGradients(groups, step, rank);
      await optimizer.step();
      optimizer.zeroGrad();
    }
    return {
      parameters: await parametersOf(groups),
      state: await bitsOf(optimizer.stateDict()),
    };
  }));
}

/** One optimizer, with the gradients of all ranks in their order. */
async function replicate(device: Device, ranks: number) {
  const groups = makeGroups(device);
  const optimizer = new MuonAdamW(groups);
  for (let step = 0; step < STEPS; step++) {
    setLearningRates(optimizer.groups, step);
    for (let rank = 0; rank < ranks; rank++) setGradients(groups, step, rank);
    optimizer.step();
    optimizer.zeroGrad();
  }
  return { parameters: await parametersOf(groups), state: await bitsOf(optimizer.stateDict()) };
}

testOnEveryDevice(
  "a sharded optimizer has the bits of a whole one, state included",
  async (device) => {
    for (const ranks of [1, 2, 3, 8]) {
      const whole = await replicate(device, ranks);
      assertNotEquals(whole.parameters, await parametersOf(makeGroups(device)));
      const shards = await shard(device, ranks);
      for (const { parameters } of shards) assertEquals(parameters, whole.parameters);
      const states = shards.flatMap(({ state }) => Object.entries(state));
      assertEquals(Object.fromEntries(states), whole.state);
      assertEquals(states.length, Object.keys(whole.state).length, "expected one owner for each");
    }
  },
);

testOnEveryDevice("each rank holds a part of the state", async (device) => {
  const [whole] = await shard(device, 1);
  const numbers = (state: Bits) => Object.values(state).flat().length;
  for (const { state } of await shard(device, 2)) {
    assert(numbers(state) < 0.7 * numbers(whole!.state), `${Object.keys(state)}`);
  }
});

testOnEveryDevice("a parameter without a gradient is an error", async (device) => {
  const optimizer = new ShardedMuonAdamW(makeGroups(device), new Meeting(1).exchange(0));
  await assertRejects(
    () => optimizer.step(),
    Error,
    "wanted a gradient for every parameter, got none for embedding",
  );
});

Deno.test("owners have about the same work, in whatever order it is named", () => {
  const work = Array.from({ length: 40 }, (_, i) => ({ name: `p${i}`, cost: 1 + i * 7 % 13 }));
  const owners = ownersOf(work, 4);
  assertEquals(ownersOf(work.toReversed(), 4), owners);
  const loads = [0, 1, 2, 3].map((rank) =>
    work.reduce((sum, { name, cost }) => sum + (owners.get(name) === rank ? cost : 0), 0)
  );
  assert(Math.max(...loads) - Math.min(...loads) <= 1, `${loads}`);
});

Deno.test("more ranks than parameters leave some ranks without any", () => {
  assertEquals([...ownersOf([{ name: "a", cost: 1 }], 3)], [["a", 0]]);
});
