import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { attention, type Device, openDevice, rmsNorm, Tensor } from "../tensor/mod.ts";
import type { Matrix } from "./attention.ts";
import { type BlockParts, ferns, throughBlock, wholeBlock } from "./block.ts";

/** The stream after each part, and the shares of the next words, by the library's operations. */
async function byLibrary(device: Device, parts: BlockParts) {
  const { inputs, weights } = ferns;
  const of = (matrix: Matrix) => Tensor.from(device, matrix);
  const norm = (x: Tensor) => parts.norm ? rmsNorm(x) : x;
  const last = async (x: Tensor) => [...await x.slice(0, -1).contiguous().data()].map(Number);
  let x = of(inputs);
  const stream = [await last(x)];
  const next = [await last(norm(x).matmul(of(weights.next)).softmax())];
  const heads = (weight: Matrix) => norm(x).matmul(of(weight)).reshape([1, 4, 2, 2]);
  const [q, k, v] = [weights.query, weights.key, weights.value].map(heads);
  const read = attention(q!, k!, v!).reshape([4, 4]).matmul(of(weights.projection));
  if (parts.attention) x = x.add(read);
  stream.push(await last(x));
  next.push(await last(norm(x).matmul(of(weights.next)).softmax()));
  const neurons = norm(x).matmul(of(weights.up));
  const active = parts.square ? neurons.reluSquared() : neurons.relu();
  if (parts.mlp) x = x.add(active.matmul(of(weights.down)));
  stream.push(await last(x));
  next.push(await last(norm(x).matmul(of(weights.next)).softmax()));
  return { stream, next, neurons: [await last(neurons), await last(active)] };
}

Deno.test("a block in numbers is the library's operations, with each part on and off", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    const names = Object.keys(wholeBlock) as (keyof BlockParts)[];
    for (let bits = 0; bits < 16; bits++) {
      const parts = Object.fromEntries(
        names.map((name, i) => [name, (bits >> i) % 2 === 1]),
      ) as Record<keyof BlockParts, boolean>;
      const wanted = await byLibrary(device, parts);
      const got = throughBlock(parts);
      for (const name of ["stream", "next", "neurons"] as const) {
        const [all, others] = [got[name].flat(), wanted[name].flat()];
        assertEquals(all.length, others.length);
        all.forEach((x, i) => assertAlmostEquals(x, others[i]!, 1e-4, `${name} ${i} of ${bits}`));
      }
    }
  } finally {
    await device.close();
  }
});

Deno.test("each part of the block changes what comes next, and squares are what knows both", () => {
  const likeliest = (parts: Partial<BlockParts>) => {
    const shares = throughBlock({ ...wholeBlock, ...parts }).next[2];
    return ferns.next[shares.indexOf(Math.max(...shares))];
  };
  assertEquals(likeliest({}), "sleeps");
  assertEquals(likeliest({ attention: false, mlp: false }), "is");
  assertEquals(likeliest({ mlp: false }), "roars");
  assertEquals(likeliest({ attention: false }), "is");
  // ReLU alone adds animal and deed, and takes both away again.
  assertEquals(likeliest({ square: false }), "roars");
  assertAlmostEquals(throughBlock({ ...wholeBlock, square: false }).added[1][4]!, 0, 1e-12);
  // Without norms attention reads the small numbers of the embeddings, and is less sure.
  const animal = (norm: boolean) => throughBlock({ ...wholeBlock, norm }).added[0][0]!;
  assert(animal(false) < 0.5 * animal(true));
});
