import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../../testing/every_device.ts";
import { attention, attentionPattern, noGrad, normal } from "../../mod.ts";

/** Sizes and masks: grouped heads, windows, queries at the end of many keys, keys beyond the query. */
const cases = [
  { batch: 2, queries: 7, keys: 7, heads: 4, keyHeads: 4, window: -1, causal: true },
  { batch: 2, queries: 70, keys: 70, heads: 4, keyHeads: 2, window: 5, causal: true },
  { batch: 1, queries: 3, keys: 40, heads: 6, keyHeads: 2, window: -1, causal: true },
  { batch: 1, queries: 1, keys: 9, heads: 2, keyHeads: 1, window: 0, causal: true },
  { batch: 1, queries: 9, keys: 6, heads: 2, keyHeads: 2, window: 2, causal: false },
];

testOnEveryDevice(
  "the attention pattern is that of a reference in double precision",
  async (device) => {
    for (const { batch, queries, keys, heads, keyHeads, window, causal } of cases) {
      using _scope = device.scope();
      const size = 16, scale = 0.4;
      const q = normal(device, [batch, queries, heads, size], { seed: 1 });
      const k = normal(device, [batch, keys, keyHeads, size], { seed: 2 });
      const pattern = attentionPattern(q, k, { window, causal, scale });
      assertEquals(pattern.shape, [batch, heads, queries, keys]);
      const [weights, a, b] = await Promise.all([pattern.data(), q.data(), k.data()]);
      for (let row = 0; row < batch * heads * queries; row++) {
        const [i, head] = [row % queries, Math.floor(row / queries) % heads];
        const item = Math.floor(row / (queries * heads));
        const position = keys - queries + i;
        const keyHead = Math.floor(head / (heads / keyHeads));
        const powers = Array.from({ length: keys }, (_, j) => {
          const isVisible = (!causal || j <= position) && (window < 0 || position - j <= window);
          if (!isVisible) return 0;
          let product = 0;
          for (let d = 0; d < size; d++) {
            product += a[((item * queries + i) * heads + head) * size + d]! *
              b[((item * keys + j) * keyHeads + keyHead) * size + d]!;
          }
          return Math.exp(scale * product);
        });
        const sum = powers.reduce((total, power) => total + power, 0);
        let total = 0;
        for (let j = 0; j < keys; j++) {
          const got = weights[row * keys + j]!;
          total += got;
          const wanted = sum === 0 ? 0 : powers[j]! / sum;
          assert(
            Math.abs(got - wanted) <= 1e-5,
            `row ${row}, key ${j}: wanted ${wanted}, got ${got}`,
          );
          if (powers[j] === 0) assertEquals(got, 0);
        }
        assert(sum === 0 || Math.abs(total - 1) <= 1e-5, `row ${row} sums to ${total}`);
      }
    }
  },
);

testOnEveryDevice("attention is the values, weighted by the attention pattern", async (device) => {
  using _scope = device.scope();
  const make = (heads: number, seed: number) => normal(device, [2, 33, heads, 16], { seed });
  const [q, k, v] = [make(4, 1), make(2, 2), make(2, 3)];
  for (const options of [{}, { window: 6 }, { causal: false }, { scale: 1.3 }]) {
    const pattern = noGrad(() => attentionPattern(q, k, options));
    const values = v.transpose(1, 2).unsqueeze(2).expand([2, 2, 2, 33, 16]).reshape([2, 4, 33, 16]);
    const composed = await pattern.matmul(values).transpose(1, 2).contiguous().data();
    const wanted = await attention(q, k, v, options).data();
    wanted.forEach((value, i) => assert(Math.abs(value - composed[i]!) <= 1e-5, `element ${i}`));
  }
});
