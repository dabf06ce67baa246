/**
 * Which way to multiply matrices is taken on a device: by what was timed there, or by size.
 *
 * @module
 */

import type { WebGpuDevice } from "../../device.ts";
import {
  type Capabilities,
  formOf,
  isAlignedMatrix,
  MATMUL_CANDIDATE_NAMES,
  type MatmulCandidateName,
  type ProductFlags,
  WEBGPU_MATMULS,
} from "./candidates_wgsl.ts";
import { type Matrix, type Product, withoutEpilogue } from "./product.ts";

/** Up to so many rows, large tiles would be mostly empty. */
const FEW_ROWS = 4;
/** Up to so many rows, copying b to align it costs more than it gains. */
const VERY_FEW_ROWS = 2;
/** Products with fewer multiplications are done before tiles pay: there is nothing to choose. */
const SMALL_PRODUCT = 4096;
/** Products with more are worth the longer compilation of the largest tile. */
const LARGE_PRODUCT = 2 ** 24;
/** Sums shorter than this are not worth sharing among threads. */
const LONG_SUM = 32;
/** Of so many classes a product is noted, to be timed. */
const MOST_NOTED = 1000;

/** What {@linkcode MatmulChoices} are called where they are stored, and the version of the kernels. */
const FORMAT = { format: "nanodino matmul choices", version: 1 } as const;

/** The way that is taken for all products of a class. */
export interface MatmulChoice {
  /** The class, as {@linkcode shapeClass} names it. */
  readonly class: string;
  /** The way. */
  readonly candidate: string;
  /** Whether it was chosen by a person, and not by timing. */
  readonly forced: boolean;
  /** What a product of the class took by each way that was timed to the end, in microseconds. */
  readonly microseconds: Readonly<Record<string, number>>;
}

/** {@linkcode MatmulChoices} as plain data, to be stored as JSON. */
export interface MatmulChoicesData {
  /** What it is. */
  readonly format: string;
  /** Raised whenever what was timed before says nothing any more. */
  readonly version: number;
  /** The way that is taken for all products; `null` for the choice by class. */
  readonly forced: string | null;
  /** The choices, in the order in which they were made. */
  readonly choices: readonly MatmulChoice[];
}

/** A product of a class that was not timed, without its operands. */
export interface NotedProduct {
  /** The class, as {@linkcode shapeClass} names it. */
  readonly class: string;
  /** Sizes and strides; the allocations are empty. */
  readonly product: Product;
  /** What it was done with. */
  readonly flags: ProductFlags;
  /** Whether both operands lie in the same memory, as those of X·Xᵀ do. */
  readonly sharesOperands: boolean;
}

/**
 * The ways to multiply matrices that are taken on one device.
 *
 * Products of classes that were timed, by {@linkcode tuneMatmuls}, are computed by the winner. For all
 * others the choice is made by size. Ways differ in the order in which they add, hence in how they
 * round: the same bits come out only while the choices stay the same.
 */
export interface MatmulChoices {
  /** The names of the ways that there are on this device, the plain one first. */
  readonly candidates: readonly string[];
  /** The choices made so far. */
  readonly choices: readonly MatmulChoice[];
  /** The way that is taken for all products; `null` unless one was forced. */
  readonly forced: string | null;
  /** The classes of products that were computed and never timed. */
  readonly newClasses: readonly string[];
  /**
   * Takes one way from now on.
   *
   * @param candidate One of {@linkcode MatmulChoices.candidates}.
   * @param class_ The class of products for which it is taken; by default for all products.
   * @throws {RangeError} If there is no such way, or it is not possible on this device.
   */
  force(candidate: string, class_?: string): void;
  /** Forgets all choices, those that were forced as well. */
  clear(): void;
  /** The choices as plain data. `JSON.stringify` calls this. */
  toJSON(): MatmulChoicesData;
  /**
   * Adds choices that were stored. Those that are not possible on this device are left out.
   *
   * @param data What {@linkcode MatmulChoices.toJSON} gave.
   * @throws {SyntaxError} If it is something else, or of another version: then nothing is added.
   */
  load(data: unknown): void;
}

/** The choices of a device, with what products and tuning need of them. */
export class ChoiceTable implements MatmulChoices {
  readonly #device: Capabilities;
  readonly #choices = new Map<string, MatmulChoice>();
  readonly #noted = new Map<string, NotedProduct>();
  #forced: MatmulCandidateName | null = null;

  /** Begins without any choice. */
  constructor(device: Capabilities) {
    this.#device = device;
  }

