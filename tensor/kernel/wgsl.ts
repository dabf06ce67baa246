/** Prints a kernel as WGSL. @module */

import type { WgslKernel } from "../device.ts";
import { HALVES } from "./halves.ts";
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
  Team,
  Value,
  Vector,
  VectorBuilder,
  VectorOf,
  VectorOptions,
} from "./language.ts";
import {
  codeOf,
  type NumberType,
  operandCode,
  printed,
  type ScalarType,
  type WgslType,
  wgslTypeOf,
  WgslValue,
  type Width,
} from "./wgsl_value.ts";

/** The threads of a workgroup of a kernel. */
export function threadsOf(
  { team, spread }: Pick<Signature<BufferTypes, string>, "team" | "spread">,
): Team {
  if (team !== undefined) return team;
  return spread === "rows" ? { items: 4, lanes: 16 } : { items: 64, lanes: 1 };
}

/**
 * The WGSL of a kernel. Its integer arguments are the offset of each buffer, the number of items, and
 * the integer arguments.
 */
export function toWgsl<B extends BufferTypes, A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
): WgslKernel {
  const { key, buffers, writes, arguments: names, floats = [] } = signature;
  const { within = {}, aligned = [], team, width = 4 } = signature;
  const entries = Object.entries(buffers);
  const bound = (name: string) => within[name] ?? name;
  const isWritten = (name: string) => writes.some((each) => bound(each) === name);
  const boundType = (name: string) => {
    const type = buffers[name]!;
    const isVectors = aligned.includes(name) || type.startsWith("vec4");
    if (!type.includes("bf16")) return aligned.includes(name) ? `vec4<${type}>` : type;
    return isVectors ? "vec2<i32>" : isWritten(name) ? "atomic<i32>" : "i32";
  };
  return {
    key,
    integers: [...entries.map(([name]) => `${name}Offset`), "items", ...names],
    floats,
    buffers: entries.flatMap(([name]) =>
      bound(name) === name ? [{ name, type: boundType(name), writes: isWritten(name) }] : []
    ),
    code: () => {
      const k = new WgslBuilder(width, team);
      const operands = Object.fromEntries(
        entries.map(([name, type]) => [
          name,
          new WgslBuffer(k, bound(name), type, `arguments.${name}Offset`, boundType(bound(name))),
        ]),
      ) as { readonly [N in keyof B]: WgslBuffer<B[N]> };
      const argument = (type: NumberType) => (name: string) =>
        [name, new WgslValue(`arguments.${name}`, type)] as const;
      const integers = Object.fromEntries(names.map(argument("i32")));
      const numbers = Object.fromEntries(floats.map(argument("f32")));
      body(k, new WgslValue("item", "i32"), operands, integers as Record<A, WgslValue>, numbers);
      return k.finish(begin(threadsOf(signature), team !== undefined && team.lanes > 1));
    },
  };
}

/**
 * The start of `main`, for workgroups along the items in the dimensions y and z, and along each item
 * in x: a division by the length of rows would take longer than the rest on software adapters.
 *
 * @param isTeam Whether all threads must reach barriers: those beyond the last item repeat it then,
 * without visiting or storing anything.
 */
function begin({ items, lanes, itemsFirst }: Team, isTeam: boolean): string {
  const [lane, number] = itemsFirst
    ? [`thread / ${items}u`, `thread % ${items}u`]
    : [`thread % ${lanes}u`, `thread / ${lanes}u`];
  return `
@compute @workgroup_size(${lanes * items})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = i32(${lane});
  let wanted = i32(group.z * grid.y + group.y)${items === 1 ? "" : ` * ${items} + i32(${number})`};
  let first = i32(group.x) * ${lanes} + lane;
  let step = i32(grid.x) * ${lanes};
  let isWanted = wanted < arguments.items;
  ${isTeam ? "" : "if (!isWanted) { return; }"}
  let item = min(wanted, arguments.items - 1);`;
}

/**
 * The start of `main` of a kernel that is written in WGSL, with names for the number of the workgroup
 * in a `workgroupGrid` and of the thread in it; those of other dispatches use `workgroup`.
 */
export function beginMain(threads: number, group = "group", thread = "lane"): string {
  return `
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) ${thread}: u32,
) {
  let ${group} = workgroup.y * grid.x + workgroup.x;`;
}

/** Writes WGSL. */
export class WgslBuilder implements KernelBuilder {
  readonly inTurn = false;
  readonly maxInTurn = 1;
  readonly first: WgslValue = new WgslValue("vec4<bool>(true, false, false, false)", "vec4<bool>");
  readonly end: Int = new WgslValue("(item + 1)", "i32");
  readonly width: Width;
  readonly #statements: string[] = [];
  /** Declarations of what a workgroup shares. */
  readonly #shared = new Set<string>();
  readonly #team: Team;
  #names = 0;

