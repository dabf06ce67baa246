/** Prints kernels as pseudo-code, and programs as formulas, for explanations. @module */

import { differentiate } from "../formula/differentiate.ts";
import {
  type Expression,
  inOrder,
  makeProgram,
  operandsOf,
  type Program,
} from "../formula/program.ts";
import type { KernelText } from "../profile.ts";
import type {
  Buffer,
  BufferTypes,
  Condition,
  Elements,
  ElementType,
  Float,
  Index,
  Int,
  IntVector,
  KernelBody,
  KernelBuilder,
  KernelSource,
  LoopOptions,
  Mask,
  Signature,
  Value,
  Vector,
  VectorBuilder,
  VectorOptions,
} from "./language.ts";

/** How tightly operators bind: operands of a lower level are in parentheses. */
const [ATOM, PRODUCT, SUM, COMPARISON, LOGIC] = [4, 3, 2, 1, 0];

type ValueOrNumber = Value | number;

/** Any value of the language, as text. */
class Term implements Int, Float, Vector, IntVector, Mask, Condition {
  readonly text: string;
  readonly level: number;

  constructor(text: string, level = ATOM) {
    this.text = text;
    this.level = level;
  }

  at(level: number): string {
    return this.level < level ? `(${this.text})` : this.text;
  }

  #infix(symbol: string, other: ValueOrNumber, level: number): Term {
    return new Term(`${this.at(level)} ${symbol} ${termOf(other).at(level + 1)}`, level);
  }

  #call(name: string, ...others: readonly ValueOrNumber[]): Term {
    return new Term(`${name}(${[this, ...others].map((each) => termOf(each).text).join(", ")})`);
  }

  add = (other: ValueOrNumber): Term =>
    other === 0 ? this : this.text === "0" ? termOf(other) : this.#infix("+", other, SUM);
  subtract = (other: ValueOrNumber): Term => this.#infix("−", other, SUM);
  multiply = (other: ValueOrNumber): Term =>
    other === 0 ? termOf(0) : other === 1 ? this : this.#infix("·", other, PRODUCT);
  divide = (other: ValueOrNumber): Term => this.#infix("/", other, PRODUCT);
  remainder = (other: ValueOrNumber): Term => this.#infix("mod", other, PRODUCT);
  less = (other: ValueOrNumber): Term => this.#infix("<", other, COMPARISON);
  lessEqual = (other: ValueOrNumber): Term => this.#infix("≤", other, COMPARISON);
  greater = (other: ValueOrNumber): Term => this.#infix(">", other, COMPARISON);
  equal = (other: ValueOrNumber): Term => this.#infix("=", other, COMPARISON);
  notEqual = (other: ValueOrNumber): Term => this.#infix("≠", other, COMPARISON);
  lessUnsigned = (other: ValueOrNumber): Term => this.#infix("<ᵤ", other, COMPARISON);
  and = (other: ValueOrNumber): Term => this.#infix("and", other, LOGIC);
  or = (other: ValueOrNumber): Term => this.#infix("or", other, LOGIC);
  both = (other: Mask): Term => this.#infix("and", other, LOGIC);
  either = (other: Mask): Term => this.#infix("or", other, LOGIC);
  xor = (other: ValueOrNumber): Term => this.#infix("xor", other, LOGIC);
  shiftLeft = (bits: number): Term => this.#infix("<<", bits, PRODUCT);
  shiftRight = (bits: number): Term => this.#infix(">>", bits, PRODUCT);
  min = (other: ValueOrNumber): Term => this.#call("min", other);
  max = (other: ValueOrNumber): Term => this.#call("max", other);
  pseudoMin = (other: ValueOrNumber): Term => this.#call("min", other);
  pseudoMax = (other: ValueOrNumber): Term => this.#call("max", other);
  clamp = (low: number, high: number): Term => this.#call("clamp", low, high);
  multiplyAdd = (factor: ValueOrNumber, summand: ValueOrNumber): Term =>
    this.multiply(factor).add(summand);
  negativeMultiplyAdd = (factor: ValueOrNumber, minuend: ValueOrNumber): Term =>
    termOf(minuend).subtract(this.multiply(factor));
  dotBytes = (other: ValueOrNumber, sum: ValueOrNumber): Term => this.#call("dotBytes", other, sum);
  negate = (): Term => new Term(`−${this.at(ATOM)}`, PRODUCT);
  abs = (): Term => this.#call("abs");
  sqrt = (): Term => this.#call("sqrt");
  floor = (): Term => this.#call("floor");
  nearest = (): Term => this.#call("round");
  isNaN = (): Term => this.#call("isNaN");
  toI32x4 = (): Term => this.#call("integer");
  toF32x4 = (): Term => this.#call("float");
  bits = (): Term => this.#call("bits");
  asI32 = (): Term => this.#call("bits");
  asF32 = (): Term => this.#call("floatOfBits");
  asF32x4 = (): Term => this.#call("floatOfBits");
  select = (a: ValueOrNumber, b: ValueOrNumber): Term =>
    new Term(`${this.at(COMPARISON)} ? ${termOf(a).text} : ${termOf(b).text}`, LOGIC);
  where = (value: number): Term => this.select(value, 0);
}

