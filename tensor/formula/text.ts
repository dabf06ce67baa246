/** Programs as text, for explanations. @module */

import { differentiate } from "./differentiate.ts";
import { type Expression, inOrder, operandsOf } from "./expression.ts";
import { makeProgram, type Program } from "./program.ts";

const SYMBOLS: Readonly<Record<string, string>> = {
  add: "+",
  subtract: "−",
  multiply: "·",
  divide: "/",
  less: "<",
  lessEqual: "≤",
  equal: "=",
};

/**
 * The formulas of a program, one line each. What is used several times has a name.
 *
 * @example
 * ```ts
 * import { add, square } from "./expression.ts";
 * import { defineProgram } from "./program.ts";
 * import { gradientAsText, programAsText } from "./text.ts";
 *
 * const program = defineProgram({ name: "f", inputs: ["x"] }, ({ x }) => [add(square(x), 1)]);
 * const text = programAsText(program);
 * if (text !== "f(x)\n  → (x · x) + 1") throw new Error(text);
 * if (!gradientAsText(program).includes("upstream0 · x")) throw new Error("expected 2x");
 * ```
 */
export function programAsText({ name, inputs, scalars, outputs }: Program): string {
  const order = inOrder(outputs);
  const uses = new Map<Expression, number>();
  for (const e of [...order.flatMap(operandsOf), ...outputs]) uses.set(e, (uses.get(e) ?? 0) + 1);
  const names = new Map<Expression, string>();
  const lines: string[] = [];

  const operand = (e: Expression): string => names.get(e) ?? parenthesized(e);
  const parenthesized = (e: Expression): string =>
    e.kind === "binary" && e.operation in SYMBOLS || e.kind === "select"
      ? `(${write(e)})`
      : write(e);
  const whole = (e: Expression): string => names.get(e) ?? write(e);
  const write = (e: Expression): string => {
    switch (e.kind) {
      case "input":
        return inputs[e.index]?.name ?? `input${e.index}`;
      case "scalar":
        return scalars[e.index] ?? `scalar${e.index}`;
      case "constant":
        return String(e.value).replace("-", "−").replace("Infinity", "∞");
      case "columnIndex":
      case "rowLength":
        return e.kind;
      case "unary":
        return e.operation === "negate" ? `−${operand(e.a)}` : `${e.operation}(${whole(e.a)})`;
      case "binary": {
        const symbol = SYMBOLS[e.operation];
        if (symbol === undefined) return `${e.operation}(${whole(e.a)}, ${whole(e.b)})`;
        return `${operand(e.a)} ${symbol} ${operand(e.b)}`;
      }
      case "select":
        return `${operand(e.condition)} ? ${operand(e.a)} : ${operand(e.b)}`;
      case "reduce":
        return `row${e.operation[0]?.toUpperCase()}${e.operation.slice(1)}(${whole(e.a)})`;
      case "broadcast":
      case "detach":
        return whole(e.a);
    }
  };
  const isLeaf = (e: Expression) => operandsOf(e).length === 0;
  for (const e of order) {
    if (isLeaf(e) || outputs.includes(e) || (uses.get(e) ?? 0) < 2) continue;
    const line = write(e);
    const own = `v${names.size + 1}`;
    names.set(e, own);
    lines.push(`  ${own} = ${line}`);
  }
  const given = [...inputs.map(({ name }) => name), ...scalars].join(", ");
  return [`${name}(${given})`, ...lines, ...outputs.map((e) => `  → ${whole(e)}`)].join("\n");
}

/** The formulas of the gradient of a program's first output. */
export function gradientAsText(program: Program): string {
  const first = makeProgram({ ...program, outputs: program.outputs.slice(0, 1) });
  return programAsText(differentiate(first, program.inputs.map(({ isInteger }) => !isInteger)));
}