  /** @param width Numbers of a vector. */
  constructor(width: Width = 4, team: Team = { items: 1, lanes: 1 }) {
    this.width = width;
    this.#team = team;
  }
  /** The statements that were written. */
  get statements(): string {
    return this.#statements.join("\n");
  }
  write(statement: string): void {
    this.#statements.push(statement);
  }
  /** The kernel: the statements, after its beginning. */
  finish(begin: string): string {
    return `${[...this.#shared].join("")}${begin}\n${this.statements}\n}\n`;
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
    return this.#number(value, wgslTypeOf("f32", this.width));
  }
  intVector(value: number): IntVector {
    return this.#number(value | 0, wgslTypeOf("i32", this.width));
  }
  splat(value: Int | Float): WgslValue {
    return printed(value).splat(this.width);
  }
  indices(first: Int): IntVector {
    const splat = this.splat(first);
    return this.width === 1 ? splat : splat.add(new WgslValue("vec4<i32>(0, 1, 2, 3)", splat.type));
  }
  vectorOf(lanes: readonly Float[]): Vector {
    return new WgslValue(`vec4<f32>(${lanes.map(codeOf).join(", ")})`, "vec4<f32>");
  }
  laneOf(vector: Vector, number: number): Float {
    return printed(vector).lane(number);
  }
  array(vectors: readonly Vector[]): Buffer<"vec4<f32>"> {
    const name = `v${this.#names++}`;
    this.write(`var ${name} = array(${vectors.map(codeOf).join(", ")});`);
    return new WgslBuffer(this, name, "vec4<f32>");
  }
  exp(x: Vector): Vector {
    const { code, type, width } = printed(x);
    return new WgslValue(`exponential${width}(${code})`, type);
  }
  expOfNonPositive(x: Vector): Vector {
    return this.exp(x);
  }
  call(_name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector {
    return body(this, x);
  }
  let<T extends Value>(value: T): T {
    return this.#name("let", value);
  }
  variable<T extends Value>(value: T): T {
    return this.#name("var", value);
  }
  #name<T extends Value>(keyword: "let" | "var", value: T): T {
    const { code, type } = printed(value);
    const name = `v${this.#names++}`;
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
    const i = new WgslValue(`v${this.#names++}`, "i32");
    const end = operandCode(typeof to === "number" ? to : this.let(to), "i32");
    this.block(
      `for (var ${i.code} = ${from}; ${i.code} < ${end}; ${i.code} += ${step})`,
      () => body(i),
    );
  }
  vectors(
    from: Index,
    to: Index,
    _inTurn: number,
    body: (at: Int, vectors: number, isSingle: boolean) => void,
  ): void {
    const at = new WgslValue(`v${this.#names++}`, "i32");
    const width = this.width;
    const start = `${operandCode(from, "i32")} + lane * ${width}`;
    const step = this.#team.lanes * width;
    const end = operandCode(to, "i32");
    this.block(
      `for (var ${at.code} = ${start}; isWanted && ${at.code} < ${end}; ${at.code} += ${step})`,
      () => body(at, 1, false),
    );
  }
  sumBlock(): number {
    // Compilers may undo the compensation of rounding errors, and then only short sums are accurate.
    return 32 * this.#team.lanes * this.width;
  }
  while(condition: Condition, body: () => void): void {
    this.block(`while (${codeOf(condition)})`, body);
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
    body();
    this.write("}");
  }
  spread(count: Index, body: (i: Int) => void): void {
    this.#for("first", count, "step", body);
  }
  once(body: () => void): void {
    if (this.#team.lanes === 1) return this.block("if (isWanted)", body);
    // In place, a lane must not store what others have yet to load.
    this.write("storageBarrier();");
    this.block("if (isWanted && lane == 0)", body);
  }
  acrossRow(
    values: readonly Vector[],
    combine: (i: number, a: Vector, b: Vector) => Vector,
  ): readonly Vector[] {
    const own = values.map((value, i) => {
      const vector = printed(this.let(value));
      if (vector.width === 1) return vector;
      const pair = (first: number) => combine(i, vector.lane(first), vector.lane(first + 1));
      return printed(combine(i, pair(0), pair(2)));
    });
    const { items, lanes, itemsFirst } = this.#team;
    if (lanes === 1) return own.map((value) => this.splat(value));
    // A tree: each half of the lanes adds what the other half has.
    const partial = own.map(({ type }, i) => {
      const name = `partial${i}`;
      this.#shared.add(`var<workgroup> ${name}: array<${type}, ${items * lanes}>;\n`);
      return (index: string) => new WgslValue(`${name}[${index}]`, type);
    });
    own.forEach((value, i) => this.set(partial[i]!("thread"), value));
    this.write("workgroupBarrier();");
    this.block(`for (var half = ${lanes / 2}; half > 0; half /= 2)`, () => {
      this.block("if (lane < half)", () =>
        partial.forEach((at, i) => {
          const other = at(`thread + u32(half * ${itemsFirst ? items : 1})`);
          this.set(at("thread"), printed(combine(i, at("thread"), other)));
        }));
      this.write("workgroupBarrier();");
    });
    const first = itemsFirst ? `thread % ${items}u` : "thread - u32(lane)";
    const totals = partial.map((at) => this.let(at(first)));
    // The next pass must not write before every lane has read.
    this.write("workgroupBarrier();");
    return totals.map((total) => this.splat(total));
  }
}

/**
 * Elements in a binding. Those of `bf16` are two in a word, the first in its low half:
 *
 * - In a binding of vectors, four are a `vec2<i32>`, which one thread loads and stores as a whole.
 * - In one that is only read, a word is an `i32`.
 * - In one that is written, it is an `atomic<i32>`: two threads may store its halves at once. A thread
 *   flips the bits that differ in its half, so that the other half stays as it is, whenever that is
 *   stored. Nobody else stores the thread's half meanwhile, as with elements of any other type.
 */
class WgslBuffer<T extends ElementType> implements Buffer<T> {
  readonly #k: WgslBuilder;
  readonly #name: string;
  readonly #type: T;
  /** The type of the elements that are bound: others are their bits. */
  readonly #bound: string;
  #start: string;
  #isMoving = false;

