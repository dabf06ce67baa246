/** Checkpoint folders of nanochat: `meta_000010.json` and `model_000010.pt`. @module */

import { GPT, type GPTConfig, type TrainableModel } from "../gpt/browser.ts";
import { nanochat } from "../gpt/browser_internals.ts";
import { type Folder, openTorchFile, StoredTensor } from "../interchange/mod.ts";
import { RangeError } from "../tensor/errors.ts";
import type { Device } from "../tensor/mod.ts";
import { Nanochat2025, nanochat2025 } from "./nanochat_2025.ts";
import { readJson } from "./read_json.ts";
import { buildFrom, Fields, type OpenPretrainedOptions, unreadable } from "./weights.ts";

/** Constants of nanochat's code of 2025; float32's epsilon is PyTorch's default. */
const constants2025 = { ropeBase: 10_000, epsilon: 2 ** -23 };

/**
 * The `model_config` of a model in nanochat's metadata; `null` for other architectures.
 *
 * @throws {RangeError} If the model has other constants than that code.
 */
export function toNanochat(model: TrainableModel): Record<string, unknown> | null {
  if (model instanceof GPT) {
    const { vocabSize, sequenceLen, nLayer, nHead, nKvHead, nEmbd, windowPattern } = model.config;
    return {
      sequence_len: sequenceLen,
      vocab_size: vocabSize,
      n_layer: nLayer,
      n_head: nHead,
      n_kv_head: nKvHead,
      n_embd: nEmbd,
      window_pattern: windowPattern,
    };
  }
  if (!(model instanceof Nanochat2025)) return null;
  const { vocabSize, sequenceLen, layers, heads, keyHeads, width } = model.config;
  for (const name of ["ropeBase", "epsilon"] as const) {
    if (model.config[name] === constants2025[name]) continue;
    throw new RangeError(
      `Cannot export as nanochat: wanted the ${name} of its code, ${constants2025[name]}, got ` +
        `${model.config[name]}`,
    );
  }
  return {
    sequence_len: sequenceLen,
    vocab_size: vocabSize,
    n_layer: layers,
    n_head: heads,
    n_kv_head: keyHeads,
    n_embd: width,
  };
}

/** The last checkpoint of a folder by its file names; `null` if it has none. */
export function lastCheckpoint(names: readonly string[]): { meta: string; model: string } | null {
  const steps = names.flatMap((name) => /^meta_(\d+)\.json$/.exec(name)?.[1] ?? []);
  const step = steps.filter((step) => names.includes(`model_${step}.pt`))
    .sort((a, b) => Number(a) - Number(b)).at(-1);
  return step === undefined ? null : { meta: `meta_${step}.json`, model: `model_${step}.pt` };
}

/**
 * Opens the model of a checkpoint folder. Which of nanochat's architectures it has follows from the
 * names of its parameters, since the metadata do not tell.
 *
 * @throws {SyntaxError} If a file is malformed, or the architecture is one between those that are known.
 * @throws {RangeError} If the device has no room.
 */
export async function openNanochat(
  folder: Folder,
  { meta, model }: { readonly meta: string; readonly model: string },
  device: Device,
  options: OpenPretrainedOptions = {},
): Promise<TrainableModel> {
  const sizes = new Fields(`${folder.name}/${meta}`, await readJson(folder, meta))
    .object("model_config");
  const file = `${folder.name}/${model}`;
  const saved = await openTorchFile((await folder.open(model))!);
  if (!(saved instanceof Map)) throw unreadable(file, "a dict of tensors", typeof saved);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of saved) {
    if (typeof name !== "string" || !(tensor instanceof StoredTensor)) {
      throw unreadable(file, "tensors by name", `${name}`);
    }
    // A compiled model has another module around it.
    tensors.set(name.replace(/^_orig_mod\./, ""), tensor);
  }
  const layout = { nameOf: (parameter: string) => parameter };
  const [vocabSize, sequenceLen] = [sizes.number("vocab_size"), sizes.number("sequence_len")];
  const [layers, width] = [sizes.number("n_layer"), sizes.number("n_embd")];
  const [heads, keyHeads] = [sizes.number("n_head"), sizes.number("n_kv_head")];
  if (tensors.has("smear_gate.weight")) {
    const config: GPTConfig = {
      vocabSize,
      sequenceLen,
      nLayer: layers,
      nEmbd: width,
      nHead: heads,
      nKvHead: keyHeads,
      windowPattern: sizes.text("window_pattern"),
    };
    return await buildFrom(
      { file, tensors, layout, architecture: nanochat, config },
      device,
      options,
    );
  }
  if (tensors.has("resid_lambdas")) {
    const wanted = "nanochat's architecture of 2025, or of March 2026 and later";
    throw unreadable(file, wanted, "one from between (resid_lambdas without smear_gate)");
  }
  const rows = tensors.get("transformer.wte.weight")?.shape[0] ?? 0;
  const config = {
    vocabSize,
    sequenceLen,
    layers,
    heads,
    keyHeads,
    width,
    rows,
    ...constants2025,
  };
  return await buildFrom(
    { file, tensors, layout, architecture: nanochat2025, config },
    device,
    options,
  );
}
