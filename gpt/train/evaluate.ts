/**
 * Evaluates a model in bits per byte of held-out text.
 *
 * The loss per token depends on how much text a token stands for; bits per byte do not, so models
 * with different tokenizers compare. The total loss in bits is divided by the bytes of text of the
 * targets. Special tokens have none and do not count.
 *
 * Source: nanochat, `nanochat/loss_eval.py`.
 *
 * @module
 */

import type { Batch } from "../../data/loader.ts";
import { noGrad, Tensor } from "../../tensor/mod.ts";
import type { TrainableModel } from "../generate/language_model.ts";
import type { SummingRanks } from "./run.ts";
import { nextTask, readNumbers } from "./readback.ts";

/** Options for {@linkcode evaluateBitsPerByte}. */
export interface EvaluateOptions {
  /** Aborts the evaluation, which throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The ranks that share the batches; all return the same result. */
  readonly parallel?: SummingRanks | undefined;
  /** Called before each batch, of any rank, with the number of batches so far. */
  readonly onProgress?: ((batches: number) => void) | undefined;
}

/** Batches between read-backs: reading many losses takes as long as reading one. */
const BATCHES_PER_READ = 16;

/**
 * Measures a model in bits per byte.
 *
 * @param batches The batches; targets below 0 are ignored.
 * @param tokenBytes Bytes of text per token, `[vocabSize]`; 0 for those that do not count.
 * @throws {RangeError} If no target counts, or an id is not in the vocabulary.
 *
 * @example A model without training knows nothing
 * ```ts
 * import { SequentialLoader } from "../../data/sequential_loader.ts";
 * import { openDevice } from "../../tensor/mod.ts";
 * import { evaluateBitsPerByte } from "./evaluate.ts";
 * import { GPT } from "../model/model.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 8, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 256, windowPattern: "L" }, device);
 * const tokens = Int32Array.from(new TextEncoder().encode("The union is strong, and growing."));
 * const batches = new SequentialLoader({ tokens, batchSize: 2, sequenceLength: 8 });
 * const bits = await evaluateBitsPerByte(model, batches, new Int32Array(256).fill(1));
 * if (Math.abs(bits - 8) > 0.1) throw new Error(`expected 8 bits for a byte, got ${bits}`);
 * await device.close();
 * ```
 */
export async function evaluateBitsPerByte(
  model: TrainableModel,
  batches: AsyncIterable<Pick<Batch<unknown>, "inputs" | "targets" | "shape">>,
  tokenBytes: Int32Array,
  options: EvaluateOptions = {},
): Promise<number> {
  const { signal, parallel } = options;
  const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
  let batch = 0;
  let bytes = 0;
  let nats = 0;
  let pending: Tensor[] = [];
  for await (const { inputs, targets, shape } of batches) {
    // Ranks stop together: they agree between steps.
    if (parallel === undefined) signal?.throwIfAborted();
    options.onProgress?.(batch);
    if (batch++ % ranks !== rank) continue;
    const lengths = targets.map((id) => lengthOf(id, tokenBytes));
    const counted = targets.map((id, i) => lengths[i]! > 0 ? id : -1);
    bytes += lengths.reduce((sum, length) => sum + length, 0);
    pending.push(sumOfLosses(model, inputs, counted, shape));
    if (pending.length === BATCHES_PER_READ) {
      nats += await readSum(pending);
      pending = [];
    }
    await nextTask();
  }
  nats += await readSum(pending);
  if (parallel !== undefined) [nats, bytes] = parallel.sum([nats, bytes]) as [number, number];
  if (bytes === 0) {
    throw new RangeError("Cannot evaluate: wanted targets that stand for text, got none");
  }
  return nats / Math.LN2 / bytes;
}

/** Bytes of text of a target; 0 if ignored. */
function lengthOf(id: number, tokenBytes: Int32Array): number {
  if (id < 0) return 0;
  const length = tokenBytes[id];
  if (length !== undefined) return length;
  throw new RangeError(
    `Cannot evaluate: wanted targets below ${tokenBytes.length}, the size of the vocabulary, got ${id}`,
  );
}

/** The total loss of a batch in nats: a scalar on the device. */
function sumOfLosses(
  model: TrainableModel,
  inputs: Int32Array<ArrayBuffer>,
  targets: Int32Array<ArrayBuffer>,
  shape: readonly number[],
): Tensor {
  using _scope = model.device.scope();
  const ids = Tensor.from(model.device, inputs, { shape });
  const wanted = Tensor.from(model.device, targets, { shape });
  return noGrad(() => model.forward(ids, wanted, { reduction: "sum" })).keep();
}

/** Reads and frees scalars, and sums them in double precision. */
async function readSum(numbers: readonly Tensor[]): Promise<number> {
  return (await readNumbers(numbers)).reduce((sum, value) => sum + value, 0);
}
