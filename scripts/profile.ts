/** Profiles for scripts and benches. */

import { writeFileAtomically } from "../gpt/files/files.ts";
import { type Device, type Profile, profileAsText, profileAsTrace } from "../gpt/browser.ts";
import { optional, text, toggle, type Values } from "./flags.ts";
import { print } from "./output.ts";

export const profileFlags = {
  profile: toggle("Print where the time goes: operations, calls, time, speed"),
  trace: optional(text("", "Write where the time goes to this file, for ui.perfetto.dev", "FILE")),
};

export type ProfileValues = Values<typeof profileFlags>;

export function wantsProfile({ profile, trace }: ProfileValues): boolean {
  return profile || trace !== null;
}

/**
 * Prints a profile, writes it as a trace, or both.
 * @throws {Error} If the trace cannot be written.
 */
export async function showProfile(
  title: string,
  profile: Profile,
  device: Device,
  values: ProfileValues,
): Promise<void> {
  if (values.profile) print(`${title}\n\n${profileAsText(profile)}\n`);
  if (values.trace === null) return;
  await writeFileAtomically(values.trace, profileAsTrace(profile, device));
  print(`${title}: wrote the trace ${values.trace}`);
}
