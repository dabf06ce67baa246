/**
 * Compares fine-tuning through adapters with full fine-tuning: memory, time, and loss over the same steps.
 *
 *     deno run -A bench/lora.ts --device cpu --ranks 0,8 --num-iterations 300
 *
 * Begins with the base model that was saved last. The last line is one line of JSON.
 */

import { prepareFineTuning, ruleConversations } from "../chat/mod.ts";
import { latestRun } from "../chat/internals.ts";
import { openCheckpoint } from "../gpt/mod.ts";
import {
  decimal,
  type Flag,
  integer,
  runScript,
  type Script,
  UsageError,
} from "../scripts/flags.ts";
import { alignColumns, bytes, count } from "../scripts/format.ts";
import { benchFlags, openBenchDevice } from "./harness.ts";
import { median, round } from "./statistics.ts";

const ranksFlag: Flag<readonly number[]> = {
  help: "Ranks of adapters, with commas between; 0 trains all parameters",
  fallback: [0, 8],
  placeholder: "0,8,…",
  parse: (text) => {
    const ranks = text.split(",").map(Number);
    if (ranks.every((rank) => Number.isInteger(rank) && rank >= 0)) return ranks;
    throw new UsageError(`wanted whole numbers with commas between, got "${text}"`);
  },
};

const flags = {
  ...benchFlags,
  ranks: ranksFlag,
  loraLr: decimal(0.005, "The learning rate of adapters"),
  numIterations: integer(300, "Steps of a run"),
  deviceBatchSize: integer(4, "Rows of a step"),
  evalTokens: integer(16_384, "Maximum tokens predicted in an evaluation"),
};

interface Result {
  readonly rank: number;
  readonly trained: number;
  readonly peakBytes: number;
  readonly milliseconds: number;
  readonly loss: number;
  readonly bitsPerByte: readonly number[];
}

const script: Script<typeof flags> = {
  summary: "Compares fine-tuning through adapters with full fine-tuning.",
  command: "deno run -A bench/lora.ts",
  flags,
  run: async (values) => {
    const { numIterations, deviceBatchSize, evalTokens, loraLr } = values;
    const checkpoint = await openCheckpoint((await latestRun(["base"])).folder);
    const { tokenizer, meta } = checkpoint;
    const sequenceLength = meta.modelConfig.sequenceLen;
    const task = await ruleConversations(20_000, { seed: 1, tokenizer });
    const validation = await ruleConversations(200, { seed: 2, tokenizer });
    const results: Result[] = [];
    for (const loraRank of values.ranks) {
      // A device of its own, so that the peak is that of this run.
      const device = await openBenchDevice(values);
      const { model, run } = await prepareFineTuning({
        device,
        checkpoint,
        folder: await Deno.makeTempDir(),
        task,
        validation,
        loraRank,
        loraLr,
        sequenceLength,
        deviceBatchSize,
        totalBatchSize: deviceBatchSize * sequenceLength,
        numIterations,
        loadOptimizer: false,
        evalTokens,
        evalEvery: Math.ceil(numIterations / 4),
        learningRates: { embeddingLr: 0.3, unembeddingLr: 0.008, matrixLr: 0.02, scalarLr: 0.5 },
        saveEvery: -1,
        seed: 1,
      });
      const [losses, times, bitsPerByte]: number[][] = [[], [], []];
      for await (const event of run()) {
        if (event.kind === "evaluation") bitsPerByte!.push(event.bitsPerByte);
        if (event.kind !== "step") continue;
        losses!.push(event.loss);
        times!.push(1000 * event.seconds);
      }
      const last = losses!.slice(-10);
      const sizes = Array.from(model.parameters().values(), ({ size }) => size);
      results.push({
        rank: loraRank,
        trained: sizes.reduce((sum, size) => sum + size, 0),
        peakBytes: device.memory.peakBytes,
        milliseconds: round(median(times!.slice(3)), 1),
        loss: round(last.reduce((sum, loss) => sum + loss, 0) / last.length, 4),
        bitsPerByte: bitsPerByte!.map((bits) => round(bits, 4)),
      });
      await device.close();
    }
    console.log(alignColumns([
      ["trained", "parameters", "memory", "step", "last losses", "bits per byte, by quarters"],
      ...results.map((result) => [
        result.rank === 0 ? "all" : `adapters of rank ${result.rank}`,
        count(result.trained),
        bytes(result.peakBytes),
        `${result.milliseconds} ms`,
        `${result.loss}`,
        result.bitsPerByte.map((bits) => bits.toFixed(3)).join(" "),
      ]),
    ]));
    console.log(JSON.stringify({ library: "nanodino", config: values, results }));
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
