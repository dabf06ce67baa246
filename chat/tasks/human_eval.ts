/**
 * Programs to complete, in the format of HumanEval: a completion is right if it passes the
 * problem's test.
 *
 * Source: nanochat, `tasks/humaneval.py`.
 *
 * @module
 */

import type { Conversation } from "../../tokenizer/mod.ts";

/** A row of HumanEval's data set. */
export interface HumanEvalRow {
  /** The beginning of a program. */
  readonly prompt: string;
  /** The rest of it. */
  readonly canonical_solution: string;
  /** The function to test. */
  readonly entry_point: string;
  /** A program that defines `check(candidate)`. */
  readonly test: string;
}

/** A program to complete. */
export interface HumanEvalProblem extends Conversation {
  /** The function to test. */
  readonly entryPoint: string;
  /** A program that defines `check(candidate)`. */
  readonly test: string;
}

/** A row as a problem. */
export function humanEvalProblem(row: HumanEvalRow): HumanEvalProblem {
  return {
    messages: [
      { role: "user", content: row.prompt },
      { role: "assistant", content: `${row.prompt}\n${row.canonical_solution}` },
    ],
    entryPoint: row.entry_point,
    test: row.test,
  };
}

/**
 * The Python program that succeeds if a completion is right: the prompt's imports, the completion's
 * program, the test and its call.
 *
 * @example
 * ```ts
 * import { humanEvalProblem, testProgram } from "./human_eval.ts";
 *
 * const problem = humanEvalProblem({
 *   prompt: "import math\n\ndef one():\n",
 *   canonical_solution: "    return 1\n",
 *   entry_point: "one",
 *   test: "def check(f):\n    assert f() == 1\n",
 * });
 * const program = testProgram(problem, "def one():\n    return 1");
 * if (!program.startsWith("import math\n\ndef one()")) throw new Error(program);
 * ```
 */
export function testProgram(
  { messages, entryPoint, test }: HumanEvalProblem,
  completion: string,
): string {
  const prompt = messages[0]?.content;
  const imports = typeof prompt === "string" ? extractImports(prompt) : "";
  return `${imports}\n\n${extractProgram(completion)}\n\n${test}\ncheck(${entryPoint})`;
}

/** The import lines at the head of a program. */
export function extractImports(program: string): string {
  const imports: string[] = [];
  for (const line of program.split("\n").map((line) => line.trim())) {
    if (/^(import|from) /.test(line)) imports.push(line);
    else if (line !== "" && !line.startsWith("#")) break;
  }
  return imports.join("\n");
}

/** The first fenced block of a completion, or all of it. */
export function extractProgram(completion: string): string {
  const fenced = /```(?:python)?\s*\n(.*?)\n```/s.exec(completion);
  return (fenced?.[1] ?? completion).trim();
}
