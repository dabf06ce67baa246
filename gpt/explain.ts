/** Explanations of a training step and of a decoding step of a model. @module */

import type { FastOperations } from "../tensor/fast_paths.ts";
import { type Device, type Explanation, noGrad, Tensor } from "../tensor/mod.ts";
import { GPT } from "./model/model.ts";
import type { GPTConfig } from "./model/config.ts";

/** Options for {@linkcode explainStep}. */
export interface ExplainStepOptions {
  /** `training`: forward, backward and update of a batch; `decoding`: a token after a prompt. */
  readonly kind: "training" | "decoding";
  /** Sequences of the batch. @default {1} */
  readonly batchSize?: number;
}

/**
 * Explains a step of a model with random weights: see {@linkcode Device.explain}. An earlier step,
 * which is not explained, compiles the kernels.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { explainStep } from "./explain.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const config = { ...shape, windowPattern: "L" };
 * const { kernels } = await explainStep(device, config, { kind: "training" });
 * const sources = new Set(kernels.map(({ source }) => source?.split(":")[0]));
 * if (!sources.has("gpt/model/block.ts")) throw new Error([...sources].join());
 * await device.close();
 * ```
 */
export async function explainStep(
  device: Device,
  config: GPTConfig,
  { kind, batchSize = 1 }: ExplainStepOptions,
): Promise<Explanation> {
  using _scope = device.scope();
  const model = new GPT(config, device, { seed: 1 });
  const optimizer = model.optimizer();
  const { sequenceLen, vocabSize } = config;
  const ids = (length: number, first: number) => {
    const values = Int32Array.from(
      { length: batchSize * length },
      (_, i) => (first + i * 31) % vocabSize,
    );
    return Tensor.from(device, values, { shape: [batchSize, length] });
  };
  if (kind === "training") {
    const step = () => {
      using _scope = device.scope();
      model.forward(ids(sequenceLen, 0), ids(sequenceLen, 1)).backward();
      optimizer.step();
      optimizer.zeroGrad();
    };
    step();
    return await device.explain(step);
  }
  const cache = model.createCache(batchSize, sequenceLen);
  noGrad(() => model.forward(ids(sequenceLen - 2, 0), undefined, { cache }));
  const decode = () => {
    using _scope = device.scope();
    noGrad(() => model.decode(ids(1, 7), [cache]));
  };
  decode();
  return await device.explain(decode);
}

/** The plain bodies of operations that have fast paths. */
const PLAIN_BODIES: Readonly<Record<keyof FastOperations, string>> = {
  attention: "tensor/ops/attention/body.ts",
  "cached attention": "gpt/generate/sequence_rows.ts",
  "attention gradient": "tensor/ops/attention/body.ts",
  "attention softmax": "tensor/ops/attention/body.ts",
  matmul: "tensor/ops/matmul/plain.ts",
  "quantized matmul": "tensor/ops/quantized/multiply.ts",
  "sum rows": "tensor/ops/gather/sum_rows.ts",
  "top k": "tensor/ops/sampling/top_k.ts",
};

/**
 * An explanation as a list without sizes and times: a line for each file that calls kernels, with
 * each of its kernels once, and in parentheses the fast paths that computed it; then the plain bodies,
 * which compute the same and which the fast paths are held equal to.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { explanationAsList } from "./explain.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.ones(device, [64, 64]);
 * const list = explanationAsList(await device.explain(() => x.matmul(x).relu().dispose()));
 * if (!list.includes("matmul (packed), relu")) throw new Error(list);
 * await device.close();
 * ```
 */
export function explanationAsList({ kernels }: Explanation): string {
  const lines = new Map<string, Map<string, Set<string>>>();
  const operations = new Set<keyof FastOperations>();
  for (const { name, source, isGradient, choice } of kernels) {
    const [path = ""] = (source ?? "").split(":");
    const line = `${path}${isGradient ? ", gradients" : ""}`;
    const names = lines.get(line) ?? new Map<string, Set<string>>();
    lines.set(line, names);
    // Without sizes and types: "matmul 64×32×64", "take rows vec4<i32>".
    const general = name.replace(/ (\d+(×\d+)*|vec4<\w+>)$/, "");
    const paths = names.get(general) ?? new Set();
    names.set(general, paths);
    if (choice === null || choice.taken === "plain") continue;
    paths.add(choice.taken);
    operations.add(choice.operation as keyof FastOperations);
  }
  const withPaths = ([name, paths]: readonly [string, ReadonlySet<string>]) =>
    paths.size === 0 ? name : `${name} (${[...paths].join(", ")})`;
  const bodies = new Set([...operations].map((name) => PLAIN_BODIES[name]));
  return [
    ...Array.from(lines, ([line, names]) => `${line}: ${[...names].map(withPaths).join(", ")}`),
    ...(bodies.size === 0 ? [] : [`plain bodies: ${[...bodies].join(", ")}`]),
  ].join("\n");
}

/**
 * An explanation as one HTML page: a line for each kernel, which unfolds to its code.
 *
 * @example
 * ```ts
 * import { explanationAsHtml } from "./explain.ts";
 *
 * const page = explanationAsHtml("Nothing", { milliseconds: 0, kernels: [] });
 * if (!page.includes("<h1>Nothing</h1>")) throw new Error(page);
 * ```
 */
export function explanationAsHtml(title: string, { kernels, milliseconds }: Explanation): string {
  const escape = (text: string) => text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
  const rows = kernels.map(({ source, isGradient, name, choice, shapes, text, ...each }) => {
    const line = [
      `${source ?? ""}${isGradient ? " (gradient)" : ""}`,
      name,
      `${each.milliseconds.toFixed(3)} ms`,
      ...(each.bytes === undefined ? [] : [`${(each.bytes / 2 ** 20).toFixed(2)} MiB`]),
      ...(choice === null ? [] : [choice.taken]),
    ];
    const inside = [
      ...(shapes.length === 0 ? [] : [shapes.map((shape) => `[${shape.join(", ")}]`).join(" ")]),
      ...(choice?.refused.map(({ name, reason }) => `not ${name}: ${reason}`) ?? []),
      ...(text === null ? [`kernel ${each.kernel}`] : ["", text.code()]),
      ...(text?.gradient === undefined ? [] : ["", text.gradient()]),
    ];
    return `<details><summary>${escape(line.join(" · "))}</summary>` +
      `<pre>${escape(inside.join("\n"))}</pre></details>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
summary { cursor: pointer; font-variant-numeric: tabular-nums }
pre { overflow-x: auto; padding: .5rem 1rem; border-left: 3px solid #8888 }
</style>
<h1>${escape(title)}</h1>
<p>${kernels.length} kernels in ${milliseconds.toFixed(2)} ms. Each line unfolds to its code.</p>
${rows.join("\n")}
</html>
`;
}
