/** The conversations and documents that `chat_sft` learns from. */

import {
  documentConversations,
  mixTasks,
  ownConversations,
  type OwnDocument,
  readDocuments,
  ruleConversations,
  simpleSpelling,
  spellingBee,
  type Task,
} from "../chat/mod.ts";
import { readWords, withoutTools } from "../chat/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { UsageError, withUsageErrors } from "./flags.ts";
import { nameAndNumber, openTrainingSet, trainingSetNames } from "./named_tasks.ts";
import type { FineTuneValues } from "./sft_flags.ts";
import { localPlace } from "./stored.ts";

/** Default tasks, without and with documents; fewer conversations displace less of the latter. */
const DEFAULT_TASK = "rules:60000";
const DEFAULT_TASK_BESIDE_DOCUMENTS = "rules:10000";

/** The tasks of a fine-tuning. */
export interface SftTasks {
  /** The conversations to learn from. */
  readonly train: Task;
  /** Conversations for validation, if there are any like those of the tasks. */
  readonly validation: Task | null;
  /** Documents, which come first. */
  readonly documents: readonly OwnDocument[];
  /** Whether data sets of nanochat are among them, so that the mixture has nanochat's order. */
  readonly hasNanochatOrder: boolean;
}

/**
 * Opens the tasks that the flags choose.
 *
 * @param hasTools Whether the format of the conversations has a place for tool calls.
 */
export async function openSftTasks(
  values: FineTuneValues,
  tokenizer: Tokenizer,
  hasTools: boolean,
): Promise<SftTasks> {
  const documents: OwnDocument[] = [];
  for (const place of values.documents) documents.push(...await readDocuments(place));
  const hasDocuments = documents.length > 0;
  const specs = values.task.length + values.conversations.length === 0
    ? [hasDocuments ? DEFAULT_TASK_BESIDE_DOCUMENTS : DEFAULT_TASK]
    : values.task.flatMap((text) => text.split(","));
  const train: Task[] = [];
  const validation: Task[] = [];
  if (hasDocuments) train.push(documentConversations(documents, undefined, values.seed));
  for (const place of values.conversations) {
    train.push(await ownConversations(await localPlace(place)));
  }
  for (const spec of specs) {
    const opened = await openTask(spec, values, tokenizer);
    train.push(...opened.train);
    validation.push(...opened.validation);
  }
  const hasNanochatOrder = specs.some(isTrainingSet);
  const others = { ...values, seed: values.seed + 1 };
  // nanochat's order is that of a mixture, even of a single task.
  const mixture = train.length === 1 && !hasNanochatOrder ? train[0]! : mixTasks(train);
  if (validation.length === 0 && specs.some((spec) => /^rules\b/.test(spec))) {
    validation.push(await openRuleTask("rules:200", others));
  }
  const held = validation.length === 0 ? null : mixTasks(validation);
  return {
    train: hasTools ? mixture : withoutTools(mixture),
    validation: hasTools || held === null ? held : withoutTools(held),
    documents,
    hasNanochatOrder,
  };
}

/** Whether a task is a data set of nanochat. */
function isTrainingSet(spec: string): boolean {
  return trainingSetNames.includes(spec.split(":")[0]!);
}

/** A task, repeated as often as it is learned, and its validation conversations, if it has any. */
async function openTask(
  spec: string,
  values: FineTuneValues,
  tokenizer: Tokenizer,
): Promise<{ train: readonly Task[]; validation: readonly Task[] }> {
  const [, file] = /^identity=(.+)$/.exec(spec) ?? [];
  if (file !== undefined) {
    return { train: [await ownConversations(await localPlace(file))], validation: [] };
  }
  if (!isTrainingSet(spec)) {
    return { train: [await openRuleTask(spec, values, tokenizer)], validation: [] };
  }
  const [name, epochs] = nameAndNumber(
    spec,
    { mmlu: values.mmluEpochs, gsm8k: values.gsm8kEpochs }[spec] ?? 1,
  );
  const { train, validation } = await openTrainingSet(name);
  return {
    train: new Array<Task>(epochs).fill(train),
    validation: validation === null ? [] : [validation],
  };
}

async function openRuleTask(
  spec: string,
  { name, seed }: FineTuneValues,
  tokenizer?: Tokenizer,
): Promise<Task> {
  const [kind, length] = nameAndNumber(spec, 10_000);
  if (kind === "rules") {
    return await ruleConversations(length, { name, seed, ...(tokenizer && { tokenizer }) });
  }
  if (kind === "spelling" || kind === "spellingbee") {
    const { common, many } = await readWords();
    const make = kind === "spelling" ? simpleSpelling : spellingBee;
    return withUsageErrors(() => make({ words: [...common, ...many], size: length }));
  }
  throw new UsageError(
    `Cannot use --task: wanted rules, spelling, spellingbee, ${
      trainingSetNames.join(", ")
    } or identity=FILE, got "${kind}"`,
  );
}
