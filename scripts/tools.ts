/** The tool that a model may call. @module */

import { Python } from "../chat/mod.ts";
import { choice, UsageError, type Values } from "./flags.ts";

export const toolFlags = {
  tools: choice(
    ["calculator", "python"],
    "calculator",
    "python runs programs that the model writes; only tasks with :python in their name allow it",
  ),
};

/**
 * Opens Python if the flags ask for it, before other work begins; `null` if they do not.
 *
 * @param task The task in `deno.json`; the task that allows Python has the same name with
 * `:python`.
 * @throws {UsageError} If this process may not run Python.
 * @throws {Error} If Python cannot be downloaded or started.
 */
export async function openPython(
  { tools }: Values<typeof toolFlags>,
  task: string,
): Promise<Python | null> {
  if (tools === "calculator") return null;
  const { state } = await Deno.permissions.query({ name: "run", command: Deno.execPath() });
  if (state === "granted") return await Python.open();
  throw new UsageError(
    `Cannot use --tools python: wanted the permission --allow-run=${Deno.execPath()}, got none. ` +
      `deno task ${task}:python has it`,
  );
}
