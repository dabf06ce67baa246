/** The `Tensor` class: an array on a device, with its place on the tape. @module */

import { backward, Node } from "../autograd/tape.ts";
import {
  checkDevice,
  checkIsNumber,
  checkList,
  checkOptions,
  describeValue,
  type OptionNames,
} from "./checks.ts";
import type { Allocation, Device, View } from "./device.ts";
import { Error, fromTape, RangeError, TypeError, wrongType, wrongValue } from "./errors.ts";
import { noGrad } from "./grad_mode.ts";
import {
  bytesPerElement,
  checkDType,
  checkShape,
  contiguousStrides,
  type DType,
  dtypeOf,
  formatShape,
  isContiguous,
  isFloat,
  numbersIn,
  shapesEqual,
  sizeOf,
  type Specification,
  type StoredArray,
  storedArray,
  type TypedArray,
} from "./layout.ts";
import { flatten, type NestedArray } from "./nested_array.ts";
import type { TensorMethods } from "./ops/methods.ts";
import type { MoreTensorMethods } from "./ops/more_methods.ts";
import { formatArray } from "./print.ts";
import { Handle, type HandleOwner, History, type Release, Storage } from "./storage.ts";

/** Options for creating a tensor. */
export interface TensorOptions {
  /** Whether to collect a gradient for it, as for a parameter. Floats only. @default {false} */
  readonly requiresGrad?: boolean;
}

/** Options for creating a tensor filled with one number. */
export interface FillOptions extends TensorOptions {
  /** Element dtype. @default {"float32"} */
  readonly dtype?: DType;
}

/** Options for creating a tensor from values. */
export interface FromOptions extends TensorOptions {
  /** The shape; by default that of the nested array, or one axis for a typed array. */
  readonly shape?: readonly number[];
  /** Element dtype; by default that of the typed array, and `float32` for numbers. */
  readonly dtype?: DType;
}

const FILL_OPTIONS: OptionNames<FillOptions> = { dtype: true, requiresGrad: true };
const FROM_OPTIONS: OptionNames<FromOptions> = { shape: true, ...FILL_OPTIONS };

/** A tensor, or a number to broadcast. */
export type TensorOrNumber = Tensor | number;

/** The operations that this file needs, although they are built on tensors. */
export interface OwnOperations {
  readonly fill: (device: Device, shape: readonly number[], value: number, dtype?: DType) => Tensor;
  /** Copies elements, casting between dtypes. */
  readonly copyInto: (source: Tensor, target: Tensor) => void;
  readonly addInPlace: (a: Tensor, b: Tensor) => void;
  readonly copy: (x: Tensor) => Tensor;
}

let own: OwnOperations;

/** Called by `ops/methods.ts`, which loads after this file. */
export function setOwnOperations(operations: OwnOperations): void {
  own = operations;
}

/** A contiguous copy, not recorded. */
function copyOf(x: Tensor): Tensor {
  return noGrad(() => own.copy(x));
}

/** The tensors that are parameters. A set instead of a field, so that other tensors stay small. */
const parameters = new WeakSet<Tensor>();

class Leaf extends Node<Tensor> {
  readonly #tensor: Tensor;

  constructor(tensor: Tensor) {
    super("tensor");
    this.#tensor = tensor;
  }

  override get kept(): Tensor | null {
    return this.#tensor.grad;
  }

  override receive(gradient: Tensor): void {
    const tensor = this.#tensor;
    if (tensor.grad !== null) own.addInPlace(tensor.grad, gradient);
    // The gradient may become the tensor's own.
    else if (gradient.isExclusive) tensor.grad = gradient.alias();
    else tensor.grad = copyOf(gradient).keep();
  }
}

const RELEASES: Readonly<Record<Release, string>> = {
  scope: "it was freed at the end of its scope. Call keep() on what should outlive a scope.",
  dispose: "it was freed by dispose().",
  backward:
    "it was freed by backward(). A gradient function must not return its upstream itself, " +
    "or one tensor twice.",
  zeroGrad: "it was freed by zeroGrad().",
};

