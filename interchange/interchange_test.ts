import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import { readSafetensors } from "../tensor/mod.ts";
import { goldenTest } from "../testing/golden.ts";
import { elementTypes } from "./element_types.ts";
import { type Fact, openGguf, writeGguf } from "./gguf.ts";
import { unpickle } from "./pickle.ts";
import { openSafetensors, openSafetensorsFolder } from "./safetensors.ts";
import { bytesSource, filesFolder, pathFolder, pathSource, type Source } from "./source.ts";
import { StoredTensor } from "./stored_tensor.ts";
import { readTiktokenPickle, writeTiktokenPickle } from "./tiktoken_pickle.ts";
import { openTorchFile, type TensorToWrite, writeTorchFile } from "./torch_file.ts";

const path = (name: string) =>
  fromFileUrl(new URL(`../../shared/golden/interchange/${name}`, import.meta.url));
const readJson = async (name: string) => JSON.parse(await Deno.readTextFile(path(name)));

/** All of what a writer yields, as a file. */
async function written(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  name: string,
): Promise<Source> {
  return bytesSource(await new Response(ReadableStream.from(chunks)).bytes(), name);
}

/** The file that `torch.save` writes for a state dict. */
function asTensors(saved: unknown): Map<string, StoredTensor> {
  if (saved instanceof Map && [...saved.values()].every((value) => value instanceof StoredTensor)) {
    return saved;
  }
  throw new Error("expected a dict of tensors");
}

const toWrite = (tensor: StoredTensor): TensorToWrite => ({
  type: tensor.type.name,
  shape: tensor.shape,
  bytes: () => tensor.bytes(),
});

goldenTest(
  "the types of ggml are unpacked as ggml does, and others are refused by name",
  async () => {
    const { tensors } = await openGguf(await pathSource(path("gguf/types.gguf")));
    const expected = readSafetensors(await Deno.readFile(path("gguf/expected.safetensors")));
    assertEquals(tensors.size, 15);
    const refused: string[] = [];
    for (const tensor of tensors.values()) {
      const { name } = tensor.type;
      if (tensor.type.unpack === undefined) {
        refused.push(name);
        await assertRejects(() => tensor.float32(), SyntaxError, `got ${name}`);
        continue;
      }
      const wanted = expected.get(`types.${name}`) ?? expected.get(`types.${name.toLowerCase()}`);
      const values = await tensor.float32();
      if (wanted === undefined) throw new Error(`no ${name} among ${[...expected.keys()]}`);
      assertEquals(tensor.shape, wanted.shape);
      for (let start = 0; start < values.length; start += tensor.type.block) {
        const block = values.subarray(start, start + tensor.type.block);
        const largest = Math.max(...block.map(Math.abs));
        block.forEach((value, i) =>
          assertAlmostEquals(value, Number(wanted.data[start + i]), 1e-6 * largest + 1e-30)
        );
      }
    }
    assertEquals(refused.sort(), ["IQ4_NL", "IQ4_XS", "Q2_K", "Q3_K"]);
  },
);

goldenTest("packing gives ggml's bytes", async () => {
  const { tensors } = await openGguf(await pathSource(path("gguf/types.gguf")));
  const source = readSafetensors(await Deno.readFile(path("gguf/expected.safetensors")))
    .get("types.source")!.data as Float32Array;
  const packed = [...elementTypes.values()].filter(({ pack }) => pack !== undefined);
  assertEquals(packed.map(({ name }) => name), ["F32", "F16", "BF16"]);
  for (const { name, pack } of packed) {
    const tensor = [...tensors.values()].find(({ type }) => type.name === name)!;
    assertEquals(pack!(source), await tensor.bytes(), name);
  }
});

goldenTest("a GGUF file is written again byte by byte", async () => {
  for (const name of ["llama-f32", "llama-q8_0", "gpt2-f16", "qwen3-f32", "types"]) {
    const source = await pathSource(path(`gguf/${name}.gguf`));
    const { facts, tensors } = await openGguf(source);
    const copies = new Map([...tensors].map(([key, tensor]) => [key, toWrite(tensor)]));
    const copy = await written(writeGguf(facts, copies), name);
    const again = await openGguf(copy);
    assertEquals(again.facts, facts, name);
    for (const [key, tensor] of tensors) {
      const other = again.tensors.get(key)!;
      assertEquals([other.shape, other.type.name], [tensor.shape, tensor.type.name]);
      assertEquals(await other.bytes(), await tensor.bytes(), key);
    }
  }
});

