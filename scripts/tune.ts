/**
 * Times the ways to multiply matrices on the GPU, and shows or changes which are taken.
 *
 * @module
 */

import {
  configForDepth,
  type Device,
  GPT,
  loadMatmulChoices,
  type MatmulChoice,
  matmulChoices,
  matmulChoicesPath,
  openDevice,
  saveMatmulChoices,
  Tensor,
  tuneMatmuls,
  type WebGpuDevice,
} from "../gpt/mod.ts";
import {
  decimal,
  integer,
  optional,
  runScript,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { duration } from "./format.ts";

const flags = {
  show: toggle("Print which ways are taken, and what was timed"),
  clear: toggle("Forget what was timed and what was forced"),
  force: optional(
    text("", "Take this way from now on, for all products or those of --class", "WAY"),
  ),
  class: optional(text("", "The class of products for --force, as --show prints it", "CLASS")),
  depth: integer(4, "The number of layers of the model whose products are timed"),
  vocabSize: integer(4096, "The number of its tokens", { least: 2 }),
  maxSeqLen: integer(256, "The length of its sequences in tokens", { least: 2 }),
  deviceBatchSize: integer(4, "The sequences computed at once"),
  seconds: decimal(120, "No class is begun after so long"),
};

/**
 * Times matrix products, shows or changes the choices.
 *
 * @param args The command line, without the name of the script.
 * @returns The exit code: 0; 1 if something went wrong, 2 if a flag makes no sense.
 *
 * @example
 * ```ts
 * import { main } from "./tune.ts";
 *
 * if (await main(["--help"]) !== 0) throw new Error("expected the list of flags");
 * ```
 */
export function main(args: readonly string[]): Promise<number> {
  return runScript({
    summary:
      "Finds the fastest kernels for the matrix products of a training step, by timing them on " +
      "the GPU.",
    command: "deno task tune",
    flags,
    run,
  }, args);
}

async function run(values: Values<typeof flags>): Promise<void> {
  if (values.class !== null && values.force === null) {
    throw new UsageError("Cannot use --class: wanted --force with it, got none");
  }
  const device = await openDevice("webgpu");
  try {
    if (device.kind === "webgpu") await runOn(device, values);
  } finally {
    await device.close();
  }
}

async function runOn(device: WebGpuDevice, values: Values<typeof flags>): Promise<void> {
  const choices = matmulChoices(device);
  const note = await loadMatmulChoices(device);
  if (note !== null) console.log(note);
  if (values.clear) {
    choices.clear();
    console.log(`Cleared ${await saveMatmulChoices(device)}`);
  }
  if (values.force !== null) {
    force(device, values.force, values.class ?? undefined);
    console.log(`Kept in ${await saveMatmulChoices(device)}`);
  }
  if (!values.show && !values.clear && values.force === null) await tune(device, values);
  if (values.show) {
    console.log(`${device.info.description}\n${matmulChoicesPath(device)}\n`);
    if (choices.forced !== null) console.log(`All products are computed by "${choices.forced}".\n`);
    console.log(choices.choices.length === 0 ? "Nothing was timed yet." : table(choices.choices));
  }
}

/** @throws {UsageError} If the device has no such way. */
function force(device: WebGpuDevice, way: string, class_: string | undefined): void {
  const choices = matmulChoices(device);
  if (!choices.candidates.includes(way)) {
    throw new UsageError(
      `Cannot use --force: wanted one of ${choices.candidates.join(", ")}, got "${way}"`,
    );
  }
  choices.force(way, class_);
}

async function tune(device: WebGpuDevice, values: Values<typeof flags>): Promise<void> {
  step(device, values);
  const onChoice = (choice: MatmulChoice) => console.log(table([choice]));
  const { classes, left, seconds, wrong, obstacle } = await tuneMatmuls(device, {
    seconds: values.seconds,
    onChoice,
  });
  if (obstacle !== null) throw new Error(`Cannot time matrix products: ${obstacle}`);
  if (classes === 0 && left === 0) console.log("Everything was timed before: see --show, --clear.");
  const rest = left === 0 ? "" : `, ${left} are left`;
  if (wrong.length > 0) console.log(`Not taken, since they compute something else: ${wrong}`);
  if (classes > 0) {
    console.log(
      `Timed ${classes} classes in ${duration(seconds)}${rest}; kept in ` +
        await saveMatmulChoices(device),
    );
  }
}

/** Computes a training step of a model, so that its products are noted. */
function step(
  device: Device,
  { depth, vocabSize, maxSeqLen, deviceBatchSize }: Values<typeof flags>,
): void {
  using _scope = device.scope();
  const config = configForDepth({
    ...{ depth, vocabSize, maxSeqLen },
    aspectRatio: 64,
    headDim: 64,
  });
  const model = new GPT(config, device, { seed: 1 });
  const shape = [deviceBatchSize, maxSeqLen];
  const ids = (seed: number) => {
    const values = Int32Array.from(
      { length: deviceBatchSize * maxSeqLen },
      (_, i) => (31 * i + seed) % vocabSize,
    );
    return Tensor.from(device, values, { shape });
  };
  model.forward(ids(0), ids(1)).backward();
  model.optimizer({ weightDecay: 0.1 }).step();
}

/** One line for each class: the way that is taken, its time, and the times of the others. */
function table(choices: readonly MatmulChoice[]): string {
  return choices.map(({ class: class_, candidate, forced, microseconds }) => {
    const times = Object.entries(microseconds).toSorted(([, x], [, y]) => x - y);
    const others = times.filter(([name]) => name !== candidate).map(([name, time]) =>
      `${name} ${time}`
    );
    const time = microseconds[candidate];
    return [
      class_,
      `  ${candidate}${forced ? " (forced)" : ""}${time === undefined ? "" : `: ${time} µs`}`,
      ...(others.length === 0 ? [] : [`  others: ${others.join(", ")}`]),
    ].join("\n");
  }).join("\n");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
