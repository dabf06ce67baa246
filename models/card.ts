/** Model cards: descriptions of exported models. @module */

import type { TrainableModel } from "../gpt/browser.ts";

/** The origin of a model. Whatever is unknown is left out. */
export interface ModelCard {
  /** The name. */
  readonly name: string;
  /** The model that it was fine-tuned from, if any. */
  readonly base?: string | undefined;
  /** The texts or conversations that it was trained on, each by name. */
  readonly data?: readonly string[] | undefined;
  /** Steps of the last training. */
  readonly steps?: number | undefined;
  /** Bits per byte on held-out text. */
  readonly bitsPerByte?: number | undefined;
}

/**
 * The card as a `README.md` of the Hugging Face hub.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { cardText } from "./card.ts";
 * import { GPT2 } from "./gpt2.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const sizes = { vocabSize: 128, sequenceLen: 16, layers: 1, heads: 2, width: 32, mlpWidth: 64 };
 * const model = new GPT2({ ...sizes, epsilon: 1e-5 }, device);
 * const text = cardText({ name: "fern", steps: 20, bitsPerByte: 1.5 }, model);
 * if (!text.includes("| bits per byte | 1.5000 |")) throw new Error(text);
 * await device.close();
 * ```
 */
export function cardText(
  { name, base, data = [], steps, bitsPerByte }: ModelCard,
  model: TrainableModel,
): string {
  const parameters = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  const rows: (readonly [string, string])[] = [
    ["architecture", model.architecture ?? "nanochat"],
    ["parameters", parameters.toLocaleString("en-US")],
    ["context", `${model.config.sequenceLen.toLocaleString("en-US")} tokens`],
    ...base === undefined ? [] : [["trained from", base] as const],
    ...data.map((name) => ["trained on", name] as const),
    ...steps === undefined ? [] : [["steps", steps.toLocaleString("en-US")] as const],
    ...bitsPerByte === undefined ? [] : [["bits per byte", bitsPerByte.toFixed(4)] as const],
  ];
  return [
    "---",
    "library_name: transformers",
    "pipeline_tag: text-generation",
    // A model of the hub has a name there; a local path would tell others nothing.
    ...base?.startsWith("hf:") ? [`base_model: ${base.slice("hf:".length).split("@")[0]}`] : [],
    "---",
    "",
    `# ${oneLine(name)}`,
    "",
    "Trained with nanodino.",
    "",
    "| | |",
    "| --- | --- |",
    ...rows.map(([title, value]) => `| ${title} | ${oneLine(value)} |`),
    "",
  ].join("\n");
}

/** A value that fits into a cell of a table. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|");
}
