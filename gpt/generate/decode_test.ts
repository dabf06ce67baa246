import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { float16Test } from "../../testing/gpu.ts";
import { copyInto, type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import { openDevice } from "../mod.ts";
import { GPT, type GPTOptions } from "../model/model.ts";

const base = {
  sequenceLen: 24,
  vocabSize: 61,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 32,
  windowPattern: "SL",
};

/** A model without zero weights: some start at zero. */
function makeModel(device: Device, config = base, options: GPTOptions = {}): GPT {
  const model = new GPT(config, device, { seed: 7, ...options });
  let salt = 1;
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lambda|gate|lm_head/.test(name)) continue;
    salt++;
    parameter.assign(
      Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 1.7 + salt) * 0.5),
    );
  }
  return model;
}

/** The largest difference between fused steps and plain forward passes. */
async function largestDifference(
  model: GPT,
  batch: number,
  prompt: number,
): Promise<number> {
  const { device, config: { vocabSize } } = model;
  const ids = (tokens: number, seed: number) =>
    Tensor.from(
      device,
      Int32Array.from({ length: batch * tokens }, (_, i) => (i * 31 + seed * 17) % vocabSize),
      { shape: [batch, tokens] },
    );
  const caches = [model.createCache(batch, prompt + 6), model.createCache(batch, prompt + 6)];
  const [fused, plain] = caches as [typeof caches[0], typeof caches[0]];
  let largest = 0;
  for (const cache of caches) {
    if (prompt > 0) noGrad(() => model.forward(ids(prompt, 0), undefined, { cache }));
  }
  for (let i = 1; i <= 6; i++) {
    using _scope = device.scope();
    const got = noGrad(() => model.decode(ids(1, i), [fused!]));
    const wanted = noGrad(() => model.forward(ids(1, i), undefined, { cache: plain! }));
    assertEquals(got.shape, wanted.shape);
    const [values, expected] = await Promise.all([got.data(), wanted.data()]);
    expected.forEach((value, j) => largest = Math.max(largest, Math.abs(value - values[j]!)));
    assert([...expected].some((value) => Math.abs(value) > 0.1), "the logits are near zero");
  }
  for (const cache of caches) cache.dispose();
  return largest;
}

testOnEveryDevice("the fused decoding step equals the plain forward pass", async (device) => {
  for (
    const config of [base, { ...base, nKvHead: 4, windowPattern: "L" }, { ...base, nLayer: 2 }]
  ) {
    const model = makeModel(device, config);
    // One, 3 and 16 sequences, since skinny matmuls have kernels of their own on a GPU.
    for (const [batch, prompt] of [[1, 5], [3, 2], [16, 3], [2, 0]] as const) {
      const difference = await largestDifference(model, batch, prompt);
      assert(difference <= 1e-5, `batch ${batch}, prompt ${prompt}: off by ${difference}`);
    }
  }
});

testOnEveryDevice("a cache is read only where tokens were written", async (device) => {
  const model = makeModel(device);
  const ids = (list: number[][]) => Tensor.from(device, list, { dtype: "int32" });
  const runs = [false, true].map((isPoisoned) => {
    const cache = model.createCache(1, 20);
    for (let layer = 0; isPoisoned && layer < base.nLayer; layer++) {
      const { keys, values } = cache.buffers(layer);
      for (const each of [keys, values]) copyInto(Tensor.full(device, each.shape, NaN), each);
    }
    return noGrad(() => [
      model.forward(ids([[1, 2, 3, 4, 5, 6, 7]]), undefined, { cache }),
      model.decode(ids([[8]]), [cache]),
      model.decode(ids([[9], [10]]), [cache], [2]),
    ]);
  });
  const [wanted, got] = await Promise.all(
    runs.map((run) => Promise.all(run.map((logits) => logits.data()))),
  );
  assertEquals(got, wanted);
});

Deno.test("a long cache is made without touching its memory", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const model = makeModel(device);
  const { events } = await device.profile(() => model.createCache(1, 200).dispose());
  const bytes = events.reduce((sum, event) => sum + (event.bytes ?? 0), 0);
  // Zeros take the place of what comes before the first token: they are filled, read and written.
  assertEquals(bytes, 3 * 4 * base.nEmbd);
  await device.close();
});

float16Test(
  "the fused decoding step equals the plain forward pass in half precision",
  async (device) => {
    const model = makeModel(device, base, { computeDtype: "float16" });
    const difference = await largestDifference(model, 2, 4);
    assert(difference <= 0.05, `off by ${difference}`);
  },
);

testOnEveryDevice("a decoding step refuses what the model refuses", (device) => {
  const model = makeModel(device);
  const cache = model.createCache(1, 8);
  for (const id of [-1, 61, 63]) {
    const ids = Tensor.from(device, [[id]], { dtype: "int32" });
    const errors = [
      () => model.decode(ids, [cache]),
      () => model.forward(ids, undefined, { cache }),
    ].map(
      (run) => {
        try {
          run();
          return "nothing";
        } catch (error) {
          return String(error);
        }
      },
    );
    assertEquals(errors[0], errors[1]);
    assert(errors[0] !== "nothing");
  }
  assertEquals(cache.position, 0);
});
