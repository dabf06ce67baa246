/** Prints a kernel as WGSL. @module */

import type { WgslKernel } from "../device.ts";
import { beginMain } from "../devices/webgpu/workgroup_grid.ts";
import { Error } from "../errors.ts";
import type {
  Buffer,
  BufferTypes,
  Condition,
  ElementType,
  Float,
  Int,
  KernelBody,
  KernelBuilder,
  LoopOptions,
  Signature,
  Value,
  Vector,
} from "./language.ts";

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
  const { key, buffers, writes, arguments: names, spread = "items" } = signature;
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
      const { lanes = 0, shared = 0 } = signature;
      return `${shared > 0 ? `var<workgroup> shared_: array<f32, ${shared}>;` : ""}
${spread === "rows" ? beginRows(rowThreads) : spread === "lanes" ? beginLanes(lanes) : BEGIN_ITEMS}
  if (item >= arguments.items) { return; }
${k.statements.join("\n")}
}
`;
    },
  };
}

const BEGIN_ITEMS = `${beginMain(THREADS)}
  let item = i32(group * ${THREADS}u + lane);
  let first = 0;
  let step = 1;`;

const beginLanes = (lanes: number): string =>
  `${beginMain(lanes, "group", "thread")}
  let item = i32(group);
  let lane = i32(thread);
  let first = lane;
  let step = ${lanes};`;

/** Avoids a division by the length of rows, which on software adapters takes longer than the rest. */
const beginRows = (rowThreads: number): string => `
@compute @workgroup_size(${rowThreads}, ${THREADS / rowThreads})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_id) lane: vec3<u32>,
) {
  let item = i32((group.z * grid.y + group.y) * ${THREADS / rowThreads}u + lane.y);
  let first = i32(group.x * ${rowThreads}u + lane.x);
  let step = i32(grid.x * ${rowThreads}u);`;

/** A type of values in WGSL. */
type Type = "i32" | "f32" | "bool" | "vec4<f32>" | "vec4<i32>";

/** A value of any type: the interfaces of the language say which methods it has. */
class WgslValue implements Int, Float, Vector, Condition {
  readonly code: string;
  readonly type: Type;

  constructor(code: string, type: Type) {
    this.code = code;
    this.type = type;
  }
  #with(operator: string, other: Value | number, type = this.type): WgslValue {
    return new WgslValue(`(${this.code} ${operator} ${operand(other, this.type)})`, type);
  }
  add(other: Value | number): WgslValue {
    return this.#with("+", other);
  }
  subtract(other: Value | number): WgslValue {
    return this.#with("-", other);
  }
  multiply(other: Value | number): WgslValue {
    return this.#with("*", other);
  }
  divide(other: Value | number): WgslValue {
    return this.#with("/", other);
  }
  remainder(other: Value | number): WgslValue {
    return this.#with("%", other);
  }
  min(other: Value | number): WgslValue {
    return new WgslValue(`min(${this.code}, ${operand(other, this.type)})`, this.type);
  }
  less(other: Value | number): WgslValue {
    return this.#with("<", other, "bool");
  }
  lessEqual(other: Value | number): WgslValue {
    return this.#with("<=", other, "bool");
  }
  greater(other: Value | number): WgslValue {
    return this.#with(">", other, "bool");
  }
  lessUnsigned(other: Value | number): WgslValue {
    return new WgslValue(`(u32(${this.code}) < u32(${operand(other, "i32")}))`, "bool");
  }
  equal(other: Value | number): WgslValue {
    return this.#with("==", other, "bool");
  }
  notEqual(other: Value | number): WgslValue {
    return this.#with("!=", other, "bool");
  }
  and(other: Value | number): WgslValue {
    return this.#with("&&", other);
  }
  or(other: Value | number): WgslValue {
    return this.#with("||", other);
  }
  multiplyAdd(factor: Vector | number, summand: Vector | number): WgslValue {
    return this.multiply(factor).add(summand);
  }
  asF32(): WgslValue {
    return new WgslValue(`bitcast<f32>(${this.code})`, "f32");
  }
  asI32(): WgslValue {
    return new WgslValue(`bitcast<i32>(${this.code})`, "i32");
  }
}

const codeOf = (value: Value): string => (value as WgslValue).code;

/** The code of an operand; a number is one of the other operand's type. */
function operand(value: Value | number, type: Type): string {
  return typeof value === "number" ? `${type}(${value})` : (value as WgslValue).code;
}

class WgslBuilder implements KernelBuilder {
  readonly statements: string[] = [];
  readonly inTurn = false;
  readonly end: Int = new WgslValue("(item + 1)", "i32");
  readonly shared: Buffer<"f32">;
  #names = 0;
  #depth = 0;