  constructor(k: WgslBuilder, name: string, type: T, start = "", bound: string = type) {
    this.#k = k;
    this.#name = name;
    this.#type = type;
    this.#start = start;
    this.#bound = bound;
  }
  #index(index: Index, after = 0): string {
    const parts = [this.#start, index === 0 ? "" : operandCode(index, "i32"), after || ""];
    return parts.filter((part) => part !== "").join(" + ") || "0";
  }
  get #isOfVectors(): boolean {
    return this.#type.startsWith("vec4");
  }
  /** Whether elements are bound as vectors of them. */
  get #isWide(): boolean {
    return this.#bound.startsWith("vec") && !this.#isOfVectors;
  }
  get #isHalves(): boolean {
    return this.#type.includes("bf16");
  }
  #typeOf(width: Width): WgslType {
    const scalar = this.#isHalves ? "i32" : scalarOf(this.#type);
    return wgslTypeOf(scalar, this.#isOfVectors ? 4 : width);
  }
  /** Vectors and whole words as they are bound; of a `bf16` the word. */
  #place(at: string): string {
    if (this.#isOfVectors) return `${this.#name}[${at}]`;
    if (this.#isWide) return `${this.#name}[(${at}) >> 2u][(${at}) & 3]`;
    return this.#isHalves ? `${this.#name}[(${at}) >> 1u]` : `${this.#name}[${at}]`;
  }
  /** The content of a binding at an index: elements, or those of `bf16` in the low halves of integers. */
  #bits(at: string): string {
    const place = this.#place(at);
    if (!this.#isHalves) return place;
    if (this.#isOfVectors) return fourHalves(place);
    if (this.#isWide) {
      const word = `${this.#name}[(${at}) >> 2u][((${at}) >> 1u) & 1]`;
      return `(${word} >> ${shiftOf(at)})`;
    }
    return `(${this.#bound === "i32" ? place : `atomicLoad(&${place})`} >> ${shiftOf(at)})`;
  }
  /** Elements of this type, whatever they are bound as. */
  #loaded(code: string, width: Width): WgslValue {
    const type = this.#typeOf(width);
    if (this.#isHalves) {
      return printed(HALVES.bf16.widen(this.#k, new WgslValue(code, type)));
    }
    const bits = this.#isOfBits ? `bitcast<${type}>(${code})` : code;
    // A `float16` is one in memory only.
    const value = type.replace("f16", "f32") as WgslType;
    return new WgslValue(value === type ? bits : `${value}(${bits})`, value);
  }
  #stored(value: Value): string {
    if (this.#isHalves) {
      return codeOf(this.#k.let(HALVES.bf16.round(this.#k, printed(value), false)));
    }
    const { code, type, width } = printed(value);
    const wanted = this.#typeOf(width);
    const own = type === wanted ? code : `${wanted}(${code})`;
    const bound = wanted.replace(/[fi]\d+/, scalarOf(this.#bound));
    return this.#isOfBits ? `bitcast<${bound}>(${own})` : own;
  }
  get #isOfBits(): boolean {
    return scalarOf(this.#type) !== scalarOf(this.#bound);
  }
  /** Stores an element that is converted: see {@linkcode WgslBuffer}. */
  #write(at: string, stored: string): void {
    const place = this.#place(at);
    if (!this.#isHalves) return this.#k.write(`${place} = ${stored};`);
    if (this.#isOfVectors) return this.#k.write(`${place} = ${twoWords(stored)};`);
    const shift = shiftOf(at);
    const change = `atomicLoad(&${place}) ^ ((${stored} >> 16u) << ${shift})`;
    this.#k.write(`atomicXor(&${place}, (${change}) & (i32(0xffff) << ${shift}));`);
  }
  distance(count: Int): Int {
    return count;
  }
  from(index: Index, stride?: Int): Buffer<T> {
    const start = this.#index(stride === undefined ? index : stride.multiply(index));
    const { code } = this.#k.let(new WgslValue(start, "i32"));
    return new WgslBuffer(this.#k, this.#name, this.#type, code, this.#bound);
  }
  move(count: Index): void {
    const start = this.#index(count);
    if (this.#isMoving) return this.#k.write(`${this.#start} = ${start};`);
    this.#start = codeOf(this.#k.variable(new WgslValue(start, "i32")));
    this.#isMoving = true;
  }
  load(index: Index): Elements[T] {
    return this.#loaded(this.#bits(this.#index(index)), 1) as Elements[T] & WgslValue;
  }
  loadSplat(index: Index): VectorOf<T> {
    const one = this.#loaded(this.#bits(this.#index(index)), 1);
    return this.#k.splat(one) as VectorOf<T> & WgslValue;
  }
  store(index: Index, value: Value): void {
    this.#write(this.#index(index), this.#stored(value));
  }
  /** The index of one of the elements of a vector. */
  #lane(index: Index, lane: number, stride?: Int): string {
    if (stride === undefined) return this.#index(index, lane);
    const steps = typeof index === "number" ? index + lane : index.add(lane);
    return this.#index(steps === 0 ? 0 : stride.multiply(steps));
  }
  /** A whole vector of a binding of vectors. */
  #wide(index: Index): string {
    return `${this.#name}[(${this.#index(index)}) >> 2u]`;
  }
  loadVector(index: Index, { stride }: VectorOptions = {}): VectorOf<T> {
    const { width } = this.#k;
    const each = [0, 1, 2, 3].slice(0, width).map((lane) =>
      this.#bits(this.#lane(index, lane, stride))
    );
    const scalar = this.#isHalves ? "i32" : scalarOf(this.#bound);
    const code = this.#isWide && width === 4
      ? this.#isHalves ? fourHalves(this.#wide(index)) : this.#wide(index)
      : `${wgslTypeOf(scalar, width)}(${each.join(", ")})`;
    return this.#loaded(code, width) as VectorOf<T> & WgslValue;
  }
  storeVector(
    index: Index,
    value: VectorOf<T>,
    { stride, isSingle = false }: VectorOptions = {},
  ): void {
    const { width } = printed(value);
    const stored = this.#stored(this.#k.let<Value>(value));
    if (this.#isWide && width === 4 && !isSingle) {
      const whole = this.#isHalves ? twoWords(stored) : stored;
      return this.#k.write(`${this.#wide(index)} = ${whole};`);
    }
    for (let lane = 0; lane < (isSingle ? 1 : width); lane++) {
      this.#write(this.#lane(index, lane, stride), width === 1 ? stored : `${stored}[${lane}]`);
    }
  }
  fill(index: Index, count: Index, value: Int | Float | 0): void {
    const code = value === 0
      ? `${this.#typeOf(1)}()`
      : this.#stored(printed(value).splat(this.#isOfVectors ? 4 : 1));
    const target = this.from(index) as WgslBuffer<T>;
    this.#k.spread(count, (i) => target.#write(target.#index(i), code));
  }
  copy(index: Index, from: Buffer<T>, fromIndex: Index, count: Index): void {
    const [target, source] = [this.from(index), from.from(fromIndex)];
    this.#k.spread(count, (i) => target.store(i, source.load(i)));
  }
}

/** The bits to shift a word by, to get a half at an index. */
const shiftOf = (at: string): string => `(u32((${at}) & 1) * 16u)`;

/** Four halves of two words, each in the low half of an integer. */
const fourHalves = (words: string): string =>
  `vec4<i32>(${words}.x, ${words}.x >> 16u, ${words}.y, ${words}.y >> 16u)`;

/** Two words of the high halves of four integers. */
const twoWords = (four: string): string =>
  `vec2<i32>(vec2<u32>(${four}.xz) >> vec2<u32>(16u)) | (${four}.yw & vec2<i32>(-0x10000))`;

/** The type of the numbers of elements. */
function scalarOf(type: string): ScalarType {
  return type.includes("f16") ? "f16" : type.includes("i32") ? "i32" : "f32";
}
