import { assert, assertEquals, assertThrows } from "@std/assert";
import { fresh, testOnEveryDevice } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { type Device, noGrad, profileRows, Tensor } from "../../tensor/mod.ts";
import { windowSizes } from "./config.ts";
import { GPT } from "./model.ts";

const config = {
  sequenceLen: 600,
  vocabSize: 61,
  nLayer: 4,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 64,
  windowPattern: "SL",
};
const [batch, tokens] = [2, 300];
const size = config.nEmbd / config.nHead;

/** A model without zero weights: some start at zero. */
function makeModel(device: Device): GPT {
  const model = new GPT(config, device, { seed: 7 });
  let salt = 1;
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lambda|gate|lm_head/.test(name)) continue;
    salt++;
    parameter.assign(
      Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 1.7 + salt) * 0.4),
    );
  }
  return model;
}

function makeIds(device: Device, shape = [batch, tokens]): Tensor {
  const ids = Int32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => i * i * 31 % 61);
  return Tensor.from(device, ids, { shape });
}

function watched(model: GPT, ids: Tensor, options: Parameters<GPT["forward"]>[2] = {}) {
  const seen = new Map<string, Tensor>();
  const watch = (name: string, tensor: Tensor) => void seen.set(name, tensor);
  const logits = model.forward(ids, undefined, { ...options, watch });
  return { seen, logits };
}

function assertClose(got: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  assertEquals(got.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) {
    assert(Math.abs(got[i]! - wanted[i]!) <= 1e-5, `${what} ${i}: ${got[i]}, wanted ${wanted[i]}`);
  }
}

testOnEveryDevice("a watched forward pass reports every part under its name", (device) => {
  const model = makeModel(device);
  using _scope = device.scope();
  const { seen } = noGrad(() => watched(model, makeIds(device)));
  const stream = [batch, tokens, config.nEmbd];
  const ofHeads = [batch, tokens, config.nHead, size];
  const ofKeyHeads = [batch, tokens, config.nKvHead, size];
  const expected: [string, number[]][] = [
    ["smear_gate", [batch, tokens - 1, 1]],
    ["transformer.wte", stream],
    ...[0, 1, 2, 3].flatMap((layer): [string, number[]][] => {
      const name = `transformer.h.${layer}`;
      return [
        ...(layer % 2 === 1
          ? [[`${name}.attn.ve_gate`, [batch, tokens, config.nKvHead]] as [string, number[]]]
          : []),
        [`${name}.attn.queries`, ofHeads],
        [`${name}.attn.keys`, ofKeyHeads],
        [`${name}.attn.values`, ofKeyHeads],
        [`${name}.attn.pattern`, [batch, config.nHead, tokens, tokens]],
        [`${name}.attn.output`, ofHeads],
        [`${name}.attn`, stream],
        [`${name}.mlp`, stream],
        [name, stream],
      ];
    }),
    ["backout", stream],
  ];
  assertEquals([...seen].map(([name, { shape }]) => [name, [...shape]]), expected);
});

testOnEveryDevice("watching changes no logit, loss or gradient", async (device) => {
  const model = makeModel(device);
  const ids = makeIds(device);
  const run = async (watch?: (name: string, tensor: Tensor) => void) => {
    using _scope = device.scope();
    const options = watch === undefined ? {} : { watch };
    const logits = noGrad(() => model.forward(ids, undefined, options));
    const loss = model.forward(ids, ids, options);
    loss.backward();
    const gradients = [...model.parameters().values()].map(({ grad }) => grad!);
    const read = await Promise.all([logits, loss, ...gradients].map((each) => each.data()));
    model.zeroGrad();
    return read;
  };
  const plain = await run();
  let calls = 0;
  assertEquals(await run(() => void calls++), plain);
  assert(calls > 0);
});

