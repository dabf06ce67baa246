import { assert, assertEquals, assertRejects } from "@std/assert";
import { Engine, type TrainableModel } from "../gpt/mod.ts";
import { openGguf, pathSource } from "../interchange/mod.ts";
import { parameterBytes, quantizeModule } from "../nn/mod.ts";
import {
  type Device,
  noGrad,
  openDevice,
  quantize,
  QuantizedMatrix,
  readSafetensors,
  Tensor,
} from "../tensor/mod.ts";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { gpuTest } from "../testing/gpu.ts";
import { goldenTest, hasGolden, readGoldenJson, relativeDeviation } from "../testing/golden.ts";
import { openPretrained } from "./mod.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url);
const pathOf = (name: string) => new URL(name, golden).pathname;
const tensorsOf = (name: string) => readSafetensors(Deno.readFileSync(pathOf(name)));

const TYPES = [["q8", "Q8_0"], ["q4", "Q4_0"]] as const;

function idsOf(device: Device): Tensor {
  const { data, shape } = tensorsOf("gguf/expected.safetensors").get("ids") ??
    tensorsOf("hf-llama/expected.safetensors").get("ids")!;
  return Tensor.from(device, Int32Array.from(data as ArrayLike<number>), { shape });
}

const wantedLogits = (type: string) => {
  const all = tensorsOf("gguf/expected.safetensors");
  return all.get([...all.keys()].find((key) => key.toLowerCase() === `logits.${type}`)!)!;
};

const packedNames = (model: TrainableModel) =>
  [...model.parameters()].flatMap(([name, each]) =>
    each instanceof QuantizedMatrix ? [`${name} ${each.packing}`] : []
  );

if (hasGolden) {
  testOnEveryDevice("packed numbers are ggml's, to the byte", async (device) => {
    const { tensors } = await openGguf(await pathSource(pathOf("gguf/types.gguf")));
    const { shape, data } = tensorsOf("gguf/expected.safetensors").get("types.source")!;
    const source = Tensor.from(device, data as Float32Array<ArrayBuffer>, { shape });
    for (const [packing, type] of TYPES) {
      const stored = [...tensors.values()].find((each) => each.type.name === type)!;
      const bytes = await stored.bytes();
      assertEquals(await quantize(source, packing).blocks(), bytes, type);
      // Taken over and given back.
      const matrix = QuantizedMatrix.allocate(device, packing, shape);
      matrix.assignBlocks(bytes);
      assertEquals(await matrix.blocks(), bytes, type);
      const [unpacked, wanted] = [await matrix.unpack().data(), await stored.float32()];
      assertEquals([...unpacked], [...wanted], type);
    }
  });

  for (const [packing, type] of TYPES) {
    const name = `llama-${type.toLowerCase()}`;

    testOnEveryDevice(
      `${name}: packed logits are near those of the unpacked weights`,
      async (device) => {
        const file = pathOf(`gguf/${name}.gguf`);
        const { model } = await openPretrained(file, device, { packing });
        assert(packedNames(model).length > 10);
        // Every matrix has the blocks of the file.
        const { tensors } = await openGguf(await pathSource(file));
        const embedding = model.parameters().get("model.embed_tokens.weight") as QuantizedMatrix;
        assertEquals(await embedding.blocks(), await tensors.get("token_embd.weight")!.bytes());

        const { shape, data } = wantedLogits(type.toLowerCase());
        const ids = idsOf(device);
        const plain = noGrad(() => model.forward(ids));
        assertEquals(plain.shape, shape);
        const off = relativeDeviation(await plain.data(), data as Float32Array);
        assert(off <= 0.04, `${name}: off by ${off} of the largest`);

        // Token by token, each sequence in a cache of its own, and then all of them together.
        const [batch, length] = ids.shape as [number, number];
        const rows: Float32Array[] = [];
        noGrad(() => {
          const caches = Array.from({ length: batch }, () => model.createCache(1, length));
          for (let at = 0; at < length; at++) {
            rows.push(model.decode!(ids.slice(1, at, at + 1), caches) as never);
          }
        });
        const decoded = await Promise.all(rows.map((each) => (each as unknown as Tensor).data()));
        const vocabulary = shape.at(-1)!;
        const together = new Float32Array(data.length);
        decoded.forEach((logits, at) => {
          for (let sequence = 0; sequence < batch; sequence++) {
            const from = logits.subarray(sequence * vocabulary, (sequence + 1) * vocabulary);
            together.set(from as Float32Array, (sequence * length + at) * vocabulary);
          }
        });
        const apart = relativeDeviation(together, await plain.data() as Float32Array);
        assert(apart <= 0.01, `${name}: decoding is off by ${apart} of the largest`);
      },
    );
  }
}

