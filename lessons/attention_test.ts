import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { attention, attentionPattern, openDevice, Tensor } from "../tensor/mod.ts";
import {
  attend,
  type AttentionWeights,
  fourWords,
  type HeadTrace,
  type Matrix,
  softmax,
} from "./attention.ts";
import { inductionHead } from "./induction.ts";

/** All numbers of a layer, computed by the library. */
async function byLibrary(inputs: Matrix, weights: AttentionWeights, heads: number) {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    const x = Tensor.from(device, inputs);
    const project = (weight: Matrix) =>
      x.matmul(Tensor.from(device, weight)).reshape([1, inputs.length, heads, -1]);
    const [q, k, v] = [weights.query, weights.key, weights.value].map(project) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const read = async (tensor: Tensor) => [...await tensor.data()].map(Number);
    // Queries, keys and values head by head.
    const byHead = (tensor: Tensor) => read(tensor.transpose(1, 2).contiguous());
    return {
      queries: await byHead(q),
      keys: await byHead(k),
      values: await byHead(v),
      scores: await read(q.transpose(1, 2).matmul(k.transpose(1, 2), { transposeB: true })),
      pattern: await read(attentionPattern(q, k)),
      output: await read(attention(q, k, v)),
    };
  } finally {
    await device.close();
  }
}

/** The output of a head, from its queries, keys and values. */
async function outputByLibrary({ queries, keys, values }: HeadTrace): Promise<number[]> {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    // The operation wants all of one size: zeros change no product.
    const size = Math.max(queries[0]!.length, values[0]!.length);
    const of = (matrix: Matrix) =>
      Tensor.from(
        device,
        matrix.flatMap((row) => [...row, ...Array(size - row.length).fill(0)]),
        { shape: [1, matrix.length, 1, size] },
      );
    const scale = 1 / Math.sqrt(queries[0]!.length);
    const output = attention(of(queries), of(keys), of(values), { scale });
    return [...await output.slice(-1, 0, values[0]!.length).contiguous().data()].map(Number);
  } finally {
    await device.close();
  }
}

function assertClose(got: readonly number[], wanted: readonly number[], what: string): void {
  assertEquals(got.length, wanted.length, what);
  got.forEach((x, i) => assertAlmostEquals(x, wanted[i]!, 1e-5, `${what} ${i}`));
}

for (const heads of [1, 2, 4]) {
  Deno.test(`attention in numbers is the library's attention, with ${heads} heads`, async () => {
    const others: AttentionWeights = {
      query: [[1, -2, 0.5, 3], [0, 1, 2, -1], [2, 2, -3, 0], [-1, 0.3, 1, 1]],
      key: [[0.2, 1, 1, -1], [3, 0, -2, 1], [1, 1, 0, 2], [-2, 1, 1, 0.5]],
      value: [[1, 2, 3, 4], [-1, 0, 1, 0], [2, -2, 2, -2], [0, 0, 5, 1]],
    };
    for (const weights of [fourWords.weights, others]) {
      const wanted = await byLibrary(fourWords.inputs, weights, heads);
      const { heads: traces, output } = attend(fourWords.inputs, weights, heads);
      for (const name of ["queries", "keys", "values", "scores", "pattern"] as const) {
        assertClose(traces.flatMap((trace) => trace[name].flat()), wanted[name], name);
      }
      assertClose(output.flat(), wanted.output, "output");
      for (const { scores, masked } of traces) {
        const divided = scores.map((row, i) =>
          row.map((score, j) => j <= i ? score / Math.sqrt(4 / heads) : -Infinity)
        );
        assertEquals(masked, divided);
      }
    }
  });
}

Deno.test("one head shares its attention, two heads have one each", () => {
  const last = (heads: number) =>
    attend(fourWords.inputs, fourWords.weights, heads).heads
      .map(({ pattern }) => pattern[3]!.map((share) => share.toFixed(2)));
  assertEquals(last(1), [["0.36", "0.49", "0.06", "0.09"]]);
  assertEquals(last(2).map(([rex, ate]) => [rex, ate]), [["0.78", "0.05"], ["0.03", "0.90"]]);
});

Deno.test("attention refuses shapes that do not fit", () => {
  const { inputs, weights } = fourWords;
  assertThrows(() => attend(inputs, weights, 3), RangeError, "columns for 3 heads, got 4 rows");
  assertThrows(
    () => attend(inputs, { ...weights, key: [[1]] }),
    RangeError,
    "wanted key weights of 4 rows",
  );
});

Deno.test("softmax of large scores does not overflow, and −∞ has a share of 0", () => {
  assertEquals(softmax([1000, -Infinity, 1000]), [0.5, 0, 0.5]);
});

Deno.test("the induction head copies what came after the last equal letter, by the library, too", async () => {
  for (const [text, wanted] of [["dinodi", "n"], ["abcab", "c"], ["aab", null], ["aaa", "a"]]) {
    const { letters, alphabet, stream, previous, written, induction } = inductionHead(text!);
    const shares = induction.output.at(-1)!;
    const best = alphabet[shares.indexOf(Math.max(...shares))]!;
    assertEquals(best, wanted ?? "•", text!);
    assert(Math.max(...shares) > 0.9, `${text}: ${shares}`);
    assertEquals(letters.length, text!.length + 1);
    // Every letter but the first one reads the one before it.
    previous.heads[0]!.pattern.forEach((row, i) => assert(row[Math.max(0, i - 1)]! > 0.99));
    assertEquals(written.map((row) => row.length), stream.map((row) => row.length));
    for (const { heads: [head], output } of [previous, induction]) {
      assertClose(output.flat(), await outputByLibrary(head!), text!);
    }
  }
  // The latest of several counts: after the last “ab” came “d”.
  const { alphabet, induction } = inductionHead("abcabdab");
  assert(induction.output.at(-1)![alphabet.indexOf("d")]! > 0.9);
  assertThrows(() => inductionHead(""), RangeError, "wanted a letter");
});