/** The history of a node's result, which holds those of its inputs. */
function historyOf({ saved, inputs }: Node<Tensor>): History {
  if (saved instanceof History) return saved;
  const histories: History[] = [];
  // A loop: `flatMap` would take half a microsecond of every recorded operation.
  for (const input of inputs) if (input?.saved instanceof History) histories.push(input.saved);
  return new History(histories);
}

/**
 * Allocates a tensor with undefined contents; throws a `TypeError` if the dtype is unknown, or is
 * `float16` and the device does not support it. Who knows the contiguous strides passes them.
 */
export function allocate(
  device: Device,
  { shape, dtype }: Specification,
  label: string,
  strides: readonly number[] = contiguousStrides(shape),
): Tensor {
  checkDType(label, dtype);
  if (dtype === "float16" && !device.hasFloat16) {
    const what = `make a float16 tensor for "${label}"`;
    throw wrongType(what, "a device with shader-f16", device.info.description);
  }
  const allocation = device.allocate(sizeOf(shape) * bytesPerElement(dtype), label);
  return new Tensor(new Storage(device, allocation), dtype, shape, strides, 0);
}

/** Throws a `TypeError` if an operand for `what`, as in "compute add", is no tensor. */
export function checkTensor(what: string, value: Tensor, wanted = "a tensor"): void {
  if (value instanceof Tensor) return;
  const hint = Array.isArray(value) || ArrayBuffer.isView(value)
    ? ". Make a tensor of it with Tensor.from(device, …)."
    : "";
  throw wrongType(what, wanted, `${describeValue(value)}${hint}`);
}

/**
 * An n-dimensional array on a device.
 *
 * Operations are methods, see {@linkcode TensorMethods}; they return new tensors and run at once
 * (on a GPU they are queued). Only reading values waits, so {@linkcode Tensor.data} is
 * asynchronous.
 *
 * @example The gradient of a sum of squares
 * ```ts
 * import { openDevice, Tensor } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [[1, 2], [3, 4]], { requiresGrad: true });
 * x.mul(x).sum().backward();
 * const gradient = await x.grad!.data();
 * if (gradient.join() !== "2,4,6,8") throw new Error(`expected 2x, got ${gradient}`);
 * await device.close();
 * ```
 */
export class Tensor implements View {
  /** The memory, which other tensors may share. */
  readonly storage: Storage;
  /** Element dtype. */
  readonly dtype: DType;
  /** The length of each axis; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Stride of each axis, in elements. */
  readonly strides: readonly number[];
  /** Offset of the first element in the storage, in elements. */
  readonly offset: number;
  /** The accumulated gradient; only on leaves that require one. */
  grad: Tensor | null = null;
  readonly #handle: Handle;
  #node: Node<Tensor> | null = null;

