/** Prints a kernel as WGSL. @module */

import type { WgslKernel } from "../device.ts";
import { Error } from "../errors.ts";
import { type Arithmetic, floatArithmetic, integerArithmetic } from "./arithmetic.ts";
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
  LoopOptions,
  Signature,
  Value,
  Vector,
  VectorBuilder,
} from "./language.ts";
import {
  codeOf,
  type NumberType,
  operandCode,
  printed,
  type WgslType,
  wgslTypeOf,
  WgslValue,
  type Width,
} from "./wgsl_value.ts";

/** Threads of a workgroup, except of one for lanes. */
export const THREADS = 64;

/**
 * The WGSL of a kernel. Its integer arguments are the offset of each buffer, the integer arguments,
 * and the number of items.
 *
 * @param rowThreads Threads of a workgroup along a row, in a kernel for rows: a divisor of
 * {@linkcode THREADS}.
 */
export function toWgsl<B extends BufferTypes, A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
  rowThreads = 1,
): WgslKernel {
  const { key, buffers, writes, arguments: names, spread, lanes = 0, shared = 0 } = signature;
  const entries = Object.entries(buffers);
  return {
    key: rowThreads === 1 ? key : `${key}, ${rowThreads} side by side`,
    integers: [...entries.map(([name]) => `${name}Offset`), ...names, "items"],
    buffers: entries.map(([name, type]) => ({ name, type, writes: writes.includes(name) })),
    code: () => {
      const k = new WgslBuilder();
      const operands = Object.fromEntries(
        entries.map(([name, type]) => [name, k.buffer(name, type)]),
      );
      const argument = (name: string) => new WgslValue(`arguments.${name}`, "i32");
      const arguments_ = Object.fromEntries(names.map((name) => [name, argument(name)]));
      // The objects have exactly the names that the types list.
      body(k, new WgslValue("item", "i32"), operands as never, arguments_ as never);
      return k.finish(`${shared > 0 ? `var<workgroup> shared_: array<f32, ${shared}>;` : ""}
${spread === "lanes" ? begin(lanes, 1) : begin(rowThreads, THREADS / rowThreads)}
  if (item >= arguments.items) { return; }`);
    },
  };
}

/**
 * The start of `main`, for workgroups along the items in the dimensions y and z, and along each item
 * in x: a division by the length of rows would take longer than the rest on software adapters.
 */
const begin = (lanes: number, items: number): string => `
@compute @workgroup_size(${lanes * items})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = i32(thread % ${lanes}u);
  let item = i32(group.z * grid.y + group.y)${
  items === 1 ? "" : ` * ${items} + i32(thread / ${lanes}u)`
};
  let first = i32(group.x) * ${lanes} + lane;
  let step = i32(grid.x) * ${lanes};`;

/** The arithmetic of formulas. */
export function wgslArithmetic(k: WgslBuilder, number: NumberType): Arithmetic {
  return number === "i32" ? integerArithmetic(k, printed, printed) : floatArithmetic(k);
}

/** The text of a kernel, which all of its builders write to. */
interface KernelText {
  readonly statements: string[];
  /** Definitions of functions, by name. */
  readonly functions: Map<string, string>;
  names: number;
}

/** Writes WGSL. */
export class WgslBuilder implements KernelBuilder {
  readonly inTurn = false;
  readonly end: Int = new WgslValue("(item + 1)", "i32");
  readonly shared: Buffer<"f32">;
  readonly #width: Width;
  readonly #text: KernelText;
  #depth = 0;

