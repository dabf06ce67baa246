/** Profiles for scripts and benches. */

import { writeFileAtomically } from "../gpt/files/files.ts";
import type { TrainableModel } from "../gpt/browser.ts";
import { type Profile, profileAsText, profileAsTrace } from "../gpt/browser_internals.ts";
import { dirname } from "./deps.ts";
import { optional, text, toggle, UsageError, type Values } from "./flags.ts";
import { print } from "./output.ts";
import { describeWeights } from "./weights.ts";

export const profileFlags = {
  profile: toggle("Print where the time goes: operations, calls, time, speed"),
  trace: optional(text("", "Write where the time goes to this file, for ui.perfetto.dev", "FILE")),
};

export type ProfileValues = Values<typeof profileFlags>;

export function wantsProfile({ profile, trace }: ProfileValues): boolean {
  return profile || trace !== null;
}

/**
 * Checks that the trace can be written, before a run that takes its time.
 *
 * @throws {UsageError} If its folder does not exist.
 */
export async function checkTrace({ trace }: ProfileValues): Promise<void> {
  if (trace === null) return;
  const folder = dirname(trace);
  const isFolder = await Deno.stat(folder).then((info) => info.isDirectory, () => false);
  if (isFolder) return;
  throw new UsageError(
    `Cannot write --trace ${trace}: wanted a file in a folder that exists, got ${folder}`,
  );
}

/**
 * Prints a profile with the size of the model's weights, writes it as a trace, or both.
 * @throws {Error} If the trace cannot be written.
 */
export async function showProfile(
  title: string,
  profile: Profile,
  model: TrainableModel,
  values: ProfileValues,
): Promise<void> {
  const weights = describeWeights(model);
  if (values.profile) print(`${title}, weights of ${weights}\n\n${profileAsText(profile)}\n`);
  if (values.trace === null) return;
  await writeFileAtomically(values.trace, profileAsTrace(profile, model.device));
  print(`${title}: wrote the trace ${values.trace}`);
}
