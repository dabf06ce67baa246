/**
 * The calculator that a model may call while it writes: arithmetic, and counting in strings.
 *
 * Answers equal those of Python, which evaluates these expressions in nanochat: integers are exact
 * and of any size, `/` gives a float, `//` rounds down, and floats print in their shortest form. It
 * is a parser and not an `eval`: nothing else can be expressed.
 *
 * Source: `use_calculator` in nanochat's `engine.py`. Unlike there, a word such as "profile" may be
 * counted in although it contains the letters of a forbidden function.
 *
 * @module
 */

/** Python's two kinds of number: an `int` is a bigint here, a `float` a number. */
type PythonNumber = bigint | number;

/** Maximum length of an expression: longer ones are noise, and could nest very deeply. */
const MAX_EXPRESSION_LENGTH = 1000;

/**
 * Evaluates an expression of numbers, `+ - * / //` and parentheses, or one of the form
 * `"text".count("t")`. Commas are ignored, in texts as well as in numbers.
 *
 * @param expression The text between the model's `<|python_start|>` and `<|python_end|>`.
 * @returns The result as Python prints it; `null` for anything else, and if there is no finite
 * result.
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
  if (expression.length > MAX_EXPRESSION_LENGTH) return null;
  const text = expression.replaceAll(",", "");
  return count(text) ?? arithmetic(text);
}

/** A quote ends its string: there are no escapes, and nothing but words may stand in it. */
const countCall = /^ *(["'])([A-Za-z0-9'"._() ]*?)\1\.count\((["'])([A-Za-z0-9'"._() ]*?)\3\) *$/;

function count(expression: string): string | null {
  const call = countCall.exec(expression);
  if (call === null) return null;
  const [, quote, text, partQuote, part] = call;
  if (text!.includes(quote!) || part!.includes(partQuote!)) return null;
  // Python finds the empty string before, between and after all characters.
  return String(part === "" ? text!.length + 1 : text!.split(part!).length - 1);
}

function arithmetic(expression: string): string | null {
  if (!/^[0-9*+\-/.() ]*$/.test(expression)) return null;
  const tokens = expression.match(/\d+\.?\d*|\.\d+|\/\/|[^ ]/g) ?? [];
  let next = 0;
  const binary = (operand: () => PythonNumber | null, symbols: readonly string[]) => {
    let left = operand();
    while (left !== null && symbols.includes(tokens[next]!)) {
      const symbol = tokens[next++]!;
      const right = operand();
      left = right === null ? null : operate(symbol, left, right);
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
      return operand === null ? null : -operand;
    }
    if (token === "(") {
      const inner = sum();
      return tokens[next++] === ")" ? inner : null;
    }
    return token === undefined ? null : literal(token);
  };
  const result = sum();
  return result !== null && next === tokens.length ? print(result) : null;
}

/** A number as it is written. Python refuses integers that begin with zeros, unless they are zero. */
function literal(token: string): PythonNumber | null {
  if (/^(0+|[1-9]\d*)$/.test(token)) return BigInt(token);
  return /^(\d+\.\d*|\.\d+)$/.test(token) ? Number(token) : null;
}

/** `a symbol b`; `null` where Python raises an error. */
function operate(symbol: string, a: PythonNumber, b: PythonNumber): PythonNumber | null {
  if (symbol.startsWith("/") && Number(b) === 0) return null;
  if (symbol === "/") return divide(a, b);
  if (typeof a === "bigint" && typeof b === "bigint") {
    if (symbol === "+") return a + b;
    if (symbol === "-") return a - b;
    if (symbol === "*") return a * b;
    const quotient = a / b;
    return a % b !== 0n && (a < 0n) !== (b < 0n) ? quotient - 1n : quotient;
  }
  const [x, y] = [toFloat(a), toFloat(b)];
  if (x === null || y === null) return null;
  if (symbol === "+") return x + y;
  if (symbol === "-") return x - y;
  if (symbol === "*") return x * y;
  return floorDivide(x, y);
}

/** Python divides integers with one rounding, however large they are. */
function divide(a: PythonNumber, b: PythonNumber): number | null {
  if (typeof a !== "bigint" || typeof b !== "bigint") {
    const [x, y] = [toFloat(a), toFloat(b)];
    return x === null || y === null ? null : x / y;
  }
  if (BigInt.asIntN(54, a) === a && BigInt.asIntN(54, b) === b) return Number(a) / Number(b);
  // Shift the dividend until the quotient has more bits than a double, and mark a remainder in the
  // lowest, so that the conversion to a double rounds only once.
  const [numerator, denominator] = [a < 0n ? -a : a, b < 0n ? -b : b];
  const shift = Math.max(0, 66 + bitLength(denominator) - bitLength(numerator));
  const scaled = numerator << BigInt(shift);
  const quotient = scaled / denominator;
  const sticky = scaled % denominator === 0n ? quotient : quotient | 1n;
  // In two steps, for 2 ** shift may be more than the largest double.
  const half = shift >> 1;
  const magnitude = Number(sticky) / 2 ** half / 2 ** (shift - half);
  return (a < 0n) === (b < 0n) ? magnitude : -magnitude;
}

/** An operand as a float; `null` for an integer that is larger than every float. */
function toFloat(value: PythonNumber): number | null {
  const float = Number(value);
  return typeof value === "bigint" && !Number.isFinite(float) ? null : float;
}

function bitLength(x: bigint): number {
  return x.toString(2).length;
}

/** `x // y` of floats: the quotient that belongs to a remainder of y's sign, as CPython computes it. */
function floorDivide(x: number, y: number): number {
  const remainder = x % y;
  let quotient = (x - remainder) / y;
  if (remainder !== 0 && (y < 0) !== (remainder < 0)) quotient -= 1;
  if (quotient === 0) return (x / y) * 0; // a zero of the quotient's sign
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** A result as Python prints it; `null` if it is not finite. */
function print(value: PythonNumber): string | null {
  if (typeof value === "bigint") return String(value);
  if (!Number.isFinite(value)) return null;
  if (Object.is(value, -0)) return "-0.0";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    // The shortest digits that read back, as JavaScript finds them too; the exponent has two digits.
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