  /** @param width Numbers of a vector. */
  constructor(
    width: Width = 4,
    text: KernelText = { statements: [], functions: new Map(), names: 0 },
  ) {
    this.#width = width;
    this.#text = text;
    this.shared = this.buffer("shared_", "f32", "");
  }
  write(statement: string): void {
    this.#text.statements.push(statement);
  }
  /** The kernel: the statements that were written, after its beginning, and what they use. */
  finish(begin: string): string {
    return this.withFunctions(`${begin}\n${this.#text.statements.join("\n")}\n}\n`);
  }
  withFunctions(main: string): string {
    return [...this.#text.functions.values(), main].join("");
  }
  buffer<T extends ElementType>(
    name: string,
    type: T,
    offset = `arguments.${name}Offset + `,
  ): Buffer<T> {
    return new WgslBuffer<T>(this, name, type, offset);
  }
  #number(value: number, type: WgslType): WgslValue {
    return new WgslValue(operandCode(value, type), type);
  }
  int(value: number): Int {
    return this.#number(value, "i32");
  }
  float(value: number): Float {
    return this.#number(value, "f32");
  }
  vector(value: number): Vector {
    return this.#number(value, wgslTypeOf("f32", this.#width));
  }
  intVector(value: number): IntVector {
    return this.#number(value | 0, wgslTypeOf("i32", this.#width));
  }
  vectorOf(lanes: readonly Float[]): Vector {
    return new WgslValue(`vec4<f32>(${lanes.map(codeOf).join(", ")})`, "vec4<f32>");
  }
  laneOf(vector: Vector, number: number): Float {
    return printed(vector).lane(number);
  }
  array(vectors: readonly Vector[]): Buffer<"vec4<f32>"> {
    const name = `v${this.#text.names++}`;
    this.write(`var ${name} = array(${vectors.map(codeOf).join(", ")});`);
    return this.buffer(name, "vec4<f32>", "");
  }
  condition(value: boolean): Condition {
    return new WgslValue(`${value}`, "bool");
  }
  #apply(name: string, x: Vector): WgslValue {
    const { code, type, width } = printed(x);
    return new WgslValue(`${name}${width}(${code})`, type);
  }
  exp(x: Vector): Vector {
    return this.#apply("exponential", x);
  }
  expOfNonPositive(x: Vector): Vector {
    return this.exp(x);
  }
  call(name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector {
    const { type, width } = printed(x);
    const { functions } = this.#text;
    if (!functions.has(`${name}${width}`)) {
      const text = { statements: [], functions, names: 0 };
      const code = codeOf(body(new WgslBuilder(width, text), new WgslValue("x", type)));
      functions.set(
        `${name}${width}`,
        `fn ${name}${width}(x: ${type}) -> ${type} {
${text.statements.join("\n")}
return ${code};
}
`,
      );
    }
    return this.#apply(name, x);
  }
  let<T extends Value>(value: T): T {
    return this.#name("let", value);
  }
  variable<T extends Value>(value: T): T {
    return this.#name("var", value);
  }
  #name<T extends Value>(keyword: "let" | "var", value: T): T {
    const { code, type } = printed(value);
    const name = `v${this.#text.names++}`;
    this.write(`${keyword} ${name} = ${code};`);
    return new WgslValue(name, type) as T & WgslValue;
  }
  set<T extends Value>(variable: T, value: T): void {
    this.write(`${codeOf(variable)} = ${codeOf(value)};`);
  }
  loop(
    from: Index,
    to: Index,
    body: (i: Int) => void,
    { step = 1 }: LoopOptions = {},
  ): void {
    this.#for(operandCode(from, "i32"), to, `${step}`, body);
  }
  #for(from: string, to: Index, step: string, body: (i: Int) => void): void {
    const i = new WgslValue(`v${this.#text.names++}`, "i32");
    const end = operandCode(typeof to === "number" ? to : this.let(to), "i32");
    this.block(
      `for (var ${i.code} = ${from}; ${i.code} < ${end}; ${i.code} += ${step})`,
      () => body(i),
    );
  }
  if(condition: Condition, then: () => void, otherwise?: () => void): void {
    this.block(`if (${codeOf(condition)})`, then);
    if (otherwise !== undefined) this.block("else", otherwise);
  }
  unless(condition: Condition, body: () => void): void {
    this.block(`if (!${codeOf(condition)})`, body);
  }
  /** A statement with a body. */
  block(head: string, body: () => void): void {
    this.write(`${head} {`);
    this.#depth++;
    body();
    this.#depth--;
    this.write("}");
  }
  spread(count: Index, body: (i: Int) => void): void {
    this.#for("first", count, "step", body);
  }
  owner(index: Int, body: () => void): void {
    this.block(`if (${codeOf(index)} % step == first)`, body);
  }
  eachLane(count: Index, body: (lane: Int) => void): void {
    const lane = new WgslValue("lane", "i32");
    this.#phase(`if (lane < ${operandCode(count, "i32")})`, () => body(lane));
  }
  once(body: () => void): void {
    this.#phase("if (lane == 0)", body);
  }
  #phase(head: string, body: () => void): void {
    if (this.#depth > 0) {
      throw new Error("Cannot print a kernel: wanted lanes outside of loops and conditions");
    }
    this.block(head, body);
    this.write("workgroupBarrier();");
  }
}