goldenTest(
  "safetensors are read in one file and in shards, from paths and from a page's files",
  async () => {
    const single = await openSafetensorsFolder(pathFolder(path("hf-gpt2")));
    const sharded = await openSafetensorsFolder(pathFolder(path("hf-gpt2-sharded")));
    const whole = readSafetensors(await Deno.readFile(path("hf-gpt2/model.safetensors")));
    assertEquals([...single!.tensors.keys()].sort(), [...whole.keys()].sort());
    for (const [name, tensor] of single!.tensors) {
      assertEquals(
        await tensor.float32(),
        Float32Array.from(whole.get(name)!.data as Float32Array),
      );
    }
    const names = [...Deno.readDirSync(path("hf-gpt2-sharded"))].map(({ name }) => name);
    const files = names.map((name) =>
      new File([Deno.readFileSync(path(`hf-gpt2-sharded/${name}`))], name)
    );
    const ofPage = await openSafetensorsFolder(filesFolder(files));
    assertEquals([...ofPage!.tensors.keys()], [...sharded!.tensors.keys()]);
    for (const [name, tensor] of sharded!.tensors) {
      assertEquals(tensor.type.name, "BF16");
      assertEquals(await ofPage!.tensors.get(name)!.float32(), await tensor.float32());
    }
    assertEquals(await openSafetensorsFolder(filesFolder([])), null);
  },
);

goldenTest("views, shared storages, types and plain values of torch.save are read", async () => {
  const saved = await openTorchFile(
    await pathSource(path("nanochat-head/views.pt")),
  ) as Map<string, unknown>;
  const expected = await readJson("nanochat-head/views.json");
  const names = {
    float32: "F32",
    int64: "I64",
    float16: "F16",
    bool: "BOOL",
    int8: "I8",
    float64: "F64",
  };
  let tensors = 0;
  for (const [key, value] of saved) {
    const wanted = expected[key];
    if (!(value instanceof StoredTensor)) {
      assertEquals(value, wanted, key);
      continue;
    }
    tensors++;
    assertEquals([value.shape, value.type.name], [
      wanted.shape,
      names[wanted.dtype as keyof typeof names],
    ]);
    assertEquals([...await value.float32()], [wanted.data].flat(3).map(Number), key);
  }
  assertEquals([saved.size, tensors], [Object.keys(expected).length, saved.size - 1]);
});

goldenTest("a nanochat checkpoint is read, and written again with the same bytes", async () => {
  for (const file of ["model_000010.pt", "model_cuda.pt", "../nanochat-jan2026/model_000650.pt"]) {
    const tensors = asTensors(
      await openTorchFile(await pathSource(path(`nanochat-head/${file}`))),
    );
    assert(tensors.size > 10);
    const copies = new Map([...tensors].map(([name, tensor]) => [name, toWrite(tensor)]));
    const again = asTensors(
      await openTorchFile(await written(writeTorchFile(copies), "copy.pt")),
    );
    for (const [name, tensor] of tensors) {
      const other = again.get(name)!;
      assertEquals([other.shape, other.type.name], [tensor.shape, tensor.type.name]);
      assertEquals(await other.bytes(), await tensor.bytes(), name);
    }
  }
  const { dtypes } = await readJson("nanochat-head/expected.json");
  const model = asTensors(
    await openTorchFile(await pathSource(path("nanochat-head/model_000010.pt"))),
  );
  const types = { float32: "F32", bfloat16: "BF16" };
  for (const [name, tensor] of model) {
    assertEquals(tensor.type.name, types[dtypes[name] as keyof typeof types], name);
  }
});

goldenTest("nanochat's optimizer file is lists and maps of tensors", async () => {
  const path0 = path("nanochat-head/optim_000010_rank0.pt");
  const saved = await openTorchFile(await pathSource(path0)) as Map<string, unknown>;
  assertEquals([...saved.keys()].sort(), ["param_groups", "state"]);
  assert((saved.get("state") as Map<number, unknown>).size > 5);
});

