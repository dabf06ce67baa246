import { assert, assertEquals, assertThrows } from "@std/assert";
import { listSource } from "./list_source.ts";
import type { Loader } from "./loader.ts";
import { PackedLoader, type PackedState } from "./packed_loader.ts";
import { RandomCropLoader, type RandomCropState } from "./random_crop_loader.ts";
import { SharedLoader } from "./share.ts";

const encoder = {
  encode: (text: string) => [...new TextEncoder().encode(text)],
  bos: 256,
  vocabSize: 257,
};
const documents = Array.from({ length: 40 }, (_, i) => `document ${i} `.repeat(1 + i % 5));
const source = listSource("documents", documents, 2);
const batch = { seed: 3, batchSize: 2, sequenceLength: 16 };

type Open = (state?: unknown) => Promise<Loader<unknown>>;

const loaders: Record<string, Open> = {
  packed: async (state) =>
    await PackedLoader.open({
      split: await source.open("train"),
      encoder,
      ...batch,
      ...(state === undefined ? {} : { state: state as PackedState }),
    }),
  random: (state) =>
    Promise.resolve(
      new RandomCropLoader({
        tokens: Int32Array.from({ length: 500 }, (_, i) => i),
        ...batch,
        ...(state === undefined ? {} : { state: state as RandomCropState }),
      }),
    ),
};

for (const [name, open] of Object.entries(loaders)) {
  Deno.test(`ranks share the batches of one ${name} loader, resumed on any number of ranks`, async () => {
    const steps = 4;
    const perStep = 4;
    const one = await open();
    const wanted: string[] = [];
    for (let i = 0; i < 4 * steps * perStep; i++) wanted.push(`${(await one.take()).inputs}`);

    const got: string[] = [];
    let state: unknown;
    for (const [part, ranks] of [4, 2, 1, 4].entries()) {
      const states = new Set<string>();
      for (let rank = 0; rank < ranks; rank++) {
        const loader = new SharedLoader(await open(state), { rank, ranks });
        let last: unknown;
        for (let i = 0; i < steps * perStep / ranks; i++) {
          const { inputs, state } = await loader.take();
          got[part * steps * perStep + i * ranks + rank] = `${inputs}`;
          last = state;
        }
        states.add(JSON.stringify(last));
      }
      assertEquals(states.size, 1, "expected one state on all ranks");
      state = JSON.parse([...states][0]!);
    }
    assertEquals(got, wanted);
    assert(new Set(wanted).size > steps * perStep, "expected different batches");
  });
}

Deno.test("a rank that is not below the number of ranks has no share", async () => {
  const loader = await loaders["random"]!();
  assertThrows(
    () => new SharedLoader(loader, { rank: 2, ranks: 2 }),
    RangeError,
    "wanted a rank from 0 to below the number of ranks, got 2 of 2",
  );
});
