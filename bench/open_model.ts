/**
 * Opening a folder of 1 GB in bf16: seconds per GB when the file is cached, and peak memory beyond the model
 * in float32. Prints one line of JSON: `deno run -A bench/open_model.ts`.
 *
 * The limits are 2 s per GB and 0.5 GB. The folder is made in a temporary place, and removed.
 */

import { openDevice } from "../gpt/mod.ts";
import { llama, type LlamaConfig, openPretrained } from "../models/mod.ts";

const config: LlamaConfig = {
  kind: "llama",
  vocabSize: 32_000,
  sequenceLen: 2048,
  layers: 16,
  heads: 16,
  keyHeads: 16,
  headSize: 96,
  width: 1536,
  mlpWidth: 4096,
  epsilon: 1e-5,
  ropeBase: 10_000,
  ropeScaling: null,
  isTied: true,
};

/** Numbers of a tensor that are written at once. */
const CHUNK = 2 ** 20;

/** Makes the folder; returns the bytes of its weights. */
async function makeFolder(folder: string): Promise<number> {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, shape] of llama.parameterShapes(config)) {
    const begin = end;
    end += 2 * shape.reduce((size, length) => size * length, 1);
    header[name] = { dtype: "BF16", shape, data_offsets: [begin, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  using file = await Deno.open(`${folder}/model.safetensors`, { write: true, create: true });
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(json.length), true);
  // Small numbers: 0x3c… is about 0.01.
  const numbers = new Uint16Array(CHUNK).map((_, i) => 0x3c00 | i & 0xff);
  const writer = file.writable.getWriter();
  await writer.write(new Uint8Array(length.buffer));
  await writer.write(json);
  for (let at = 0; at < end; at += 2 * CHUNK) {
    await writer.write(new Uint8Array(numbers.buffer, 0, Math.min(2 * CHUNK, end - at)));
  }
  await writer.close();
  await Deno.writeTextFile(
    `${folder}/config.json`,
    JSON.stringify({
      model_type: "llama",
      vocab_size: config.vocabSize,
      max_position_embeddings: config.sequenceLen,
      hidden_size: config.width,
      num_hidden_layers: config.layers,
      num_attention_heads: config.heads,
      intermediate_size: config.mlpWidth,
      head_dim: config.headSize,
      rms_norm_eps: config.epsilon,
      tie_word_embeddings: config.isTied,
    }),
  );
  return end;
}

/** Opens the folder in this process; returns the seconds and the peak of the resident memory. */
async function open(folder: string): Promise<{ seconds: number; peakBytes: number }> {
  const device = await openDevice("cpu");
  const start = performance.now();
  await openPretrained(folder, device);
  const seconds = (performance.now() - start) / 1000;
  const status = await Deno.readTextFile("/proc/self/status");
  return { seconds, peakBytes: 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) };
}

const [given] = Deno.args;
if (given !== undefined) {
  console.log(JSON.stringify(await open(given)));
  Deno.exit();
}
const folder = await Deno.makeTempDir();
try {
  const bytes = await makeFolder(folder);
  const runs: { seconds: number; peakBytes: number }[] = [];
  // The first one caches the file.
  for (let i = 0; i < 4; i++) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.url, folder],
      stderr: "inherit",
    }).output();
    if (i > 0) runs.push(JSON.parse(new TextDecoder().decode(stdout)));
  }
  const seconds = Math.min(...runs.map((run) => run.seconds));
  const peakBytes = Math.max(...runs.map((run) => run.peakBytes));
  console.log(JSON.stringify({
    gigabytes: bytes / 1e9,
    seconds_per_gb: seconds / (bytes / 1e9),
    peak_gb: peakBytes / 1e9,
    beyond_float32_gb: (peakBytes - 2 * bytes) / 1e9,
  }));
} finally {
  await Deno.remove(folder, { recursive: true });
}