goldenTest("nanochat's tokenizer is read, and written again", async () => {
  for (const model of ["nanochat-head", "nanochat-jan2026"]) {
    const encoding = await readTiktokenPickle(
      await pathSource(path(`${model}/tokenizer/tokenizer.pkl`)),
    );
    assertEquals(encoding.tokens.length + encoding.special.size, 328);
    assert(encoding.pattern.includes("\\p{N}{1,2}"));
    assertEquals(encoding.special.get("<|bos|>"), encoding.tokens.length);
    const copy = bytesSource(writeTiktokenPickle(encoding), "copy.pkl");
    assertEquals(await readTiktokenPickle(copy), encoding);
  }
});

/** Opens a file as its name says. */
async function open(name: string): Promise<unknown> {
  const source = await pathSource(path(`bad/${name}`));
  if (name.endsWith(".pkl")) return await readTiktokenPickle(source);
  if (name.endsWith(".gguf")) return await openGguf(source);
  const value = await openTorchFile(source);
  // Lazy reading must be as safe.
  if (value instanceof Map) {
    for (const tensor of value.values()) if (tensor instanceof StoredTensor) await tensor.float32();
  }
  return value;
}

/** A pattern for the message about a file. */
const reasons: Readonly<Record<string, RegExp>> = {
  "global.pt": /posix\.system/,
  "global_stack.pt": /builtins\.eval/,
  "inst.pt": /opcodes of torch\.save or tiktoken, got 0x69/,
  "no_storage.pt": /wanted an entry .*data\/0, got none/,
  "short_storage.pt": /wanted 96 bytes in .*data\/4, got 7$/,
  "big_endian.pt": /little-endian order, got big/,
  "deflate.pt": /without compression/,
  "not_zip.pt": /since PyTorch 1\.6/,
  "numel.pt": /inside of the \d+ numbers/,
  "tokenizer_global.pkl": /(os|posix)\.system/,
  "tokenizer_other.pkl": /mergeable_ranks|pat_str/,
  "magic.gguf": /begins with GGUF/,
  "version1.gguf": /version 2 or 3, got 1$/,
  "big_endian.gguf": /big-endian/,
  "tensors.gguf": /got 1152921504606846976$/,
  "dims.gguf": /at most 4 axes for .*, got 9$/,
  "type.gguf": /a known type for/,
  "outside.gguf": /in a file of \d+ bytes/,
};

/** Files that may be read, since nothing of them is harmful. */
const harmless = ["deep.pt", "laughs.pt", "nested.pt"];

goldenTest("files that lie are refused in one line, or read without harm", async () => {
  const names = Object.keys(await readJson("bad/bad.json")).filter((name) => name.includes("."));
  assertEquals(names.length, 37);
  for (const name of names) {
    let message = "";
    try {
      await open(name);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      message = error.message;
    }
    if (message === "") {
      assert(harmless.includes(name), `${name} was read`);
      continue;
    }
    assert(message.startsWith(`Cannot read ${path(`bad/${name}`)}: wanted `), message);
    assert(!message.includes("\n") && message.length < 900, message);
    const reason = reasons[name];
    if (reason !== undefined) assert(reason.test(message), `${name}: ${message}`);
  }
});

