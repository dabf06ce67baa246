/** The model that a command uses: the flags that choose it, and the line that names it. */

import { latestRun, runNames, type Stage, stagePath, stages } from "../chat/files/stages.ts";
import type { ChatFormat } from "../chat/format/format.ts";
import { openChatFormat } from "../chat/format/open_format.ts";
import { suggestions } from "../chat/suggestions.ts";
import {
  type Checkpoint,
  type Device,
  loadModel,
  type LoadOptions,
  openCheckpoint,
  savedSteps,
  type TrainableModel,
} from "../gpt/mod.ts";
import {
  defaultPrompts,
  describeProgress,
  type FloatType,
  parameterCount,
  readProgress,
  readRunInfo,
  type RunProgress,
} from "../gpt/internals.ts";
import { architectures } from "../models/architectures.ts";
import type { Pretrained } from "../models/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { basename, join } from "./deps.ts";
import { choice, integer, optional, runName, text, UsageError, type Values } from "./flags.ts";
import { bytes, count } from "./format.ts";
import { hubModel, isHubModel } from "./hub_model.ts";
import { printError } from "./output.ts";
import { describeWeights } from "./weights.ts";
import { kebabCase } from "./words.ts";

/** The flags that choose a model, for {@linkcode openModel}. */
export const modelFlags = {
  source: choice(
    ["latest", ...stages],
    "latest",
    "The model's stage: latest takes the last of them that has a finished run",
  ),
  modelTag: runName("The name of the model's run, by default that of the latest run"),
  step: optional(integer(0, "The step of the checkpoint, by default the latest", { least: 0 })),
};

/** The flag of commands that also take a model of another program, for {@linkcode chooseModel}. */
export const fromFlags = {
  from: text(
    "",
    "A model of another program instead of a run: a folder of transformers, a .gguf file, a " +
      "checkpoint folder of nanochat, or hf:ORG/NAME of the Hugging Face hub",
    "PATH",
  ),
};

/** The same for commands that continue text, whose default is the base model. */
export const baseModelFlags: typeof modelFlags = {
  ...modelFlags,
  source: { ...modelFlags.source, fallback: "base" },
};

/** A checkpoint and where it comes from. */
export interface ChosenModel extends Checkpoint {
  readonly stage: Stage;
  /** The name of the run, which is that of its folder. */
  readonly tag: string;
  readonly progress: RunProgress;
}

/** A model that flags have chosen, before it is on a device. */
export interface ModelChoice<From extends Checkpoint = ChosenModel> {
  /** The name of its run, or of its file or folder. */
  readonly name: string;
  /** The checkpoint; `null` for a model of another program. */
  readonly checkpoint: From | null;
  /**
   * Loads the model, its tokenizer, which is `null` if a model of another program has none, and the
   * template of its conversations.
   *
   * @throws {Error} If it cannot be read.
   */
  load(device: Device, options: { readonly computeDtype: FloatType }): Promise<Pretrained>;
}

/**
 * Finds the model that flags choose: that of a run, or with `--from` one of another program, which
 * is not copied.
 *
 * @param given The flags that were given, see `givenFlags`.
 * @param open Opens the checkpoint of a run.
 * @param load Loads it.
 * @throws {UsageError} If `--from` is given with a flag about runs, or a dtype that its models do
 * not support.
 */
export async function chooseModel<From extends Checkpoint>(
  { from, dtype, quantize }: Values<typeof fromFlags> & {
    readonly dtype: string;
    readonly quantize?: LoadOptions["packing"] | null;
  },
  given: ReadonlySet<string>,
  open: () => Promise<From>,
  load: typeof loadModel = loadModel,
): Promise<ModelChoice<From>> {
  const packing = quantize ?? undefined;
  if (from === "") {
    const checkpoint = await open();
    const { folder, tokenizer } = checkpoint;
    return {
      name: basename(folder),
      checkpoint,
      load: async (device, options) => {
        const model = await load(checkpoint, device, { ...options, packing });
        if (packing !== undefined) printError(`Weights: ${describeWeights(model)}`);
        return { model, tokenizer, chatTemplate: checkpoint.meta.chatTemplate ?? null };
      },
    };
  }
  const other = ["source", "modelTag", "step", "overwrite"].find((name) => given.has(name));
  if (other !== undefined) {
    throw new UsageError(
      `Cannot use --from: wanted it without --${kebabCase(other)}, which is about a run`,
    );
  }
  if (dtype !== "f32") {
    throw new UsageError(`Cannot use --dtype: wanted f32 with --from, got ${dtype}`);
  }
  return {
    name: nameOf(from),
    checkpoint: null,
    load: async (device) => {
      const place = isHubModel(from) ? await hubModel(from) : from;
      const { openPretrained } = await import("../models/mod.ts");
      const opened = await openPretrained(place, device, { packing });
      printError(`Model: ${from}, ${describeModel(opened.model)}`);
      return opened;
    },
  };
}