function termOf(value: ValueOrNumber): Term {
  return value instanceof Term ? value : new Term(String(value));
}

const textOf = (value: ValueOrNumber): string => termOf(value).text;

/** Elements, as `name[index]`. */
class TextBuffer<T extends ElementType> implements Buffer<T> {
  readonly #k: TextBuilder;
  readonly #name: string;
  readonly #start: Term | null;

  constructor(k: TextBuilder, name: string, start: Term | null = null) {
    this.#k = k;
    this.#name = name;
    this.#start = start;
  }

  #at(index: Index, count: string | null = null): Term {
    const from = this.#start === null ? termOf(index) : this.#start.add(index);
    return new Term(`${this.#name}[${from.text}${count === null ? "" : ` … +${count}`}]`);
  }

  distance = (count: Int): Term => termOf(count);
  from(index: Index, stride: Index = 1): TextBuffer<T> {
    const at = termOf(index).multiply(stride);
    const start = this.#start === null ? at : this.#start.add(at);
    return new TextBuffer(this.#k, this.#name, start);
  }
  move(count: Index): void {
    this.#k.write(`${this.#name} moves on by ${textOf(count)}`);
  }
  load(index: Index): Elements[T] {
    return this.#at(index) as Elements[T];
  }
  loadSplat = (index: Index): Term => this.#at(index);
  loadVector(index: Index, { stride, isSingle = false }: VectorOptions = {}): Term {
    if (isSingle) return this.#at(index);
    return this.#at(index, stride === undefined ? "4" : `4 by ${textOf(stride)}`);
  }
  store(index: Index, value: Value): void {
    this.#k.write(`${this.#at(index).text} = ${textOf(value)}`);
  }
  storeVector(index: Index, value: Value, options?: VectorOptions): void {
    this.#k.write(`${this.loadVector(index, options).text} = ${textOf(value)}`);
  }
  fill(index: Index, count: Index, value: Int | Float | 0): void {
    this.#k.write(`${this.#at(index, textOf(count)).text} = ${textOf(value)}`);
  }
  copy(index: Index, from: TextBuffer<T>, fromIndex: Index, count: Index): void {
    const source = from.#at(fromIndex, textOf(count));
    this.#k.write(`${this.#at(index, textOf(count)).text} = ${source.text}`);
  }
}

/** Writes pseudo-code. */
class TextBuilder implements KernelBuilder {
  readonly lines: string[] = [];
  readonly end: Term = new Term("end");
  readonly scratch: TextBuffer<"f32"> = new TextBuffer(this, "scratch");
  readonly inTurn = true;
  readonly maxInTurn = 1;
  #depth = 0;
  #names = 0;