goldenTest(
  "an index names shards of its own folder only, and all that it names are there",
  async () => {
    const refused = async (name: string) =>
      (await assertRejects(
        () => openSafetensorsFolder(pathFolder(path(`bad/${name}`))),
        SyntaxError,
      )).message;
    assert(/the name of a file in it, got ".*\//.test(await refused("index-path")));
    assert(/the name of a file in it, got "\//.test(await refused("index-absolute")));
    assert(/shards that are in the folder, got no model-/.test(await refused("index-missing")));
  },
);

Deno.test("a safetensors file that is cut off anywhere is refused by its name", async () => {
  const header = new TextEncoder().encode(
    '{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}',
  );
  const whole = new Uint8Array([header.length, 0, 0, 0, 0, 0, 0, 0, ...header, 0, 63, 128, 191]);
  const { tensors } = await openSafetensors(bytesSource(whole, "whole"));
  assertEquals([...await tensors.get("a")!.float32()], [0.5, -1]);
  for (let length = 0; length < whole.length; length++) {
    const cut = bytesSource(whole.slice(0, length), "cut.safetensors");
    await assertRejects(
      () => openSafetensors(cut),
      SyntaxError,
      "Cannot read cut.safetensors: wanted ",
    );
  }
});

Deno.test("random changes of bytes neither crash nor hang a reader", async () => {
  const values = Float32Array.from({ length: 64 }, (_, i) => i);
  const tensor = {
    type: "F32",
    shape: [2, 32],
    bytes: () => Promise.resolve(new Uint8Array(values.buffer)),
  };
  const facts = new Map([["general.name", { type: "string", value: "x" } as const]]);
  const readers = [
    { whole: await written(writeTorchFile(new Map([["w", tensor]])), "w.pt"), open: openTorchFile },
    { whole: await written(writeGguf(facts, new Map([["w", tensor]])), "w.gguf"), open: openGguf },
  ];
  let seed = 7;
  const random = (below: number) => {
    seed = Math.imul(seed, 1664525) + 1013904223 >>> 0;
    return Math.floor(seed / 2 ** 32 * below);
  };
  for (const { whole, open } of readers) {
    const bytes = await whole.read(0, whole.size);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const changed = bytes.slice(0, random(8) === 0 ? random(bytes.length) : bytes.length);
      for (let j = 0; j <= random(3); j++) changed[random(changed.length)] = random(256);
      try {
        await open(bytesSource(changed, "changed"));
      } catch (error) {
        assert(error instanceof SyntaxError, `${error}`);
        refused++;
      }
    }
    assert(refused > 500, `${refused} refused`);
  }
});

Deno.test("a GGUF file is whole however long its facts are", async () => {
  const tensor: TensorToWrite = {
    type: "F32",
    shape: [8],
    bytes: () => Promise.resolve(new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer)),
  };
  // With some of these lengths the head ends just before the end of the writer's buffer.
  for (let length = 69_940; length < 69_980; length++) {
    const facts = new Map<string, Fact>([
      ["a", { type: "string", value: "x".repeat(70_001) }],
      ["b", { type: "string", value: "y".repeat(length) }],
    ]);
    const { tensors } = await openGguf(
      await written(writeGguf(facts, new Map([["w", tensor]])), "a.gguf"),
    );
    assertEquals([...await tensors.get("w")!.float32()], [1, 2, 3, 4, 5, 6, 7, 8], `${length}`);
  }
});

Deno.test("a path is refused where a source is wanted, and so are bytes", async () => {
  const prefix = "Cannot read the file: wanted a source, as in await pathSource(path), got ";
  for (const open of [openGguf, openTorchFile, openSafetensors, readTiktokenPickle]) {
    for (
      const [source, got] of [
        ["m.gguf", '"m.gguf"'],
        [new Uint8Array(8), "a Uint8Array"],
        [undefined, "undefined"],
        [Promise.resolve(), "a promise, to be awaited"],
      ] as const
    ) {
      const error = await assertRejects<Error>(() => open(source as never), TypeError);
      assertEquals(error.message, prefix + got, open.name);
    }
  }
});

Deno.test("an error about a damaged file is one line, whatever names stand in it", async () => {
  const facts = new Map<string, Fact>([["a\nname\0with\u2028breaks", {
    type: "uint32",
    value: 1,
  }]]);
  const whole = await written(writeGguf(facts, new Map()), "a.gguf");
  const bytes = await whole.read(0, whole.size);
  // The type of the fact, behind its name.
  const place = bytes.findIndex((_, i) =>
    new TextDecoder().decode(bytes.slice(i, i + 6)) === "breaks"
  );
  bytes[place + 6] = 77;
  const error = await assertRejects(() => openGguf(bytesSource(bytes, "a.gguf")), SyntaxError);
  assertEquals(/[\p{Cc}\u2028]/u.test(error.message), false, error.message);
  assertStringIncludes(error.message, "wanted a known type for a�name�with�breaks");
});

Deno.test("a pickle that loads by something else than a short name is refused in a short line", () => {
  const options = { name: "a", globals: new Map([["os.path", () => null]]) };
  // ( empty list, text "x", STACK_GLOBAL ), and GLOBAL with 500 characters.
  const byList = Uint8Array.of(0x80, 2, 0x5d, 0x58, 1, 0, 0, 0, 0x78, 0x93, 0x2e);
  const wanted = "wanted the name of what to load as text, got something else";
  assertThrows(() => unpickle(byList, options), SyntaxError, wanted);
  const long = Uint8Array.of(0x80, ...new TextEncoder().encode(`\x02c${"m".repeat(500)}\nx\n.`));
  const error = assertThrows(() => unpickle(long, options), SyntaxError);
  assert(error.message.length < 250, error.message);
});
