/**
 * Python as the tool of a chat: a call is a program, and its output the answer.
 *
 * @module
 */

import type { Tool } from "../../gpt/mod.ts";
import { calculate } from "../../gpt/generate/calculator.ts";
import type { Python } from "./python.ts";

/** Options for {@linkcode pythonTool}. */
export interface PythonToolOptions {
  /** Maximum characters of an answer, which the model has to read. @default {200} */
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
 * Creates the tool. The calculator answers what it can; everything else runs in a process of its
 * own: see {@linkcode Python}. A program that fails, prints nothing or takes too long gives no
 * answer.
 *
 * @param python Must stay open.
 *
 * @example
 * ```ts
 * import { Python } from "./python.ts";
 * import { pythonTool } from "./python_tool.ts";
 *
 * await using python = await Python.open({ folder: await Deno.makeTempDir() });
 * const tool = pythonTool(python);
 * if (await tool("sum(range(101))") !== "5050") throw new Error("expected Gauss's sum");
 * ```
 */
export function pythonTool(
  python: Python,
  { maxCharacters = 200 }: PythonToolOptions = {},
): Tool {
  return (call) => calculate(call) ?? answer(call);

  async function answer(call: string): Promise<string | null> {
    const { success, stdout } = await python.run(asAtPrompt(call));
    const text = stdout.trim();
    if (!success || text === "") return null;
    return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters)}…`;
  }
}