  constructor() {
    this.shared = this.buffer("shared_", "f32", "");
  }
  buffer<T extends ElementType>(name: string, type: T, offset = `arguments.${name}Offset + `) {
    return new WgslBuffer<T>(this, name, type, offset);
  }
  int(value: number): Int {
    return new WgslValue(operand(value, "i32"), "i32");
  }
  float(value: number): Float {
    return new WgslValue(operand(value, "f32"), "f32");
  }
  vector(value: number): Vector {
    return new WgslValue(operand(value, "vec4<f32>"), "vec4<f32>");
  }
  vectorOf(lanes: readonly Float[]): Vector {
    return new WgslValue(`vec4<f32>(${lanes.map(codeOf).join(", ")})`, "vec4<f32>");
  }
  laneOf(vector: Vector, number: number): Float {
    return new WgslValue(`${codeOf(vector)}[${number}]`, "f32");
  }
  array(vectors: readonly Vector[]): WgslBuffer<"vec4<f32>"> {
    const name = `v${this.#names++}`;
    this.statements.push(`var ${name} = array(${vectors.map(codeOf).join(", ")});`);
    return this.buffer(name, "vec4<f32>", "");
  }
  condition(value: boolean): Condition {
    return new WgslValue(`${value}`, "bool");
  }
  let<T extends Value>(value: T): T {
    return this.#name("let", value);
  }
  variable<T extends Value>(value: T): T {
    return this.#name("var", value);
  }
  #name<T extends Value>(keyword: "let" | "var", value: T): T {
    const { code, type } = value as unknown as WgslValue;
    const name = `v${this.#names++}`;
    this.statements.push(`${keyword} ${name} = ${code};`);
    return new WgslValue(name, type) as unknown as T;
  }
  set<T extends Value>(variable: T, value: T): void {
    const [{ code: name }, { code }] = [variable, value] as unknown as [WgslValue, WgslValue];
    this.statements.push(`${name} = ${code};`);
  }
  loop(
    from: Int | number,
    to: Int,
    body: (i: Int) => void,
    { step = 1 }: LoopOptions = {},
  ): void {
    this.#for(operand(from, "i32"), to, `${step}`, body);
  }
  #for(from: string, to: Int, step: string, body: (i: Int) => void): void {
    const i = new WgslValue(`v${this.#names++}`, "i32");
    const end = (this.let(to) as WgslValue).code;
    this.#block(
      `for (var ${i.code} = ${from}; ${i.code} < ${end}; ${i.code} += ${step})`,
      () => body(i),
    );
  }
  if(condition: Condition, then: () => void, otherwise?: () => void): void {
    this.#block(`if (${(condition as WgslValue).code})`, then);
    if (otherwise !== undefined) this.#block("else", otherwise);
  }
  unless(condition: Condition, body: () => void): void {
    this.#block(`if (!${(condition as WgslValue).code})`, body);
  }
  #block(head: string, body: () => void): void {
    this.statements.push(`${head} {`);
    this.#depth++;
    body();
    this.#depth--;
    this.statements.push("}");
  }
  spread(count: Int, body: (i: Int) => void): void {
    this.#for("first", count, "step", body);
  }
  owner(index: Int, body: () => void): void {
    this.#block(`if (${(index as WgslValue).code} % step == first)`, body);
  }
  eachLane(count: Int, body: (lane: Int) => void): void {
    const lane = new WgslValue("lane", "i32");
    this.#phase(`if (lane < ${(count as WgslValue).code})`, () => body(lane));
  }
  once(body: () => void): void {
    this.#phase("if (lane == 0)", body);
  }
  #phase(head: string, body: () => void): void {
    if (this.#depth > 0) {
      throw new Error("Cannot print a kernel: wanted lanes outside of loops and conditions");
    }
    this.#block(head, body);
    this.statements.push("workgroupBarrier();");
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
  #at(index: Int, after = ""): string {
    return `${this.#name}[${this.#offset}${(index as WgslValue).code}${after}]`;
  }
  #assign(index: Int, code: string, after = ""): void {
    this.#k.statements.push(`${this.#at(index, after)} = ${code};`);
  }
  from(index: Int): Buffer<T> {
    const { code } = this.#k.let(
      new WgslValue(`${this.#offset}${(index as WgslValue).code}`, "i32"),
    );
    return new WgslBuffer(this.#k, this.#name, this.#type, `${code} + `);
  }
  load(index: Int) {
    // A `float16` is one in memory only.
    const type = this.#type.replace("f16", "f32") as Type;
    const element = this.#at(index);
    return new WgslValue(type === this.#type ? element : `${type}(${element})`, type) as never;
  }
  loadSplat(index: Int): Vector {
    return new WgslValue(`vec4<f32>(f32(${this.#at(index)}))`, "vec4<f32>");
  }
  store(index: Int, value: Value): void {
    const { code, type } = value as WgslValue;
    this.#assign(index, type === this.#type ? code : `${this.#type}(${code})`);
  }
  loadFour(index: Int): Vector {
    const elements = [0, 1, 2, 3].map((i) => this.#at(index, ` + ${i}`));
    return new WgslValue(`vec4<f32>(${elements.join(", ")})`, "vec4<f32>");
  }
  storeFour(index: Int, value: Vector): void {
    const { code } = this.#k.let(value) as WgslValue;
    for (let i = 0; i < 4; i++) this.#assign(index, `${code}[${i}]`, ` + ${i}`);
  }
  clear(index: Int, count: Int): void {
    this.#spread(index, count, () => `${this.#type}()`);
  }
  fill(index: Int, count: Int, value: Int | Float): void {
    const scalar = /[fi]\d+/.exec(this.#type)![0];
    const code = `${this.#type}(${scalar}(${(value as WgslValue).code}))`;
    this.#spread(index, count, () => code);
  }
  copy(index: Int, from: Buffer<T>, fromIndex: Int, count: Int): void {
    const source = from.from(fromIndex) as WgslBuffer<T>;
    this.#spread(index, count, (i) => source.#at(i));
  }
  #spread(index: Int, count: Int, codeOf: (i: Int) => string): void {
    const target = this.from(index) as WgslBuffer<T>;
    this.#k.spread(count, (i) => target.#assign(i, codeOf(i)));
  }
}