testOnEveryDevice(
  "watched attention patterns are those of the queries and keys",
  async (device) => {
    const model = makeModel(device);
    using _scope = device.scope();
    const { seen } = noGrad(() => watched(model, makeIds(device)));
    const windows = windowSizes(config);
    assert(windows[0]! < tokens, "no window is shorter than the sequence");
    const group = config.nHead / config.nKvHead;
    for (const layer of [0, 1]) {
      const part = (name: string) => seen.get(`transformer.h.${layer}.attn.${name}`)!.data();
      const [pattern, queries, keys, values, output] = await Promise.all(
        ["pattern", "queries", "keys", "values", "output"].map(part),
      );
      for (let row = 0; row < batch * config.nHead * tokens; row += 37) {
        const i = row % tokens, head = Math.floor(row / tokens) % config.nHead;
        const item = Math.floor(row / tokens / config.nHead);
        const query = ((item * tokens + i) * config.nHead + head) * size;
        const keyAt = (j: number) =>
          ((item * tokens + j) * config.nKvHead + Math.floor(head / group)) * size;
        const powers = Array.from({ length: tokens }, (_, j) => {
          if (j > i || i - j > windows[layer]!) return 0;
          let product = 0;
          for (let d = 0; d < size; d++) product += queries![query + d]! * keys![keyAt(j) + d]!;
          return Math.exp(1.44 * product / Math.sqrt(size));
        });
        const total = powers.reduce((sum, power) => sum + power, 0);
        const weights = powers.map((power) => power / total);
        const got = pattern!.slice(row * tokens, (row + 1) * tokens);
        assertClose(got, weights, `pattern of row ${row}, key`);
        const sum = Array.from(got).reduce((a, b) => a + b, 0);
        assert(Math.abs(sum - 1) <= 1e-5, `row ${row} sums to ${sum}`);
        weights.forEach((weight, j) => weight === 0 && assertEquals(got[j], 0));
        const gathered = Array.from(
          { length: size },
          (_, d) => weights.reduce((sum, weight, j) => sum + weight * values![keyAt(j) + d]!, 0),
        );
        assertClose(output!.slice(query, query + size), gathered, `output of row ${row}, element`);
      }
    }
  },
);

testOnEveryDevice("the residual stream is the sum of what is watched", async (device) => {
  const model = makeModel(device);
  using _scope = device.scope();
  const { seen } = noGrad(() => watched(model, makeIds(device)));
  const [resid, x0] = await Promise.all([model.resid_lambdas.data(), model.x0_lambdas.data()]);
  const read = (name: string) => seen.get(name)!.data();
  const first = await read("transformer.wte");
  let before = first;
  for (let layer = 0; layer < config.nLayer; layer++) {
    const name = `transformer.h.${layer}`;
    const [after, attn, mlp] = await Promise.all([name, `${name}.attn`, `${name}.mlp`].map(read));
    const sum = after!.map((_, i) =>
      resid[layer]! * before[i]! + x0[layer]! * first[i]! + attn![i]! + mlp![i]!
    );
    assertClose(after!, sum, `${name}, element`);
    before = after!;
  }
});

testOnEveryDevice(
  "the head reads any residual stream, the last one as forward does",
  async (device) => {
    const model = makeModel(device);
    using _scope = device.scope();
    const { seen, logits } = noGrad(() => watched(model, makeIds(device)));
    const last = noGrad(() => model.logits(seen.get("backout")!));
    assertEquals(last.shape, logits.shape);
    assertEquals(await last.data(), await logits.data());
    for (const name of ["transformer.wte", "transformer.h.0", "transformer.h.2"]) {
      const lens = await noGrad(() => model.logits(seen.get(name)!)).data();
      assert(lens.every((logit) => Math.abs(logit) <= 15), name);
    }
  },
);

