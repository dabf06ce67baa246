import { assertEquals, assertRejects } from "@std/assert";
import {
  bytesSource,
  type GgufFile,
  openGguf,
  pathSource,
  type TensorToWrite,
  writeGguf,
} from "../interchange/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { cpuTest } from "../testing/every_device.ts";
import { hasGolden } from "../testing/golden.ts";
import { openGgufModel, toGguf } from "./gguf_model.ts";
import { GPT2 } from "./mod.ts";
import { tensorsToWrite } from "./weights.ts";

const sizes = { sequenceLen: 4, layers: 1, heads: 1, mlpWidth: 32, epsilon: 1e-5 };

/** A GPT-2 whose embedding has more rows than are compared at once. */
const large = { ...sizes, vocabSize: 1100, width: 32 };

/** The embedding of a model as it is written in a type. */
function embeddingOf(model: GPT2, type: string): TensorToWrite {
  const { layout } = toGguf(model)!;
  return tensorsToWrite(model, layout, () => type).get("token_embd.weight")!;
}

/** A file of a model in float32, with an embedding and a head of its own. */
async function fileWith(
  model: GPT2,
  embedding: TensorToWrite,
  head: TensorToWrite,
): Promise<GgufFile> {
  const { facts, layout } = toGguf(model)!;
  const tensors = tensorsToWrite(model, layout, () => "F32");
  tensors.set("token_embd.weight", embedding).set("output.weight", head);
  const content = new Response(ReadableStream.from(writeGguf(facts, tensors)));
  const bytes = new Uint8Array(await content.arrayBuffer());
  return await openGguf(bytesSource(bytes, "test.gguf"));
}

/** The model with the embedding changed. */
async function changed(
  model: GPT2,
  device: Device,
  change: (value: number, index: number) => number,
): Promise<GPT2> {
  const other = new GPT2(model.config, device);
  const values = Float32Array.from(await model.wte.weight.data());
  other.wte.weight.assign(values.map(change));
  return other;
}

cpuTest("GPT-2's head in a GGUF file may be its embedding, in any type", async (device) => {
  const model = new GPT2(large, device);
  const types = ["F32", "F16", "BF16", "Q8_0", "Q4_0"];
  for (const [type, other] of types.flatMap((type) => types.map((other) => [type, other]))) {
    const gguf = await fileWith(model, embeddingOf(model, type!), embeddingOf(model, other!));
    const opened = await openGgufModel("test.gguf", gguf, device);
    const values = await gguf.tensors.get("token_embd.weight")!.float32();
    assertEquals(await opened.parameters().get("wte.weight")!.data(), values);
  }
});

cpuTest("GPT-2's head in a GGUF file must not be another", async (device) => {
  const model = new GPT2(large, device);
  const last = 32 * large.vocabSize - 1;
  const [slightly, inOneRow, withNaN] = [
    await changed(model, device, (value, i) => i === last ? value + 1e-3 : value),
    await changed(model, device, (value, i) => i >= last - 31 ? -value : value),
    await changed(model, device, (value, i) => i === last ? NaN : value),
  ];
  const unrelated = new GPT2({ ...large, vocabSize: 1099 }, device);
  for (
    const [other, type, headType, got] of [
      [slightly, "F32", "F32", "that differs in row 1099"],
      [inOneRow, "F32", "F32", "that differs in row 1099"],
      [inOneRow, "F16", "Q8_0", "that differs in row 1099"],
      [inOneRow, "Q4_0", "Q8_0", "that differs in row 1099"],
      [withNaN, "BF16", "F32", "that differs in row 1099"],
      [unrelated, "F32", "F32", "of [1099,32] for [1100,32]"],
    ] as const
  ) {
    const gguf = await fileWith(model, embeddingOf(model, type), embeddingOf(other, headType));
    const error = await assertRejects(
      () => openGgufModel("test.gguf", gguf, device),
      SyntaxError,
    );
    const wanted = "wanted the head to be the embedding, as GPT-2's is";
    assertEquals(error.message, `Cannot read test.gguf: ${wanted}, got an output.weight ${got}`);
  }
});

if (hasGolden) {
  cpuTest("heads are the embedding in each type in which llama.cpp has them", async (device) => {
    const path = new URL("../../shared/golden/interchange/gguf/types.gguf", import.meta.url);
    const { tensors } = await openGguf(await pathSource(path.pathname));
    // The same numbers in every type.
    const all = [...tensors.values()].filter(({ type }) => type.unpack !== undefined);
    const stored = (name: string): TensorToWrite => {
      const tensor = all.find(({ type }) => type.name === name)!;
      return { type: name, shape: tensor.shape, bytes: () => tensor.bytes() };
    };
    const model = new GPT2({ ...sizes, vocabSize: 6, width: 256 }, device);
    for (const { type } of all) {
      for (const head of ["Q6_K", "Q4_0"]) {
        const gguf = await fileWith(model, stored(type.name), stored(head));
        await openGgufModel("test.gguf", gguf, device);
      }
    }
  });
}
