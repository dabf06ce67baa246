/** The tool that a model may call. @module */

import { calculate, openPythonTool } from "../chat/mod.ts";
import type { Tool } from "../gpt/mod.ts";
import { choice, UsageError, type Values } from "./flags.ts";

export const toolFlags = {
  tools: choice(
    ["calculator", "python"],
    "calculator",
    "python may run programs of the model; only the task with :python after its name allows it",
  ),
};

/**
 * Opens the tool, before other work begins.
 *
 * @param task The task in `deno.json`, whose name with `:python` is that of the one that allows Python.
 * @throws {UsageError} If this process may not run Python.
 * @throws {Error} If there is no `python3`.
 */
export async function openTool({ tools }: Values<typeof toolFlags>, task: string): Promise<Tool> {
  if (tools === "calculator") return calculate;
  const { state } = await Deno.permissions.query({ name: "run", command: "python3" });
  if (state === "granted") return await openPythonTool();
  throw new UsageError(
    `Cannot use --tools python: wanted the permission --allow-run=python3, got none. ` +
      `deno task ${task}:python has it`,
  );
}
