/**
 * The tool that a model may call in the middle of a text: arithmetic, and counting in strings.
 *
 * The answers are those of Python, in which the original evaluates the same expressions: `7 / 2` is
 * 3.5, `6 / 2` is 3.0. It is a parser and not an `eval`: nothing else can be expressed.
 *
 * @module
 */

/** A number that knows whether Python would print it with a point. */
interface PythonNumber {
  readonly value: number;
  readonly isFloat: boolean;
}

/** What may be written between two numbers: quotients are floats, as in Python. */
const operators: Readonly<Record<string, (a: PythonNumber, b: PythonNumber) => PythonNumber>> = {
  "+": (a, b) => ({ value: a.value + b.value, isFloat: a.isFloat || b.isFloat }),
  "-": (a, b) => ({ value: a.value - b.value, isFloat: a.isFloat || b.isFloat }),
  "*": (a, b) => ({ value: a.value * b.value, isFloat: a.isFloat || b.isFloat }),
  "//": (a, b) => ({ value: Math.floor(a.value / b.value), isFloat: a.isFloat || b.isFloat }),
  "/": (a, b) => ({ value: a.value / b.value, isFloat: true }),
};

/** Longer expressions are not computed: they are noise, and could nest very deeply. */
const LONGEST_EXPRESSION = 1000;

/**
 * Evaluates an expression of numbers, `+ - * / //` and parentheses, or one of the form
 * `"text".count("t")`. Commas within numbers are ignored.
 *
 * @returns The result as Python prints it; `null` for what is not such an expression, and where there
 * is no finite result.
 *
 * @example
 * ```ts
 * import { calculate } from "./calculator.ts";
 *
 * if (calculate("(1,000 + 24) / 2") !== "512.0") throw new Error("expected 512.0");
 * if (calculate('"strawberry".count("r")') !== "3") throw new Error("expected 3");
 * if (calculate("open('file')") !== null) throw new Error("expected no answer");
 * ```
 */
export function calculate(expression: string): string | null {
  if (expression.length > LONGEST_EXPRESSION) return null;
  return count(expression) ?? arithmetic(expression.replaceAll(",", ""));
}

function count(expression: string): string | null {
  const call = /^\s*(["'])(.*?)\1\.count\((["'])(.*?)\3\)\s*$/s.exec(expression);
  if (call === null) return null;
  const [text, part] = [call[2]!, call[4]!];
  // Python finds the empty string before, between and after all characters.
  const found = part === "" ? [...text].length + 1 : text.split(part).length - 1;
  return String(found);
}

function arithmetic(expression: string): string | null {
  const tokens = expression.match(/\d+\.?\d*|\.\d+|\/\/|[-+*/()]|\S/g) ?? [];
  let next = 0;
  const binary = (operand: () => PythonNumber | null, symbols: readonly string[]) => {
    let left = operand();
    while (left !== null && symbols.includes(tokens[next]!)) {
      const operator = operators[tokens[next++]!]!;
      const right = operand();
      left = right === null ? null : operator(left, right);
    }
    return left;
  };
  const sum = (): PythonNumber | null => binary(product, ["+", "-"]);
  const product = (): PythonNumber | null => binary(factor, ["*", "/", "//"]);
  const factor = (): PythonNumber | null => {
    const token = tokens[next++];
    if (token === "+") return factor();
    if (token === "-") {
      const operand = factor();
      return operand === null ? null : { ...operand, value: -operand.value };
    }
    if (token === "(") {
      const inner = sum();
      return tokens[next++] === ")" ? inner : null;
    }
    if (token === undefined || !/^[\d.]/.test(token)) return null;
    return { value: Number(token), isFloat: token.includes(".") };
  };
  const result = sum();
  const finished = next === tokens.length;
  return result !== null && finished && Number.isFinite(result.value) ? print(result) : null;
}

function print({ value, isFloat }: PythonNumber): string {
  return isFloat && Number.isInteger(value) ? value.toFixed(1) : String(value);
}
