/** Times prefill and decoding of a checkpoint: nanochat's `infer_bench`, on any device. */

import {
  inferenceCosts,
  type InferenceSpeed,
  measureBandwidth,
  measureInference,
  measureMatmulPeak,
  tableAsText,
} from "../gpt/internals.ts";
import {
  decimal,
  firstLine,
  type Flag,
  givenFlags,
  integer,
  mainOf,
  toggle,
  UsageError,
  type Values,
  withUsageErrors,
} from "./flags.ts";
import { alignColumns, bytes, count, percent, short } from "./format.ts";
import { chooseModel, fromFlags, modelFlags, openModel } from "./models.ts";
import { print, printError } from "./output.ts";
import { chosenType, deviceFlags, openChosenDevice, quantizeFlags } from "./device.ts";

const batchFlag: Flag<readonly number[]> = {
  help: "Sequences to decode in parallel, separated by commas",
  fallback: [1, 8, 32, 128],
  placeholder: "1,8,…",
  parse: (text) => {
    const sizes = text.split(",").map(Number);
    if (sizes.every((size) => Number.isInteger(size) && size >= 1)) return sizes;
    throw new UsageError(`wanted whole numbers from 1 up with commas between, got "${text}"`);
  },
};

const flags = {
  promptTokens: integer(512, "Prompt length; shortened to fit into the training length"),
  decodeTokens: integer(128, "Tokens to decode after the prompt", { least: 2 }),
  batchSizes: batchFlag,
  bandwidth: decimal(0, "The device's bandwidth in GB/s, 0 to measure it"),
  peakTflops: decimal(0, "The device's peak TFLOP/s, 0 to measure it"),
  json: toggle("Print one line of JSON"),
  ...modelFlags,
  ...fromFlags,
  ...quantizeFlags,
  ...deviceFlags,
};

/** Times a model. Returns the exit code. */
export const main = mainOf({
  summary: "Times prefill and decoding of the latest model, for several batch sizes.",
  command: "deno task infer_bench",
  flags,
  run: runInferBench,
});

async function runInferBench(values: Values<typeof flags>, args: readonly string[]): Promise<void> {
  const choice = await chooseModel(values, givenFlags(args, flags), () => openModel(values));
  await using device = await openChosenDevice(values);
  const { model } = await choice.load(device, { computeDtype: chosenType(device, values) });
  const { promptTokens, decodeTokens } = values;
  const bandwidth = values.bandwidth * 1e9 || await measureBandwidth(device);
  const peakFlops = values.peakTflops * 1e12 || await measureMatmulPeak(device);
  const options = { promptTokens, decodeTokens, bandwidth, peakFlops };
  const costs = withUsageErrors(() => inferenceCosts(model, options));
  if (!values.json) {
    print(
      tableAsText([
        ["device", device.info.title],
        ["peak", `${short(bandwidth)}B/s, ${short(peakFlops)}FLOP/s`],
        ["weights", bytes(costs.weightBytes)],
        [
          "KV cache",
          `${bytes(costs.kvBytesPerToken)} a token, ${bytes(costs.kvReadBytes)} read a step`,
        ],
        ["ceiling", `${count(costs.ceilingTokensPerSecond)} tokens/s at batch 1, by the bandwidth`],
        ["prompt", `${count(costs.promptTokens)} tokens, then ${count(decodeTokens)} decoded`],
      ]) + "\n",
    );
  }
  const speeds: InferenceSpeed[] = [];
  for (const batchSize of values.batchSizes) {
    try {
      speeds.push(await measureInference(model, batchSize, options));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      printError(`Batch ${batchSize} is left out: ${firstLine(error)}`);
    }
  }
  if (values.json) {
    const { checkpoint } = choice;
    const step = checkpoint?.meta.state.step ?? null;
    print(JSON.stringify({
      device: device.info.description,
      model: checkpoint?.folder ?? values.from,
      step,
      bandwidth,
      peakFlops,
      decodeTokens,
      ...costs,
      batches: speeds,
    }));
    return;
  }
  print(alignColumns([header, ...speeds.map(row)]));
}

const header = ["batch", "first token", "step", "tokens/s", "bandwidth", "FLOPs", "memory"];

function row(speed: InferenceSpeed): string[] {
  return [
    `${speed.batchSize}`,
    `${speed.firstTokenMilliseconds.toFixed(1)} ms`,
    `${speed.stepMilliseconds.toFixed(2)} ms`,
    count(speed.tokensPerSecond),
    percent(speed.bandwidthShare),
    percent(speed.flopsShare),
    bytes(speed.memoryBytes),
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