class WgslBuffer<T extends ElementType> implements Buffer<T> {
  readonly #k: WgslBuilder;
  readonly #name: string;
  readonly #type: T;
  readonly #offset: string;

  constructor(k: WgslBuilder, name: string, type: T, offset: string) {
    this.#k = k;
    this.#name = name;
    this.#type = type;
    this.#offset = offset;
  }
  #at(index: Index, after = ""): string {
    return `${this.#name}[${this.#offset}${operandCode(index, "i32")}${after}]`;
  }
  #assign(index: Index, code: string, after = ""): void {
    this.#k.write(`${this.#at(index, after)} = ${code};`);
  }
  from(index: Index): Buffer<T> {
    const { code } = this.#k.let(
      new WgslValue(`${this.#offset}${operandCode(index, "i32")}`, "i32"),
    );
    return new WgslBuffer(this.#k, this.#name, this.#type, `${code} + `);
  }
  load(index: Index): Elements[T] {
    // A `float16` is one in memory only.
    const type = this.#type.replace("f16", "f32") as WgslType;
    const element = this.#at(index);
    const code = type === this.#type ? element : `${type}(${element})`;
    return new WgslValue(code, type) as Elements[T] & WgslValue;
  }
  loadSplat(index: Index): Vector {
    return new WgslValue(`vec4<f32>(f32(${this.#at(index)}))`, "vec4<f32>");
  }
  store(index: Index, value: Value): void {
    const { code, type } = printed(value);
    this.#assign(index, type === this.#type ? code : `${this.#type}(${code})`);
  }
  loadFour(index: Index): Vector {
    const elements = [0, 1, 2, 3].map((i) => this.#at(index, ` + ${i}`));
    return new WgslValue(`vec4<f32>(${elements.join(", ")})`, "vec4<f32>");
  }
  storeFour(index: Index, value: Vector): void {
    const code = codeOf(this.#k.let(value));
    for (let i = 0; i < 4; i++) this.#assign(index, `${code}[${i}]`, ` + ${i}`);
  }
  clear(index: Index, count: Index): void {
    this.#spread(index, count, () => `${this.#type}()`);
  }
  fill(index: Index, count: Index, value: Int | Float): void {
    const scalar = /[fi]\d+/.exec(this.#type)![0];
    const code = `${this.#type}(${scalar}(${codeOf(value)}))`;
    this.#spread(index, count, () => code);
  }
  copy(index: Index, from: Buffer<T>, fromIndex: Index, count: Index): void {
    const source = from.from(fromIndex) as WgslBuffer<T>;
    this.#spread(index, count, (i) => source.#at(i));
  }
  #spread(index: Index, count: Index, codeOf: (i: Int) => string): void {
    const target = this.from(index) as WgslBuffer<T>;
    this.#k.spread(count, (i) => target.#assign(i, codeOf(i)));
  }
}
