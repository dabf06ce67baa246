/**
 * Explains what runs: for a training step, a decoding step or an expression, each kernel with the
 * line that called it, why it was this kernel, its time and its bytes.
 *
 * ```sh
 * deno task explain --depth 4
 * deno task explain --code "x.matmul(w).relu()" --shapes x=64x32,w=32x16 --kernel
 * ```
 */

import { configForDepth, type Device } from "../gpt/mod.ts";
import {
  explainStep,
  type Explanation,
  explanationAsHtml,
  explanationAsList,
  explanationAsText,
  Tensor,
  writeFileAtomically,
} from "../gpt/internals.ts";
import { deviceFlags, openChosenDevice } from "./device.ts";
import {
  choice,
  firstLine,
  type Flag,
  integer,
  mainOf,
  optional,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { print } from "./output.ts";
import { checkOutputFile } from "./output_path.ts";

const shapesFlag: Flag<Readonly<Record<string, readonly number[]>>> = {
  help: "Tensors of the code, with their shapes; without them x=64x64",
  fallback: { x: [64, 64] },
  placeholder: "x=64x32,…",
  parse: (given) =>
    Object.fromEntries(
      given.split(",").map((each) => {
        const [, name, sizes] = /^([A-Za-z_]\w*)=(\d+(?:x\d+)*)$/.exec(each) ?? [];
        if (name === undefined || sizes === undefined) {
          throw new UsageError(`wanted names with shapes, as in x=64x32,w=32x16, got "${given}"`);
        }
        return [name, sizes.split("x").map(Number)];
      }),
    ),
};

// Everything is computed in float32.
const { dtype: _, ...placeFlags } = deviceFlags;

const flags = {
  step: choice(["training", "decoding"], "training", "The step of a model to explain"),
  depth: integer(4, "Number of layers of the model"),
  vocabSize: integer(4096, "Vocabulary size"),
  maxSeqLen: integer(256, "Context length in tokens", { least: 4 }),
  deviceBatchSize: integer(4, "Sequences of a batch"),
  code: optional(text("", "Explain this JavaScript instead, as in x.matmul(w).relu()", "EXPR")),
  shapes: optional(shapesFlag),
  list: toggle("Print a line for each file with its kernels instead, without sizes and times"),
  kernel: toggle("Print each kernel once: pseudo-code or formula, and WGSL on WebGPU"),
  gradient: toggle("Print the derived gradient of each formula once"),
  html: optional(text("", "Write a page to this file, where each line unfolds", "FILE")),
  ...placeFlags,
};

/** Explains a step or an expression. Returns the exit code. */
export const main = mainOf({
  summary: "Explains each kernel that runs: the line that called it, why this kernel, time, bytes.",
  command: "deno task explain",
  flags,
  run: runExplain,
});

async function runExplain(values: Values<typeof flags>): Promise<void> {
  if (values.html !== null) await checkOutputFile("--html", values.html);
  if (values.shapes !== null && values.code === null) {
    throw new UsageError("Cannot use --shapes: wanted --code, too, got none");
  }
  await using device = await openChosenDevice(values);
  print(device.info.description);
  const { code, step: kind, deviceBatchSize: batchSize, depth } = values;
  const title = code ?? `A ${kind} step at depth ${depth}`;
  const explanation = code === null
    ? await explainStep(device, configForDepth(values), { kind, batchSize })
    : await explainCode(device, code, values.shapes ?? shapesFlag.fallback);
  const lines = values.list ? explanationAsList(explanation) : explanationAsText(explanation);
  print(`${title}\n\n${lines}`);
  for (const shown of textsOf(explanation, values)) print(`\n${shown}`);
  if (values.html === null) return;
  await writeFileAtomically(values.html, explanationAsHtml(title, explanation));
  print(`\nWrote ${values.html}`);
}

async function explainCode(
  device: Device,
  code: string,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<Explanation> {
  using _scope = device.scope();
  const names = Object.keys(shapes);
  const tensors = Object.values(shapes).map((shape) =>
    Tensor.full(device, shape, 0.5, { requiresGrad: true })
  );
  let evaluate: (...tensors: Tensor[]) => unknown;
  try {
    evaluate = new Function(...names, `return (${code});`) as typeof evaluate;
    evaluate(...tensors);
  } catch (error) {
    throw new UsageError(`Cannot run "${code}": ${firstLine(error)}`);
  }
  return await device.explain(() => void evaluate(...tensors));
}

/** The code of the kernels, and the gradients of formulas, each once. */
function textsOf(
  { kernels }: Explanation,
  { kernel, gradient }: Pick<Values<typeof flags>, "kernel" | "gradient">,
): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const each of kernels) {
    if (kernel) {
      texts.add(each.text?.code() ?? `${each.kernel}: no pseudo-code, it is written by hand`);
      if (each.wgsl !== null) texts.add(each.wgsl());
    }
    if (gradient && each.text?.gradient !== undefined) texts.add(each.text.gradient());
  }
  return texts;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
