import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import type { KVCache } from "../model/kv_cache.ts";
import { GPT } from "../model/model.ts";
import { decodeSequences } from "./decode_sequences.ts";
import { forkCache } from "./fork_cache.ts";

const prompts = [[7], [3, 9, 27, 40, 11, 5], [8, 8, 1], [60, 2, 31, 4, 4, 19, 33, 0, 12, 6]];

/** A model whose every part matters. */
function openModel(device: Device): GPT {
  const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 3, nHead: 2, nKvHead: 1, nEmbd: 32 };
  const model = new GPT({ ...shape, windowPattern: "SL" }, device, { seed: 1 });
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lm_head|smear_lambda|ve_gate/.test(name)) continue;
    parameter.assign(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 7) / 2));
  }
  return model;
}

function prefill(model: GPT, ids: readonly number[], capacity = 20): KVCache {
  const cache = model.createCache(1, capacity);
  noGrad(() => {
    using _scope = model.device.scope();
    const tokens = Tensor.from(model.device, [ids], { dtype: "int32" });
    model.forward(tokens, undefined, { cache });
  });
  return cache;
}

async function logitsAfter(model: GPT, caches: KVCache[], ids: number[]): Promise<Float32Array[]> {
  const logits = noGrad(() => {
    using scope = model.device.scope();
    const tokens = Tensor.from(model.device, ids.map((id) => [id]), { dtype: "int32" });
    return scope.keep(decodeSequences(model, tokens, caches));
  });
  const values = await logits.data() as Float32Array;
  logits.dispose();
  return ids.map((_, i) => values.slice(i * 64, (i + 1) * 64));
}

testOnEveryDevice(
  "chunks of several sequences are computed as each would be alone",
  async (device) => {
    const model = openModel(device);
    const all = [...prompts, [5, 6, 7, 8, 9, 10, 11, 12]];
    const caches = all.map(() => model.createCache(1, 20));
    const own = all.map(() => model.createCache(1, 20));
    // One after the other sequence joins, with chunks of its own length.
    const rounds = [[1, 2, 3, 4, 3], [0, 1, 0, 5, 1], [0, 3, 0, 1, 4]];
    for (const counts of rounds) {
      using _scope = device.scope();
      const taking = counts.flatMap((count, i) => count > 0 ? [i] : []);
      const chunks = taking.map((i) => {
        const { position } = caches[i]!;
        return all[i]!.slice(position, position + counts[i]!);
      });
      const ids = Tensor.from(device, chunks.flat().map((id) => [id]), { dtype: "int32" });
      const sizes = chunks.map(({ length }) => length);
      const logits = noGrad(() =>
        decodeSequences(model, ids, taking.map((i) => caches[i]!), sizes)
      );
      assertEquals(logits.shape, [taking.length, 1, 64]);
      const values = await logits.data();
      for (const [row, i] of taking.entries()) {
        const alone = noGrad(() =>
          model.forward(Tensor.from(device, [chunks[row]!], { dtype: "int32" }), undefined, {
            cache: own[i]!,
            lastOnly: true,
          })
        );
        const wanted = await alone.data();
        wanted.forEach((value, token) =>
          assertAlmostEquals(values[row * 64 + token]!, value, 1e-5, `sequence ${i}, ${token}`)
        );
      }
    }
    assertEquals(caches.map(({ position }) => position), own.map(({ position }) => position));
  },
);

testOnEveryDevice(
  "sequences at different positions are decoded as each would be alone",
  async (device) => {
    const model = openModel(device);
    const caches = prompts.map((prompt) => prefill(model, prompt));
    const own = prompts.map((prompt) => prefill(model, prompt));
    for (let step = 0; step < 3; step++) {
      const ids = prompts.map((_, i) => (i * 13 + step * 5) % 64);
      const together = await logitsAfter(model, caches, ids);
      for (const [i, id] of ids.entries()) {
        const [alone] = await logitsAfter(model, [own[i]!], [id]);
        alone!.forEach((value, token) =>
          assertAlmostEquals(together[i]![token]!, value, 1e-5, `sequence ${i}, token ${token}`)
        );
      }
    }
    assertEquals(caches.map(({ position }) => position), prompts.map(({ length }) => length + 3));
  },
);

testOnEveryDevice(
  "several sequences of one cache are decoded beside others as each would be alone",
  async (device) => {
    const model = openModel(device);
    const [first, second, third] = [prompts[1]!, prompts[2]!, prompts[0]!];
    const wide = model.createCache(3, 20);
    wide.copyFrom(prefill(model, second));
    let caches = [prefill(model, first), wide, prefill(model, third)];
    let own = [first, second, second, second, third].map((prompt) => prefill(model, prompt));
    const check = async (step: number) => {
      const ids = own.map((_, i) => (i * 13 + step * 5) % 64);
      const together = await logitsAfter(model, caches, ids);
      for (const [i, id] of ids.entries()) {
        const [alone] = await logitsAfter(model, [own[i]!], [id]);
        alone!.forEach((value, token) =>
          assertAlmostEquals(together[i]![token]!, value, 1e-5, `sequence ${i}, token ${token}`)
        );
      }
    };
    await check(0);
    await check(1);
    // The first and the last of the three go on, in the other order.
    const fewer = model.createCache(2, 12);
    fewer.copyFrom(wide, wide.position, [2, 0]);
    caches = caches.with(1, fewer);
    own = [own[0]!, own[3]!, own[1]!, own[4]!];
    await check(2);
    assertEquals(caches.map(({ position }) => position), [9, 6, 4]);
    // Alone, they are a batch as any other.
    [caches, own] = [[fewer], [own[1]!, own[2]!]];
    await check(3);
  },
);

testOnEveryDevice(
  "a fork of a cache continues as if it had read its tokens itself",
  async (device) => {
    const model = openModel(device);
    const long = prompts[3]!;
    const source = prefill(model, long);
    for (const count of [1, 4, long.length]) {
      const fork = forkCache(model, source, long.slice(0, count), 30);
      const [got] = await logitsAfter(model, [fork], [5]);
      const [wanted] = await logitsAfter(model, [prefill(model, long.slice(0, count))], [5]);
      got!.forEach((value, token) => assertAlmostEquals(value, wanted![token]!, 1e-5));
      assertEquals([fork.position, source.position], [count + 1, long.length]);
    }
  },
);

testOnEveryDevice("caches that do not fit are refused", (device) => {
  const model = openModel(device);
  const cache = prefill(model, [1, 2, 3]);
  const ids = Tensor.from(device, [[1], [2]], { dtype: "int32" });
  assertThrows(() => decodeSequences(model, ids, [cache]), RangeError, "2 in all, got 1");
  assertThrows(() => decodeSequences(model, ids, [cache], [1, 1]), RangeError, "of 2 counts");
  for (const counts of [[2], [1, 0], [2, 1], [0.5, 1.5]]) {
    const others = counts.map(() => cache);
    assertThrows(
      () => decodeSequences(model, ids.slice(0, 0, 1), others, counts),
      RangeError,
      "1 in all",
    );
  }
  const wide = model.createCache(2, 4);
  assertThrows(() => decodeSequences(model, ids, [cache, wide]), RangeError, "got 1 + 2");
  assertThrows(() => decodeSequences(model, ids, [wide], [2]), RangeError, "got 1 of 2");
  assertThrows(() => forkCache(model, cache, [1, 2, 3, 4], 9), RangeError, "1 to 3 tokens");
  assertThrows(() => forkCache(model, cache, [], 9), RangeError, "after 0 tokens");
  assertThrows(() => forkCache(model, cache, [1, 2], 1), RangeError, "1 to 1 tokens");
});