/** The name of a model of another program, for runs and servers: letters, digits, `.`, `_` and `-`. */
export function nameOf(from: string): string {
  const [place = from] = isHubModel(from) ? from.split("@") : [from];
  // `.` and `..` have no name of their own.
  const name = basename(join(Deno.cwd(), place)).replace(/\.gguf$/, "");
  return name.replace(/^\W+/, "").replace(/[^\w.-]+/g, "-") || "model";
}

/** `llama of 135,000,000 parameters, 0.15 GB in q8` */
function describeModel(model: TrainableModel): string {
  const { architecture = "nanochat" } = model;
  return `${architecture} of ${count(parametersOf(model))} parameters, ${describeWeights(model)}`;
}

/** The number of parameters of a model. */
export function parametersOf(model: TrainableModel): number {
  return [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
}

/** The tokenizer of a model, for commands that need one. @throws {Error} If there is none. */
export function wantedTokenizer(
  tokenizer: Tokenizer | null,
  { name }: { name: string },
): Tokenizer {
  if (tokenizer !== null) return tokenizer;
  throw new Error(
    `Cannot use ${name}: wanted a tokenizer next to the model (tokenizer.json or tokenizer.pkl), ` +
      "got none",
  );
}

/**
 * A model's tokenizer and the format of its conversations, which the caller must dispose of.
 *
 * @throws {Error} If there is neither a chat template nor a tokenizer for nanochat's conversations.
 */
export function chatParts(
  { tokenizer, chatTemplate }: Pick<Pretrained, "tokenizer" | "chatTemplate">,
  choice: { name: string },
): { readonly tokenizer: Tokenizer; readonly format: ChatFormat } {
  const found = wantedTokenizer(tokenizer, choice);
  const format = openChatFormat({ tokenizer: found, chatTemplate });
  if (format !== null) return { tokenizer: found, format };
  throw new Error(
    `Cannot chat with ${choice.name}: wanted a chat template, or a tokenizer with nanochat's chat tokens, ` +
      "got neither",
  );
}

/**
 * The folder of the run that flags choose; by default the one that {@linkcode latestRun} finds.
 *
 * @param from The stages that `latest` stands for.
 * @param flag The flag that names the run, for error messages.
 * @throws {UsageError} If there is no run of the given name.
 * @throws {Error} If no name was given, and there is no run.
 */
export async function findModel(
  { source, modelTag }: { readonly source: Stage | "latest"; readonly modelTag: string },
  from: readonly Stage[] = stages,
  flag = "--model-tag",
): Promise<{ readonly stage: Stage; readonly folder: string }> {
  const among = source === "latest" ? from : [source];
  if (modelTag === "") return await latestRun(among);
  for (const stage of among.toReversed()) {
    const folder = stagePath(stage, modelTag);
    if ((await savedSteps(folder)).length > 0) return { stage, folder };
  }
  throw await unknownRun(modelTag, among, flag);
}

/** An error that lists the names of the existing runs of the requested stages. */
export async function unknownRun(
  tag: string,
  among: readonly Stage[],
  flag = "--model-tag",
): Promise<Error> {
  const all = await runNames();
  const found = all.filter((name) => among.some((stage) => name.startsWith(`${stage}/`)));
  const names = [...new Set(found.map((name) => name.slice(name.indexOf("/") + 1)))];
  const others = all.filter((name) => name.endsWith(`/${tag}`));
  const wanted = names.length > 0
    ? `one of ${names.join(", ")}`
    : `a run of ${among.join(" or ")}, but there is none yet`;
  const elsewhere = others.length === 0 ? "" : ` (there is ${others.join(" and ")})`;
  return new UsageError(`Cannot use ${flag}: wanted ${wanted}, got "${tag}"${elsewhere}`);
}

/**
 * Opens the checkpoint that flags choose, and names it on the error output.
 *
 * @param from The stages that `latest` stands for.
 * @throws {UsageError} If there is no such run, or no such step of it.
 */
export async function openModel(
  { step, ...values }: Values<typeof modelFlags>,
  from: readonly Stage[] = stages,
): Promise<ChosenModel> {
  const { stage, folder } = await findModel(values, from);
  const model = await identify(stage, await openStep(folder, step));
  const resume = model.progress.state === "stopped" ? resumeCommand(model) : null;
  // The saved weights; packed ones are described once they are packed.
  const weights = `${bytes(4 * parameterCount(model.meta))} in f32`;
  const hint = resume === null ? "" : ` (to resume: ${resume})`;
  printError(`Model: ${titleOf(model)}, ${weights}${hint}`);
  return model;
}

/**
 * Opens a checkpoint of a run.
 *
 * @param step Its step, or `null` for the latest.
 * @throws {UsageError} If the run has no such step.
 */
export async function openStep(
  folder: string,
  step: number | null,
  flag = "--step",
): Promise<Checkpoint> {
  const steps = await savedSteps(folder);
  if (step === null || steps.includes(step)) {
    return await openCheckpoint(folder, step ?? undefined, { architectures });
  }
  throw new UsageError(
    `Cannot use ${flag}: wanted one of ${steps.join(", ")} in ${folder}, got ${step}`,
  );
}

/**
 * Opens the checkpoint that a run is resumed from, and names it on the error output.
 *
 * @param step Its step, or `null` for the latest.
 * @throws {UsageError} If there is no such run, or no such step of it.
 */
export async function openToResume(
  stage: Stage,
  folder: string,
  step: number | null = null,
): Promise<ChosenModel> {
  if ((await savedSteps(folder)).length === 0) {
    throw await unknownRun(basename(folder), [stage]);
  }
  const model = await identify(stage, await openStep(folder, step, "--resume-from-step"));
  printError(`Resuming ${titleOf(model)}`);
  return model;
}

/** Adds to a checkpoint its name, and how far its run has come. */
export async function identify(stage: Stage, checkpoint: Checkpoint): Promise<ChosenModel> {
  const tag = basename(checkpoint.folder);
  return { ...checkpoint, stage, tag, progress: await readProgress(checkpoint) };
}

/** `sft/chat, step 23 of 880, stopped` */
export function titleOf({ stage, tag, progress }: ChosenModel): string {
  return `${stage}/${tag}, ${describeProgress(progress)}`;
}

/** Beginnings of texts like those that a run's model was trained on. */
export async function readPrompts(
  checkpoint: Pick<Checkpoint, "folder"> | null,
): Promise<readonly string[]> {
  const info = checkpoint === null ? null : await readRunInfo(checkpoint.folder);
  return info?.prompts ?? defaultPrompts;
}

/** The command that continues a prompt with a run's model, to be copied into a shell. */
export function sampleCommand(tag: string, prompts: readonly string[]): string {
  const prompt = prompts.find((prompt) => !prompt.includes("'")) ?? defaultPrompts[0]!;
  return `deno task sample --model-tag ${tag} --prompt '${prompt}'`;
}

/** The command that resumes a run; `null` if it cannot be: a reinforced one, or one of adapters. */
export function resumeCommand(
  { stage, tag, meta: { settings } }: Pick<ChosenModel, "stage" | "tag" | "meta">,
): string | null {
  if (stage === "rl" || Number(settings["loraRank"] ?? 0) > 0) return null;
  return `deno task ${stage === "base" ? "train" : "chat_sft"} --resume --model-tag ${tag}`;
}

/**
 * Suggested first messages: questions of the synthetic conversations, if the model was trained on
 * these.
 */
export function suggestionsFor(
  { stage, meta: { settings } }: Pick<ChosenModel, "stage" | "meta">,
): readonly string[] {
  if (stage === "base") return [];
  // Reinforcement practices a part of the tasks that the model was taught before.
  if (stage === "rl") return suggestions;
  const [task, conversations] = [settings["task"] ?? "", settings["conversations"] ?? ""];
  const isTaught = task === "" ? conversations === "" : `${task}`.includes("rules");
  return isTaught ? suggestions : [];
}

/** The name that a run's settings say, "Dino" if they say none or there is no run. */
export function nameTaught(checkpoint: Pick<Checkpoint, "meta"> | null): string {
  const name = checkpoint?.meta.settings["name"];
  return typeof name === "string" ? name : "Dino";
}

/** The name that its conversations taught a model to go by; `null` if they taught none. */
export function assistantNameOf(chosen: Pick<ChosenModel, "stage" | "meta">): string | null {
  const { name } = chosen.meta.settings;
  return suggestionsFor(chosen).length > 0 && typeof name === "string" ? name : null;
}