  write(statement: string): void {
    this.lines.push("  ".repeat(this.#depth) + statement);
  }

  block(head: string, body: () => void): void {
    this.write(`${head}:`);
    this.#depth++;
    body();
    this.#depth--;
  }

  #name<T extends Value>(value: T): T {
    const name = `v${++this.#names}`;
    this.write(`${name} = ${textOf(value)}`);
    return new Term(name) as Value as T;
  }

  let<T extends Value>(value: T): T {
    // A name for a name would say nothing.
    return /^\w+$/.test(textOf(value)) ? value : this.#name(value);
  }
  variable<T extends Value>(value: T): T {
    return this.#name(value);
  }
  set<T extends Value>(variable: T, value: T): void {
    this.write(`${textOf(variable)} = ${textOf(value)}`);
  }
  int = (value: number): Term => termOf(value);
  float = (value: number): Term => termOf(value);
  vector = (value: number): Term => termOf(value);
  intVector = (value: number): Term => termOf(value);
  splat = (value: Int | Float): Term => termOf(value);
  readonly first: Term = new Term("first");
  indices = (first: Int): Term => new Term(`[${textOf(first)} …]`);
  vectorOf = (lanes: readonly Float[]): Term => new Term(`[${lanes.map(textOf).join(", ")}]`);
  laneOf = (vector: Vector, number: number): Term =>
    new Term(`${termOf(vector).at(ATOM)}.${number}`);
  exp = (x: Vector): Term => new Term(`exp(${textOf(x)})`);
  expOfNonPositive = (x: Vector): Term => new Term(`exp(${textOf(x)})`);
  call = (name: string, x: Vector, _body: (k: VectorBuilder, x: Vector) => Vector): Term =>
    new Term(`${name}(${textOf(x)})`);
  array(vectors: readonly Vector[]): TextBuffer<"vec4<f32>"> {
    this.write(`array = [${vectors.map(textOf).join(", ")}]`);
    return new TextBuffer(this, "array");
  }
  loop(from: Index, to: Index, body: (i: Int) => void, { step = 1 }: LoopOptions = {}): void {
    const i = new Term(`i${++this.#names}`);
    const by = step === 1 ? "" : ` by ${step}`;
    this.block(`for ${i.text} from ${textOf(from)} below ${textOf(to)}${by}`, () => body(i));
  }
  vectors(
    from: Index,
    to: Index,
    _inTurn: number,
    body: (at: Int, vectors: number, isSingle: boolean) => void,
  ): void {
    const at = new Term(`i${++this.#names}`);
    const head = `for each vector at ${at.text} from ${textOf(from)} below ${textOf(to)}`;
    this.block(head, () => body(at, 1, false));
  }
  sumBlock(): number {
    return 1024;
  }
  acrossRow(values: readonly Vector[]): readonly Term[] {
    return values.map((value) => new Term(`acrossRow(${textOf(value)})`));
  }
  while(condition: Condition, body: () => void): void {
    this.block(`while ${textOf(condition)}`, body);
  }
  if(condition: Condition, then: () => void, otherwise?: () => void): void {
    this.block(`if ${textOf(condition)}`, then);
    if (otherwise !== undefined) this.block("else", otherwise);
  }
  unless(condition: Condition, body: () => void): void {
    this.block(`unless ${textOf(condition)}`, body);
  }
  spread(count: Index, body: (i: Int) => void): void {
    const i = new Term(`i${++this.#names}`);
    this.block(`for each ${i.text} below ${textOf(count)}, in any order`, () => body(i));
  }
  once(body: () => void): void {
    body();
  }
  summarize(line: string): true {
    this.write(line);
    return true;
  }
}

/**
 * A kernel as pseudo-code, in the form that the CPU runs.
 *
 * @example
 * ```ts
 * import { kernelAsText } from "./text.ts";
 *
 * const text = kernelAsText(
 *   { key: "double", buffers: { x: "f32", y: "f32" }, writes: ["y"], arguments: [] },
 *   (_, i, { x, y }) => y.store(i, x.load(i).multiply(2).add(1)),
 * );
 * const wanted = "double(x: f32, y: f32 out)\n  for each item:\n    y[item] = x[item] · 2 + 1";
 * if (text !== wanted) throw new Error(text);
 * ```
 */
export function kernelAsText<const B extends BufferTypes, const A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
): string {
  const { key, buffers, writes, spread = "items" } = signature;
  const k = new TextBuilder();
  const names = Object.keys(buffers) as (keyof B & string)[];
  const elements = Object.fromEntries(names.map((name) => [name, new TextBuffer(k, name)]));
  const terms = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, new Term(name)]));
  const { arguments: integers, floats = [] } = signature;
  const given = [
    ...names.map((name) => `${name}: ${buffers[name]}${writes.includes(name) ? " out" : ""}`),
    ...integers,
    ...floats,
  ];
  const head = spread === "ranges" ? "for each range from item to end" : "for each item";
  k.block(
    head,
    () =>
      body(
        k,
        new Term("item"),
        elements as { readonly [N in keyof B]: TextBuffer<B[N]> },
        terms(integers) as Readonly<Record<A, Term>>,
        terms(floats),
      ),
  );
  return [`${key}(${given.join(", ")})`, ...k.lines.map((line) => `  ${line}`)].join("\n");
}

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
 * import { add, square } from "../formula/expression.ts";
 * import { defineProgram } from "../formula/program.ts";
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

/** How a kernel is explained: by its pseudo-code, after the formulas that were lowered to it. */
export function explainedBy({ signature, body, program }: KernelSource): KernelText {
  if (program === null) return { code: () => kernelAsText(signature, body) };
  return {
    code: () =>
      `${programAsText(program)}\n\n${kernelAsText({ ...signature, key: program.name }, body)}`,
    gradient: () => gradientAsText(program),
  };
}