  get candidates(): readonly string[] {
    return MATMUL_CANDIDATE_NAMES.filter((name) => WEBGPU_MATMULS[name].fits(this.#device));
  }

  get choices(): readonly MatmulChoice[] {
    return [...this.#choices.values()];
  }

  get forced(): string | null {
    return this.#forced;
  }

  get newClasses(): readonly string[] {
    return [...this.#noted.keys()];
  }

  /** A product of each of the new classes. */
  get noted(): readonly NotedProduct[] {
    return [...this.#noted.values()];
  }

  /** The way to compute a product; notes it if its class was not timed. */
  candidateFor(product: Product, flags: ProductFlags): MatmulCandidateName {
    if (this.#forced !== null) return this.#forced;
    const { m, n, k } = product;
    if (m * n * k < SMALL_PRODUCT) return "naive";
    const name = shapeClass(product, flags);
    const choice = this.#choices.get(name);
    if (choice !== undefined) return choice.candidate as MatmulCandidateName;
    if (!this.#noted.has(name) && this.#noted.size < MOST_NOTED) {
      this.#noted.set(name, {
        class: name,
        product: withoutOperands(product),
        flags: { accumulate: flags.accumulate ?? false, symmetric: flags.symmetric ?? false },
        sharesOperands: flags.symmetric === true && product.a.allocation === product.b.allocation,
      });
    }
    return chooseBySize(this.#device, product);
  }

  /** Takes down what timing found, in the place of the choice by size. */
  decide(choice: MatmulChoice): void {
    checkName(choice.candidate);
    this.#noted.delete(choice.class);
    this.#choices.set(choice.class, choice);
  }

  force(candidate: string, class_?: string): void {
    const name = checkName(candidate);
    if (!WEBGPU_MATMULS[name].fits(this.#device)) {
      throw new RangeError(
        `Cannot force "${name}": wanted a way that fits the device, which are ${
          this.candidates.join(", ")
        }`,
      );
    }
    if (class_ === undefined) this.#forced = name;
    else {
      const microseconds = this.#choices.get(class_)?.microseconds ?? {};
      this.decide({ class: class_, candidate: name, forced: true, microseconds });
    }
  }

  clear(): void {
    this.#choices.clear();
    this.#forced = null;
  }

  toJSON(): MatmulChoicesData {
    return { ...FORMAT, forced: this.#forced, choices: this.choices };
  }

  load(data: unknown): void {
    const { forced, choices } = readChoices(data);
    const fits = (name: string) => WEBGPU_MATMULS[checkName(name)].fits(this.#device);
    for (const choice of choices) if (fits(choice.candidate)) this.decide(choice);
    if (forced !== null && fits(forced)) this.#forced = checkName(forced);
  }
}

const tables = new WeakMap<object, ChoiceTable>();

/** The choices of a device, for products and tuning. */
export function choiceTable(device: WebGpuDevice): ChoiceTable {
  let table = tables.get(device);
  if (table === undefined) {
    table = new ChoiceTable(device);
    tables.set(device, table);
  }
  return table;
}

/**
 * The choices of a device: those that its products are computed by.
 *
 * @example
 * ```ts
 * import { matmul, matmulChoices, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("webgpu").catch(() => null);
 * if (device?.kind === "webgpu") {
 *   matmulChoices(device).force("naive");
 *   const x = Tensor.ones(device, [64, 64]);
 *   if ((await matmul(x, x).data())[0] !== 64) throw new Error("expected 64 ones");
 *   await device.close();
 * }
 * ```
 */
export function matmulChoices(device: WebGpuDevice): MatmulChoices {
  return choiceTable(device);
}

/**
 * The class of a product: all that decides which way is the fastest, with sizes rounded up to powers of
 * two. `float32 1024×256×4096 NT, both aligned, accumulated` multiplies 1,024 rows of 256 by 4,096
 * columns; the rows of a and the columns of b are contiguous. What a product goes through before it is
 * stored makes no class of its own: it takes as long in every way.
 *
 * @example
 * ```ts
 * import { shapeClass } from "./choices_wgsl.ts";
 *
 * const place = { offset: 0, row: 60, column: 1, outer: 0, inner: 0 };
 * const matrix = { allocation: { bytes: 0 }, dtype: "float32" as const, ...place };
 * const product = { m: 60, n: 60, k: 60, outer: 1, inner: 1, a: matrix, b: matrix, c: matrix };
 * const name = shapeClass(product, {});
 * if (name !== "float32 64×64×64 NN, both aligned") throw new Error(name);
 * ```
 */
export function shapeClass(product: Product, { accumulate, symmetric }: ProductFlags): string {
  const { m, n, k, outer, inner, a, b, c } = product;
  const { rowMajorA, rowMajorB } = formOf(product, false);
  const isAlignedA = isAlignedMatrix(a, rowMajorA ? k : m);
  const isAlignedB = isAlignedMatrix(b, rowMajorB ? n : k);
  const types = a.dtype === c.dtype ? a.dtype : `${a.dtype} to ${c.dtype}`;
  let name = `${types} ${powerOfTwo(m)}×${powerOfTwo(k)}×${powerOfTwo(n)}`;
  if (outer * inner > 1) name += ` in ${powerOfTwo(outer * inner)} items`;
  name += ` ${rowMajorA ? "N" : "T"}${rowMajorB ? "N" : "T"}`;
  if (c.column !== 1) name += " by columns";
  if (isAlignedA || isAlignedB) {
    name += `, ${isAlignedA && isAlignedB ? "both" : isAlignedA ? "a" : "b"} aligned`;
  }
  if (symmetric) name += ", symmetric";
  if (accumulate) name += ", accumulated";
  return name;
}

/**
 * The candidate that is taken for a product that was not timed, by its sizes and by what kind of adapter
 * there is.
 *
 * A processor that pretends to be a GPU pays for every barrier and has its caches anyway, so it gets
 * kernels without workgroup memory.
 */
export function chooseBySize(device: Capabilities, product: Product): MatmulCandidateName {
  const { m, n, k } = product;
  if (m * n * k < SMALL_PRODUCT) return "naive";
  if (device.info.details.software === true) {
    const isAlignedB = product.b.column === 1 && isAlignedMatrix(product.b, n);
    if (m <= VERY_FEW_ROWS && !isAlignedB) return "dots";
    if (m <= FEW_ROWS) return "registers 4×8";
    return m * n * k < LARGE_PRODUCT ? "registers 8×8" : "registers 16×8";
  }
  if (m <= FEW_ROWS) return k >= LONG_SUM ? "rows" : "naive";
  const large = "staged 8×8 by 16×16";
  if (m >= 512 && n >= 512 && WEBGPU_MATMULS[large].fits(device)) return large;
  return m >= 64 && n >= 64 ? "staged 8×8 by 8×8" : "staged 4×4 by 8×8";
}

function powerOfTwo(length: number): number {
  return 2 ** Math.ceil(Math.log2(length));
}

/** A product that holds on to no memory. What is done with it at the end is not timed. */
function withoutOperands(product: Product): Product {
  const empty = (matrix: Matrix): Matrix => ({ ...matrix, allocation: { bytes: 0 } });
  const { a, b, c } = product;
  return { ...withoutEpilogue(product), a: empty(a), b: empty(b), c: empty(c) };
}

/** @throws {RangeError} If there is no candidate of this name. */
function checkName(name: string): MatmulCandidateName {
  const known = MATMUL_CANDIDATE_NAMES.find((known) => known === name);
  if (known !== undefined) return known;
  throw new RangeError(
    `Cannot multiply matrices by "${name}": wanted ${MATMUL_CANDIDATE_NAMES.join(", ")}`,
  );
}

/** Reads what was stored, and believes nothing. @throws {SyntaxError} If it makes no sense. */
function readChoices(data: unknown): MatmulChoicesData {
  const refuse = (got: string) =>
    new SyntaxError(
      `Cannot use stored matmul choices: wanted "${FORMAT.format}" of version ${FORMAT.version}, got ` +
        got,
    );
  if (!isRecord(data) || data.format !== FORMAT.format) throw refuse("something else");
  if (data.version !== FORMAT.version) throw refuse(`version ${data.version}`);
  const { forced, choices } = data;
  const isName = (name: unknown): name is string => MATMUL_CANDIDATE_NAMES.some((x) => x === name);
  if (!(forced === null || isName(forced))) throw refuse(`the way "${forced}"`);
  if (!Array.isArray(choices)) throw refuse("no list of choices");
  const read = choices.map((choice: unknown): MatmulChoice => {
    if (
      !(isRecord(choice) && typeof choice.class === "string" && isName(choice.candidate) &&
        typeof choice.forced === "boolean" && isRecord(choice.microseconds))
    ) throw refuse(`the choice ${JSON.stringify(choice)}`);
    const times = Object.entries(choice.microseconds);
    if (!times.every((entry): entry is [string, number] => typeof entry[1] === "number")) {
      throw refuse(`times that are no numbers for ${choice.class}`);
    }
    const { class: class_, candidate, forced } = choice;
    return { class: class_, candidate, forced, microseconds: Object.fromEntries(times) };
  });
  return { ...FORMAT, forced, choices: read };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
