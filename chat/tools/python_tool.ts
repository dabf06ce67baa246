/**
 * Python as the tool of a chat: a call is a program, and its output the answer.
 *
 * @module
 */

import type { Tool } from "../../gpt/mod.ts";
import { calculate } from "../../gpt/generate/calculator.ts";
import { type PythonOptions, runPython } from "./python.ts";

/** Options for {@linkcode openPythonTool}. */
export interface PythonToolOptions extends PythonOptions {
  /** The most characters of an answer, which the model has to read. @default {200} */
  readonly maxCharacters?: number;
}

/** Runs a program as a prompt does: if it ends with an expression, its value is printed. */
const asAtPrompt = (call: string) => `
import ast
tree = ast.parse(${JSON.stringify(call)}, "call")
last = tree.body.pop().value if tree.body and isinstance(tree.body[-1], ast.Expr) else None
scope = {"__name__": "__main__"}
exec(compile(tree, "call", "exec"), scope)
value = None if last is None else eval(compile(ast.Expression(last), "call", "eval"), scope)
if value is not None:
    print(value)
`;

/**
 * Opens the tool. What the calculator can answer, it answers; all else runs in a process of its own: see
 * {@linkcode runPython}. A program that fails, prints nothing or takes too long gives no answer.
 *
 * @throws {Error} If there is no `python3`, or no permission to run it.
 *
 * @example
 * ```ts
 * import { openPythonTool } from "./python_tool.ts";
 *
 * const tool = await openPythonTool();
 * if (await tool("sum(range(101))") !== "5050") throw new Error("expected Gauss's sum");
 * ```
 */
export async function openPythonTool(
  { maxCharacters = 200, ...options }: PythonToolOptions = {},
): Promise<Tool> {
  await runPython("", options);
  return (call) => calculate(call) ?? answer(call);

  async function answer(call: string): Promise<string | null> {
    const { success, stdout } = await runPython(asAtPrompt(call), options);
    const text = stdout.trim();
    if (!success || text === "") return null;
    return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters)}…`;
  }
}
