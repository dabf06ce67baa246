/** Profiles for scripts and benches. */

import { writeFileAtomically } from "../gpt/files/files.ts";
import type { TrainableModel } from "../gpt/browser.ts";
import { type Profile, profileAsText, profileAsTrace } from "../gpt/browser_internals.ts";
import { optional, text, toggle, type Values } from "./flags.ts";
import { print } from "./output.ts";
import { checkOutputFile } from "./output_path.ts";
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
 * @throws {UsageError} If it cannot.
 */
export async function checkTrace({ trace }: ProfileValues): Promise<void> {
  if (trace !== null) await checkOutputFile("--trace", trace);
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