  /** For operations: users create tensors with `Tensor.from`, `Tensor.zeros` and so on. */
  constructor(
    storage: Storage,
    dtype: DType,
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    owner?: HandleOwner | null,
  ) {
    if (!(storage instanceof Storage)) {
      const wanted = "Tensor.from(device, values) or Tensor.zeros(device, shape)";
      throw wrongType("make a tensor", wanted, "new Tensor(…)");
    }
    this.storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.#handle = new Handle(
      storage,
      owner === undefined ? storage.device.scopes.current : owner,
      this,
    );
  }

  /**
   * Copies values to a device.
   *
   * @param values A number, nested arrays of numbers (of equal length at each depth), a typed array
   * of any kind, or arrays of these.
   * @param options.dtype By default `float16` for a `Float16Array`, `int32` for typed arrays of
   * integers, and `float32` for everything else. For `bfloat16`, a `Uint16Array` has the bits.
   * @throws {RangeError} If the values do not fill the shape, nested arrays are ragged, or a value
   * is not an `int32`.
   * @throws {TypeError} If a gradient is requested for integers, `float16` is not supported, or the
   * dtype is unknown.
   */
  static from(device: Device, values: NestedArray, options: FromOptions = {}): Tensor {
    checkDevice("make a tensor", device);
    checkOptions("make a tensor", options, FROM_OPTIONS);
    if (values instanceof Tensor || Array.isArray(values) && values[0] instanceof Tensor) {
      const [got, hint] = values instanceof Tensor
        ? ["a tensor", "Its values are read by await tensor.data()."]
        : ["tensors", "Join them with stack() or concat()."];
      throw wrongType("make a tensor", "numbers", `${got}. ${hint}`);
    }
    const flat = flatten(values, options.dtype);
    const shape = options.shape ?? flat.shape;
    if (options.shape !== undefined) checkShape(shape, "make a tensor");
    if (sizeOf(shape) !== flat.data.length) {
      throw new RangeError(
        `Cannot make a tensor of shape ${formatShape(shape)} from ${flat.data.length} values`,
      );
    }
    const tensor = allocate(device, { shape: [...shape], dtype: flat.dtype }, "Tensor.from");
    device.write(tensor.allocation, 0, flat.data);
    if (flat.data instanceof Int32Array) tensor.storage.noteIntegers(flat.data);
    return options.requiresGrad ? tensor.requireGrad() : tensor;
  }

  /** Creates a tensor filled with one number. */
  static full(
    device: Device,
    shape: readonly number[],
    value: number,
    options: FillOptions = {},
  ): Tensor {
    checkDevice("make a tensor", device);
    checkList("make a tensor", "a shape, as in [2, 3]", shape);
    checkOptions("make a tensor", options, FILL_OPTIONS);
    const tensor = own.fill(device, shape, value, options.dtype);
    return options.requiresGrad ? tensor.requireGrad() : tensor;
  }

  /** Creates a tensor of zeros. */
  static zeros(device: Device, shape: readonly number[], options: FillOptions = {}): Tensor {
    return Tensor.full(device, shape, 0, options);
  }

  /** Creates a tensor of ones. */
  static ones(device: Device, shape: readonly number[], options: FillOptions = {}): Tensor {
    return Tensor.full(device, shape, 1, options);
  }

  /** The numbers `start`, `start + step`, … below `end`; `int32` by default. */
  static arange(
    device: Device,
    start: number,
    end: number,
    step = 1,
    dtype: DType = "int32",
  ): Tensor {
    checkDevice("count", device);
    for (const limit of [start, end, step]) {
      checkIsNumber("count", "start and end, as in Tensor.arange(device, 0, 10)", limit);
    }
    const length = Math.max(0, Math.ceil((end - start) / step));
    if (!Number.isFinite(length)) {
      throw new RangeError(`Cannot count from ${start} to ${end} in steps of ${step}`);
    }
    const values = Array.from({ length }, (_, i) => start + i * step);
    return Tensor.from(device, values, { dtype, shape: [length] });
  }

  /** The identity matrix, `[rows, columns]`; square if no columns are given. */
  declare static eye: typeof import("./ops/ranges.ts").eye;
  /** Numbers at equal distances: `Tensor.linspace(device, 0, 1, 5)` has 0, ¼, ½, ¾, 1. */
  declare static linspace: typeof import("./ops/ranges.ts").linspace;

  /** The device of the tensor. */
  get device(): Device {
    return this.storage.device;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The device memory, for kernels. @throws {Error} If it has been freed. */
  get allocation(): Allocation {
    this.checkOpen();
    return this.storage.allocation;
  }

  /** For operations: checks that the tensor can be used. @throws {Error} If it has been freed. */
  checkOpen(): void {
    const { released } = this.#handle;
    if (released === null) return;
    throw new Error(
      `Cannot use the tensor of shape ${formatShape(this.shape)}: ${RELEASES[released]}`,
    );
  }

  /** Whether it has not been freed. */
  get isOpen(): boolean {
    return this.#handle.released === null;
  }

  /** Whether the elements are contiguous, in row-major order. */
  get isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** Whether it can be changed in place: contiguous, and the only view of its memory. */
  get isExclusive(): boolean {
    return this.isContiguous && this.storage.refCount === 1;
  }

  // --- Lifetime -----------------------------------------------------------------------------

  /** Lets the tensor outlive every scope: it is freed by `dispose` or the garbage collector. */
  keep(): this {
    this.moveTo(null);
    return this;
  }

  /** Moves ownership to another scope, to the history of a result, or to none. See `Scope.keep`. */
  moveTo(owner: HandleOwner | null): void {
    this.#handle.moveTo(owner, this);
  }

  /** Frees the tensor now, and its memory with the last tensor that views it. Rarely needed. */
  dispose(): void {
    this.#handle.release("dispose");
  }

  /** Another handle to the same elements, without history, freed by `owner` if given. */
  alias(owner: HandleOwner | null = null): Tensor {
    this.checkOpen();
    return new Tensor(this.storage, this.dtype, this.shape, this.strides, this.offset, owner);
  }

  /** The same elements without history: no gradient flows through the result. */
  detach(): Tensor {
    return this.alias(this.device.scopes.current);
  }

  /**
   * Replaces the values in place, in row-major order; other views of the memory change as well. Not
   * recorded. A `bfloat16` or `float16` takes a `Float32Array`, too, which is rounded; a `bfloat16` the
   * bits in a `Uint16Array`.
   *
   * @throws {RangeError} If there are more or fewer.
   * @throws {TypeError} If it is no typed array, the dtype differs, or the tensor is a non-contiguous view.
   * `copyInto` copies a tensor.
   */
  assign(given: StoredArray): void {
    const isRounded = this.dtype.endsWith("float16") && given instanceof Float32Array;
    const values = isRounded ? storedArray(this.dtype, given) : given;
    const dtype = dtypeOf(values);
    if (values.length !== this.size) {
      const what = `assign to a tensor of ${formatShape(this.shape)}`;
      throw wrongValue(what, `${this.size} values`, values.length);
    }
    if (dtype !== this.dtype || !this.isContiguous) {
      const what = this.isContiguous ? this.dtype : "view with gaps";
      throw new TypeError(`Cannot assign ${dtype} values to a ${what}`);
    }
    const start = this.offset * bytesPerElement(dtype);
    // A GPU writes whole words.
    if ((start | values.byteLength) % 4 !== 0) {
      const copy = Tensor.from(this.device, values, { shape: this.shape, dtype });
      own.copyInto(copy, this);
      return copy.dispose();
    }
    const isWhole = values.byteLength === this.allocation.bytes;
    this.device.write(this.allocation, start, values);
    this.storage.noteChange();
    if (isWhole && values instanceof Int32Array) this.storage.noteIntegers(values);
  }

  // --- Gradients ----------------------------------------------------------------------------

  /** Whether gradients flow through or to this tensor. */
  get requiresGrad(): boolean {
    return this.#node !== null;
  }

  /** The tensor's node on the tape, for operations. */
  get node(): Node<Tensor> | null {
    return this.#node;
  }

  /** Whether it was made a parameter, by `requireGrad`; also while it is frozen. */
  get isParameter(): boolean {
    return parameters.has(this);
  }

  /**
   * Makes this tensor a parameter: `backward` will accumulate a gradient in `grad`. With `false`, it
   * is frozen: its gradient is cleared, and none is computed until it is required again. The result of an
   * operation on parameters stays what it is: gradients flow through it, and `grad` keeps none.
   *
   * @throws {TypeError} If the elements are integers.
   * @throws {Error} If the result of an operation is to be frozen: `detach` cuts off its history.
   */
  requireGrad(isRequired = true): this {
    if (!isRequired) {
      if (this.#node !== null && !parameters.has(this)) {
        throw new Error(
          "Cannot freeze the result of an operation: wanted a parameter. Use detach()",
        );
      }
      this.zeroGrad();
      this.#node = null;
      return this;
    }
    if (!isFloat(this.dtype)) {
      throw new TypeError(`Cannot differentiate with respect to a tensor of ${this.dtype}`);
    }
    // A parameter is created once and used in many scopes.
    this.keep();
    this.#node ??= new Leaf(this);
    if (this.#node.isLeaf) parameters.add(this);
    return this;
  }

  /** For operations: attaches a node. @returns The owner of what it saves for backward. */
  attach(node: Node<Tensor>): History {
    const history = historyOf(node);
    this.#node = node;
    this.#handle.holdHistory(history);
    node.saved = history;
    return history;
  }

  /**
   * Computes the gradient of this tensor for every parameter that it depends on, and adds it to the
   * parameter's `grad`.
   *
   * @param gradient The upstream gradient; by default 1, which requires a single element.
   * @throws {Error} If nothing here requires a gradient, or backward has already run.
   * @throws {RangeError} If the tensor has several elements and no gradient is given.
   */
  backward(gradient?: Tensor): void {
    this.checkOpen();
    if (this.#node === null) {
      throw new Error("Cannot run backward: no tensor that went into this one requires a gradient");
    }
    if (gradient === undefined && this.size !== 1) {
      throw new RangeError(
        `Cannot run backward from a tensor of shape ${formatShape(this.shape)}: wanted a single ` +
          `number. Take the sum or mean, or pass the gradient.`,
      );
    }
    if (gradient !== undefined) checkTensor("run backward", gradient);
    if (gradient !== undefined && !shapesEqual(gradient.shape, this.shape)) {
      const wanted = `a gradient of shape ${formatShape(this.shape)}`;
      throw wrongValue("run backward", wanted, formatShape(gradient.shape));
    }
    const seed = (gradient && noGrad(() => gradient.to(this.dtype)).alias()) ??
      Tensor.ones(this.device, this.shape, { dtype: this.dtype }).keep();
    const add = (a: Tensor, b: Tensor) => {
      if (!a.isExclusive) return noGrad(() => a.add(b)).keep();
      own.addInPlace(a, b);
      return a;
    };
    try {
      backward<Tensor>(this.#node, seed, add, (used) => used.#handle.release("backward"));
    } catch (error) {
      throw fromTape(error);
    }
  }

  /** Clears the gradient. */
  zeroGrad(): void {
    if (this.grad !== null) this.grad.#handle.release("zeroGrad");
    this.grad = null;
  }

  // --- Reading ------------------------------------------------------------------------------

  /**
   * Reads the values into a new typed array, in row-major order: those of `bfloat16` into a
   * `Float32Array`.
   *
   * @throws {Error} If the device failed; names the operation.
   */
  async data(): Promise<TypedArray> {
    const elementBytes = bytesPerElement(this.dtype);
    const bytes = this.size * elementBytes;
    if (bytes === 0) return numbersIn(this.dtype, new ArrayBuffer(0));
    const source = this.isContiguous ? this : copyOf(this);
    const read = this.device.read(source.allocation, source.offset * elementBytes, bytes);
    if (source !== this) source.dispose();
    return numbersIn(this.dtype, await read);
  }

  /** Reads a single number. @throws {RangeError} If there is not exactly one element. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new RangeError(
        `Cannot read one number from a tensor of shape ${formatShape(this.shape)}`,
      );
    }
    return (await this.data())[0]!;
  }

  /** Reads the values and formats them briefly, with long axes abbreviated. */
  async format(): Promise<string> {
    return formatArray(await this.data(), this.shape);
  }

  /** Dtype, shape and device, without the values: those are read by `await tensor.format()`. */
  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)} on ${this.device.kind})`;
  }

  /**
   * Called by operators, which JavaScript cannot define for a class: `1 - x` would be NaN, and
   * `x + 1` text. A template, `${x}`, gives what `toString` does.
   *
   * @throws {TypeError} For anything but text.
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    const wanted = "a method, as in x.add(1), x.sub(1), x.mul(2), x.gt(0)";
    throw wrongType(`use ${this} as a number`, wanted, "an operator");
  }

  /** Used by `JSON.stringify`: the same summary, as reading the values takes an `await`. */
  toJSON(): string {
    return this.toString();
  }

  /** Used by `console.log` in Deno, Node and Bun. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** The operations, which `ops/methods.ts` and `ops/more_methods.ts` add to this class. */
export interface Tensor extends TensorMethods, MoreTensorMethods {}
