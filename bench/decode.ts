/**
 * Times text generation: prefill and decoding.
 *
 *     deno run -A bench/decode.ts --device cpu --depth 4 --vocab-size 4096 --max-seq-len 256
 *
 * The last line is one line of JSON.
 */

import { configForDepth, type Device, Engine, GPT, type TrainableModel } from "../gpt/browser.ts";
import { parameterBytes, quantizeModule } from "../nn/mod.ts";
import { noGrad, Tensor } from "../tensor/mod.ts";
import { integer, runScript, type Script, text, type Values } from "../scripts/flags.ts";
import { quantizeFlags } from "../scripts/device.ts";
import { profileFlags, showProfile, wantsProfile } from "../scripts/profile.ts";
import {
  benchFlags,
  dtypeFlag,
  dtypes,
  modelFlags,
  openBenchDevice,
  peakMemory,
  timeRuns,
} from "./harness.ts";
import { median, round } from "./statistics.ts";

const flags = {
  ...benchFlags,
  ...modelFlags,
  ...dtypeFlag,
  samples: integer(1, "Sequences decoded together (batch size)"),
  maxTokens: integer(100, "Timed tokens"),
  warmup: integer(8, "Untimed generations before the timed one", { least: 0 }),
  readEvery: integer(0, "Tokens per readback from the device, 0 for the default", {
    least: 0,
  }),
  from: text("", "A model of another program instead of a random one", "PATH"),
  ...quantizeFlags,
  ...profileFlags,
};

/** A tokenizer without special tokens, so that no sequence ends early. */
const endless = { special: () => -1, encode: () => [], decode: () => "" };

/** Most tokens per readback: only the first of them takes time. */
const MAX_TOKENS_PER_READBACK = 32;

/** Untimed runs before as many timed ones: V8 compiles what runs, in the course of some twenty. */
const WARMUP_PREFILLS = 20;

/** Median over groups of `together` tokens of their mean time, without the first tokens, which compile kernels. */
function timePerToken(times: readonly number[], together: number): number {
  const warm = times.slice(Math.min(Math.max(5, together - 1), times.length - 1));
  const means: number[] = [];
  for (let start = 0; start === 0 || start + together <= warm.length; start += together) {
    const some = warm.slice(start, start + together);
    means.push(some.reduce((sum, time) => sum + time, 0) / some.length);
  }
  return median(means);
}

/** The model of a file, or a random one of the chosen shape. */
async function openModel(
  { from, quantize, ...values }: Values<typeof flags>,
  device: Device,
): Promise<TrainableModel> {
  const packing = quantize ?? undefined;
  if (from !== "") {
    const { openPretrained } = await import("../models/mod.ts");
    return (await openPretrained(from, device, { packing })).model;
  }
  const config = configForDepth({ ...values, windowPattern: "L" });
  const computeDtype = dtypes[values.dtype];
  const model = new GPT(config, device, { seed: 1, computeDtype });
  if (packing !== undefined) quantizeModule(model, packing);
  return model;
}

const script: Script<typeof flags> = {
  summary: "Times prefill and decoding with a KV cache.",
  command: "deno run -A bench/decode.ts",
  flags,
  run: async (values) => {
    const device = await openBenchDevice(values);
    const model = await openModel(values, device);
    const { config } = model;
    const length = Math.min(128, config.sequenceLen >> 1);
    const prompt = Array.from({ length }, (_, i) => i * 31 % config.vocabSize);
    const prefills = await timeRuns(device, 2 * WARMUP_PREFILLS, () => {
      using _scope = device.scope();
      const cache = model.createCache(1, length);
      noGrad(() =>
        model.forward(Tensor.from(device, [prompt], { dtype: "int32" }), undefined, {
          cache,
          lastOnly: true,
        })
      );
      cache.dispose();
    });
    const maxTokens = Math.min(values.maxTokens, config.sequenceLen - length);
    const { samples, readEvery } = values;
    const options = {
      maxTokens,
      samples,
      temperature: 0,
      ...(readEvery > 0 ? { readEvery } : {}),
    };
    const write = (more: { readEvery?: number } = {}) =>
      new Engine(model, endless).generate(prompt, { ...options, ...more });
    // The first tokens take twice as long, until V8 has optimized the code.
    for (let text = 0; text < values.warmup; text++) await Array.fromAsync(write());
    const timeTokens = async (more: { readEvery?: number } = {}): Promise<number> => {
      const times: number[] = [];
      let last = performance.now();
      for await (const _step of write(more)) {
        times.push(performance.now() - last);
        last = performance.now();
      }
      return timePerToken(times, device.kind === "cpu" ? 1 : MAX_TOKENS_PER_READBACK);
    };
    const step = await timeTokens();
    // The gain of batched readback; the CPU always reads token by token.
    const isCompared = device.kind === "webgpu" && readEvery === 0;
    const stepReadAlone = isCompared ? await timeTokens({ readEvery: 1 }) : null;
    console.log(device.info.description);
    if (stepReadAlone !== null) {
      const [alone, together] = [stepReadAlone, step].map((time) => round(time, 2));
      console.log(
        `A token takes ${alone} ms with one readback per token, ${together} ms with batched ` +
          `readback: ${round(stepReadAlone / step, 2)} × as fast`,
      );
    }
    if (wantsProfile(values)) {
      const profile = await device.profile(async () => {
        await Array.fromAsync(write());
      });
      await showProfile(`A prompt and ${maxTokens} tokens`, profile, model, values);
    }
    console.log(JSON.stringify({
      library: "nanodino",
      device: device.info.description,
      config: values,
      ms: { token: round(step, 3), prefill: round(median(prefills.slice(WARMUP_PREFILLS)), 2) },
      weight_bytes: parameterBytes(model),
      tokens_per_second: round(samples * 1000 / step, 1),
      ...(stepReadAlone === null
        ? {}
        : { speedup_over_reading_each: round(stepReadAlone / step, 2) }),
      prefill_tokens_per_second: round(length * 1000 / median(prefills.slice(WARMUP_PREFILLS)), 1),
      peak_rss_mb: peakMemory(),
    }));
    await device.close();
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
