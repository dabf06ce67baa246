/** The tool that a model may call. @module */

import { calculate, Python, pythonTool } from "../chat/mod.ts";
import type { Tool } from "../gpt/mod.ts";
import { choice, UsageError, type Values } from "./flags.ts";

export const toolFlags = {
  tools: choice(
    ["calculator", "python"],
    "calculator",
    "python runs programs that the model writes; only tasks with :python in their name allow it",
  ),
};

type ToolValues = Values<typeof toolFlags>;

/**
 * Opens the tool, before other work begins.
 *
 * @param task The task in `deno.json`; the task that allows Python has the same name with
 * `:python`.
 * @throws {UsageError} If this process may not run Python.
 * @throws {Error} If Python cannot be downloaded or started.
 */
export async function openTool(values: ToolValues, task: string): Promise<Tool> {
  const python = await openPython(values, task);
  return python === null ? calculate : pythonTool(python);
}

/** Opens Python if the flags ask for it, and throws as {@linkcode openTool}. */
export async function openPython({ tools }: ToolValues, task: string): Promise<Python | null> {
  if (tools === "calculator") return null;
  const { state } = await Deno.permissions.query({ name: "run", command: Deno.execPath() });
  if (state === "granted") return await Python.open();
  throw new UsageError(
    `Cannot use --tools python: wanted the permission --allow-run=${Deno.execPath()}, got none. ` +
      `deno task ${task}:python has it`,
  );
}