testOnEveryDevice("watching with a cache reports the keys of all tokens", async (device) => {
  const model = makeModel(device);
  using _scope = device.scope();
  const ids = makeIds(device, [1, 12]);
  const { seen: whole } = noGrad(() => watched(model, ids));
  const cache = model.createCache(1, 12);
  noGrad(() => model.forward(ids.slice(1, 0, 11), undefined, { cache }));
  const { seen } = noGrad(() => watched(model, ids.slice(1, 11), { cache }));
  cache.dispose();
  const name = "transformer.h.3.attn.pattern";
  assertEquals(seen.get(name)!.shape, [1, config.nHead, 1, 12]);
  const lastRow = whole.get(name)!.slice(2, 11);
  assertClose(await seen.get(name)!.data(), await lastRow.data(), "weight");
});

fresh.testOnEveryDevice("watched tensors live as long as the caller wants", async (device) => {
  const model = makeModel(device);
  const ids = makeIds(device, [1, 8]);
  const live = device.live;
  const kept = new Map<string, Tensor>();
  {
    using _scope = device.scope();
    const seen = new Map<string, Tensor>();
    noGrad(() =>
      model.forward(ids, undefined, {
        watch: (name, tensor) => {
          if (name === "backout") kept.set(name, tensor.keep());
          else if (name.endsWith("keys")) tensor.dispose();
          else seen.set(name, tensor);
        },
      })
    );
    for (const tensor of seen.values()) await tensor.data();
  }
  const [stream] = kept.values();
  assert((await stream!.data()).some((value) => value !== 0));
  stream!.dispose();
  assertEquals(device.live, live);
});

fresh.testOnEveryDevice("a hundred watched forward passes leak nothing", (device) => {
  const model = makeModel(device);
  const ids = makeIds(device, [1, 8]);
  const live = device.live;
  for (let i = 0; i < 50; i++) {
    using _scope = device.scope();
    noGrad(() => watched(model, ids));
  }
  assertEquals(device.live, live);
  // Without a scope, the caller disposes of them.
  for (let i = 0; i < 50; i++) {
    const { seen, logits } = noGrad(() => watched(model, ids));
    for (const tensor of seen.values()) tensor.dispose();
    logits.dispose();
  }
  assertEquals(device.live, live);
});

gpuTest("watching costs nothing when absent", async (device) => {
  const model = makeModel(device);
  const ids = makeIds(device);
  const measure = async (watch?: (name: string, tensor: Tensor) => void) => {
    let bytes = 0;
    const live = device.memory.liveBytes;
    const profile = await device.profile(() => {
      const options = watch === undefined ? {} : { watch };
      const logits = noGrad(() => model.forward(ids, undefined, options));
      bytes = device.memory.liveBytes - live;
      logits.dispose();
    });
    const kernels = profileRows(profile).map(({ name, calls }) => `${calls} ${name}`).sort();
    return { kernels, bytes, peak: device.memory.peakBytes };
  };
  await measure();
  const plain = await measure();
  assertEquals(plain.bytes, 4 * batch * tokens * config.vocabSize);
  assert(plain.kernels.every((kernel) => !kernel.includes("softmax")), `${plain.kernels}`);
  // Only the patterns are computed for the callback, and only tensors it keeps stay.
  const shown = await measure((_, tensor) => tensor.dispose());
  const more = shown.kernels.filter((kernel) => !plain.kernels.includes(kernel));
  assert(more.includes(`${config.nLayer} attention softmax`), `${more}`);
  assertEquals(shown.bytes, plain.bytes);
  assert(shown.peak > plain.peak);
  // An unwatched pass computes none of it.
  assertEquals((await measure()).kernels, plain.kernels);
});

testOnEveryDevice("with lastOnly there are logits of the last token alone", async (device) => {
  using _scope = device.scope();
  const model = makeModel(device);
  const ids = makeIds(device, [2, 7]);
  const all = model.forward(ids);
  const last = model.forward(ids, undefined, { lastOnly: true });
  assertEquals(last.shape, [2, 1, config.vocabSize]);
  assertClose(await last.data(), await all.slice(1, -1).data(), "logits");
  assertThrows(() => model.forward(ids, ids, { lastOnly: true }), TypeError, "wanted no targets");
});