if (hasGolden) {
  const noRoom = { memoryLimit: 400_000 };
  gpuTest("blocks are kept where float32 would not fit", async (device) => {
    for (const [packing, type] of TYPES) {
      const { model } = await openPretrained(
        pathOf(`gguf/llama-${type.toLowerCase()}.gguf`),
        device,
      );
      const names = packedNames(model);
      assert(names.length > 10 && names.every((each) => each.endsWith(packing)), `${names}`);
      for (const parameter of model.parameters().values()) parameter.dispose();
    }
  }, noRoom);

  gpuTest("a model that does not fit names the flag with which it does", async (device) => {
    const error = await assertRejects(() => openPretrained(pathOf("hf-llama"), device), RangeError);
    const wanted =
      /wanted a model of at most \d+ bytes.*got 608000\. With --quantize q8 it takes 171920 bytes$/;
    assert(wanted.test(error.message), error.message);
  }, noRoom);
}

goldenTest("weights of every architecture are packed as they are read, or afterwards", async () => {
  const device = await openDevice("cpu", { threads: 2, blas: false });
  for (const name of ["hf-gpt2", "hf-llama", "hf-qwen2", "nanochat-head", "nanochat-jan2026"]) {
    for (const [packing] of TYPES) {
      const read = await openPretrained(pathOf(name), device, { packing });
      const after = await openPretrained(pathOf(name), device);
      const [before] = [parameterBytes(after.model)];
      quantizeModule(after.model, packing);
      assertEquals(packedNames(read.model), packedNames(after.model), name);
      assertEquals(parameterBytes(read.model), parameterBytes(after.model));
      assert(parameterBytes(read.model) < 0.5 * before, name);
      let packed = 0;
      for (const [key, each] of read.model.parameters()) {
        const other = after.model.parameters().get(key)!;
        if (!(each instanceof QuantizedMatrix) || !(other instanceof QuantizedMatrix)) continue;
        assertEquals(await each.blocks(), await other.blocks(), `${name} ${key}`);
        packed++;
      }
      assert(packed > 0, `${name} has no packed parameter`);
      // Both engines' ways: with a cache, and the loss.
      const { tokens } = await new Engine(read.model, {
        special: () => -1,
        encode: () => [],
        decode: () => "",
      })
        .generateBatch([1, 2, 3], { maxTokens: 4, temperature: 0, samples: 2 });
      assertEquals(tokens[0]!.length, 7);
      const ids = Tensor.from(device, [[1, 2, 3]], { dtype: "int32" });
      assert(Number.isFinite(await noGrad(() => read.model.forward(ids, ids)).item()), name);
    }
  }
  await device.close();
});

goldenTest("a packed model does not write text that float32 would not think of", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { greedy, prompt } = readGoldenJson<{ prompt: number[]; greedy: number[] }>(
    "interchange/hf-llama/expected",
  );
  const { model } = await openPretrained(pathOf("hf-llama"), device, { packing: "q8" });
  const ids = Tensor.from(device, [[...prompt, ...greedy]], { dtype: "int32" });
  const logits = await noGrad(() => model.forward(ids)).data();
  const vocabulary = logits.length / (prompt.length + greedy.length);
  greedy.forEach((token, i) => {
    const at = (prompt.length - 1 + i) * vocabulary;
    const row = logits.subarray(at, at + vocabulary);
    const better = row.filter((each) => each > row[token]!).length;
    assert(better < 5, `${better} tokens are likelier than token ${i}`);
  });
  await device.close();
});

goldenTest("a file that is cut off, or has a scale that is not finite, is refused", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const matrix = QuantizedMatrix.allocate(device, "q8", [1, 64]);
  const refused = async (bytes: Uint8Array, message: string) => {
    const error = await assertRejects(() =>
      Promise.resolve().then(() => matrix.assignBlocks(bytes))
    );
    assert(error instanceof RangeError && error.message.includes(message), `${error}`);
  };
  await refused(new Uint8Array(67), "wanted whole blocks of 34 bytes, got 67");
  await refused(new Uint8Array(34), "wanted 2 blocks of [1, 64], got 1");
  await refused(
    new Uint8Array(68).fill(0x7c, 35, 36),
    "wanted finite scales, got Infinity in block 1",
  );
  // −128, which ggml does not write, is taken over as well.
  const bytes = new Uint8Array(68);
  bytes.set([0, 0x3c, 0x80, 64], 0);
  matrix.assignBlocks(bytes);
  const values = await matrix.unpack().data();
  assertEquals([...values.slice(0, 3)], [-128, 64, 0]);
  await device.close();
});
