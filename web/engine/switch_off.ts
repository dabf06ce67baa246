/** Switching parts of a model off. @module */

import type { GPT, GPTConfig } from "../../gpt/browser.ts";
import { headSize } from "../../gpt/browser_internals.ts";
import type { Tensor } from "../../tensor/mod.ts";

/** A part that adds to the residual stream: `0.2` is head 2 of layer 0, `0.mlp` is the MLP of layer 0. */
export type Part = `${number}.${number | "mlp"}`;

/** All parts of a model. */
export function listParts({ nLayer, nHead }: Pick<GPTConfig, "nLayer" | "nHead">): Part[] {
  return Array.from({ length: nLayer }, (_, layer) => [
    ...Array.from({ length: nHead }, (_, head): Part => `${layer}.${head}`),
    `${layer}.mlp` as const,
  ]).flat();
}

/**
 * Switches parts of a model off, until the result is disposed of: what they would add to the residual
 * stream is 0. Each of them gets there through a matrix, whose columns become zeros. Parts that the model
 * does not have are left out.
 *
 * @example
 * ```ts
 * import { GPT, openDevice } from "../../gpt/browser.ts";
 * import { switchOff } from "./switch_off.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 1, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, windowPattern: "L" }, device);
 * const { weight } = model.transformer.h[0]!.attn.c_proj;
 * weight.assign(new Float32Array(weight.size).fill(1));
 * const sum = async () => Array.from(await weight.data(), Number).reduce((sum, x) => sum + x);
 * {
 *   using _off = await switchOff(model, ["0.1", "7.mlp"]);
 *   if (await sum() !== 512) throw new Error("expected half of them");
 * }
 * if (await sum() !== 1024) throw new Error("expected all of them");
 * await device.close();
 * ```
 */
export async function switchOff(model: GPT, off: readonly Part[]): Promise<Disposable> {
  const saved = new Map<Tensor, Float32Array<ArrayBuffer>>();
  const size = headSize(model.config);
  for (const part of off) {
    const [layer, name] = part.split(".");
    const block = model.transformer.h[Number(layer)];
    if (block === undefined || Number(name) >= model.config.nHead) continue;
    const { weight } = name === "mlp" ? block.mlp.c_proj : block.attn.c_proj;
    const values = Float32Array.from(await weight.data());
    if (!saved.has(weight)) saved.set(weight, values.slice());
    const columns = weight.shape[1]!;
    const [from, to] = name === "mlp"
      ? [0, columns]
      : [Number(name) * size, (Number(name) + 1) * size];
    for (let row = 0; row < weight.shape[0]!; row++) {
      values.fill(0, row * columns + from, row * columns + to);
    }
    weight.assign(values);
  }
  return {
    [Symbol.dispose]() {
      for (const [weight, values] of saved) weight.assign(values);
    },
  };
}
