/**
 * The tensor: an array on a device, with its place on the tape.
 *
 * @module
 */

import { backward, Node } from "../autograd/tape.ts";
import { allocate } from "./apply.ts";
import type { Allocation, Device, View } from "./device.ts";
import {
  bytesPerElement,
  type DType,
  dtypeOf,
  isFloat,
  type TypedArray,
  typedArray,
} from "./dtype.ts";
import { noGrad } from "./grad_mode.ts";
import { flatten, type NestedArray } from "./nested_array.ts";
import * as elementwise from "./ops/elementwise.ts";
import { matmul, type MatmulOptions } from "./ops/matmul/matmul.ts";
import { power } from "./ops/power.ts";
import * as reduce from "./ops/reduce.ts";
import * as rows from "./ops/rows.ts";
import * as views from "./ops/views.ts";
import { formatArray } from "./print.ts";
import { formatShape, isContiguous, shapesEqual, sizeOf } from "./shape.ts";
import { Handle, type HandleOwner, History, type Release, type Storage } from "./storage.ts";

/** How to make a tensor. */
export interface TensorOptions {
  /** Whether gradients are wanted with respect to it: a parameter. Only for floats. */
  readonly requiresGrad?: boolean;
}

/** How to make a tensor that is filled with one number. */
export interface FillOptions extends TensorOptions {
  /** The type of the elements; by default `float32`. */
  readonly dtype?: DType;
}

/** How to make a tensor from values. */
export interface FromOptions extends TensorOptions {
  /** The shape; by default that of the nested array, or one axis for a typed array. */
  readonly shape?: readonly number[];
  /** The type of the elements; by default that of the typed array, and `float32` for numbers. */
  readonly dtype?: DType;
}

/** A tensor, or a number to be repeated. */
export type TensorOrNumber = Tensor | number;

/** A leaf of the tape: what arrives here is added to the tensor's `grad`. */
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
    noGrad(() => this.#tensor.accumulateGrad(gradient));
  }
}

/** What became of the memory of a tensor that cannot be used any more. */
const RELEASES: Readonly<Record<Release, string>> = {
  scope: "it was freed at the end of its scope. Call keep() on what should outlive a scope.",
  dispose: "it was freed by dispose().",
  backward:
    "it was freed by backward(). A gradient function must not return its upstream itself, " +
    "or one tensor twice.",
  zeroGrad: "it was freed by zeroGrad().",
};

/** The histories of results, by their nodes. */
const histories = new WeakMap<Node<Tensor>, History>();

/** The history of a node for which nothing was saved. */
function joinedHistory({ inputs }: Node<Tensor>): History {
  return new History(inputs.flatMap((input) => (input && histories.get(input)) ?? []));
}

/**
 * An array of numbers on a device.
 *
 * Operations are methods; they return new tensors and run at once (on a GPU: are queued). Reading
 * the values is the only thing that waits, so {@linkcode Tensor.data} is asynchronous.
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
  /** The memory that this tensor views, perhaps with others. */
  readonly storage: Storage;
  /** The type of the elements. */
  readonly dtype: DType;
  /** The length of each axis; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Distance between neighbours along each axis, in elements. */
  readonly strides: readonly number[];
  /** Position of the first element in the storage, in elements. */
  readonly offset: number;
  /** The sum of the gradients that `backward` brought here: only on leaves that require it. */
  grad: Tensor | null = null;
  readonly #handle: Handle;
  #node: Node<Tensor> | null = null;

  /** For operations: users make tensors with `Tensor.from`, `Tensor.zeros` and their kin. */
  constructor(
    storage: Storage,
    dtype: DType,
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    owner: HandleOwner | null = storage.device.scopes.current,
  ) {
    this.storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.#handle = new Handle(storage, owner, this);
  }

  /**
   * Copies values to a device.
   *
   * @param values A number, nested arrays of numbers (all of one length at each depth), a typed array
   * of any kind, or arrays of these.
   * @param options.dtype By default `float16` for a `Float16Array`, `int32` for typed arrays of
   * integers, and `float32` for everything else.
   * @throws {RangeError} If the values do not fill the shape, nested arrays are ragged, or a value
   * cannot be an `int32`.
   * @throws {TypeError} If gradients are wanted for integers, `float16` on a device without it, or a
   * dtype that does not exist.
   */
  static from(device: Device, values: NestedArray, options: FromOptions = {}): Tensor {
    const flat = flatten(values, options.dtype);
    const shape = options.shape ?? flat.shape;
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

  /** Makes a tensor filled with one number. */
  static full(
    device: Device,
    shape: readonly number[],
    value: number,
    options: FillOptions = {},
  ): Tensor {
    const tensor = elementwise.fill(device, shape, value, options.dtype);
    return options.requiresGrad ? tensor.requireGrad() : tensor;
  }

  /** Makes a tensor of zeros. */
  static zeros(device: Device, shape: readonly number[], options: FillOptions = {}): Tensor {
    return Tensor.full(device, shape, 0, options);
  }

  /** Makes a tensor of ones. */
  static ones(device: Device, shape: readonly number[], options: FillOptions = {}): Tensor {
    return Tensor.full(device, shape, 1, options);
  }

  /** The numbers `start`, `start + step`, … below `end`: `int32` by default. */
  static arange(
    device: Device,
    start: number,
    end: number,
    step = 1,
    dtype: DType = "int32",
  ): Tensor {
    const length = Math.max(0, Math.ceil((end - start) / step));
    if (!Number.isFinite(length)) {
      throw new RangeError(`Cannot count from ${start} to ${end} in steps of ${step}`);
    }
    const values = Array.from({ length }, (_, i) => start + i * step);
    return Tensor.from(device, values, { dtype, shape: [length] });
  }

  /** Where the tensor lives. */
  get device(): Device {
    return this.storage.device;
  }

  /** The number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The device memory, for kernels. @throws {Error} If it has been freed. */
  get allocation(): Allocation {
    const { released } = this.#handle;
    if (released !== null) {
      throw new Error(
        `Cannot use the tensor of shape ${formatShape(this.shape)}: ${RELEASES[released]}`,
      );
    }
    return this.storage.allocation;
  }

  /** Whether the elements lie one after the other, the last axis fastest. */
  get isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** Whether it is all of its memory's use and can be changed in place: contiguous, with no other view. */
  get isExclusive(): boolean {
    return this.isContiguous && this.storage.users === 1;
  }

  // --- Life ---------------------------------------------------------------------------------

  /** Lets the tensor outlive every scope: it is freed by `dispose`, or when it is forgotten. */
  keep(): this {
    this.moveTo(null);
    return this;
  }

  /** Lets another scope free the tensor, or the history of a result, or none. See `Scope.keep`. */
  moveTo(owner: HandleOwner | null): void {
    this.#handle.moveTo(owner, this);
  }

  /** Frees the tensor now; its memory goes when no other tensor views it. Rarely needed. */
  dispose(): void {
    this.#handle.release("dispose");
  }

  /** The same elements under another handle, without history, freed by `owner` if that is given. */
  alias(owner: HandleOwner | null = null): Tensor {
    void this.allocation;
    return new Tensor(this.storage, this.dtype, this.shape, this.strides, this.offset, owner);
  }

  /** The same elements without history: no gradient flows through the result. */
  detach(): Tensor {
    return this.alias(this.device.scopes.current);
  }

  /**
   * Replaces the values in place; views of the same memory change with it. Nothing is recorded.
   *
   * @param values As many as there are elements, in row-major order, of the tensor's own type.
   * @throws {RangeError} If there are more or fewer.
   * @throws {TypeError} If they are of another type, or the tensor is a view with gaps.
   */
  assign(values: TypedArray): void {
    if (values.length !== this.size) {
      throw new RangeError(
        `Cannot assign ${values.length} values to a tensor of shape ${formatShape(this.shape)}`,
      );
    }
    const dtype = dtypeOf(values);
    if (dtype !== this.dtype || !this.isContiguous) {
      const what = this.isContiguous ? this.dtype : "view with gaps";
      throw new TypeError(`Cannot assign ${dtype} values to a ${what}`);
    }
    const start = this.offset * bytesPerElement(dtype);
    const isWhole = start === 0 && values.byteLength === this.allocation.bytes;
    // A device copies words of four bytes, and a part of a `float16` tensor may lie in the middle of one.
    if (isWhole || start % 4 === 0 && values.byteLength % 4 === 0) {
      this.device.write(this.allocation, start, values);
    } else {
      const copy = Tensor.from(this.device, values, { shape: this.shape });
      elementwise.copyInto(copy, this);
      copy.dispose();
    }
    if (values.byteLength !== this.allocation.bytes) this.storage.integerRange = null;
    else if (values instanceof Int32Array) this.storage.noteIntegers(values);
    this.storage.version++;
  }

  // --- Gradients ----------------------------------------------------------------------------

  /** Whether gradients flow through or to this tensor. */
  get requiresGrad(): boolean {
    return this.#node !== null;
  }

  /** The tensor's place on the tape, for operations. */
  get node(): Node<Tensor> | null {
    return this.#node;
  }

  /** Makes this tensor a parameter: `backward` will collect a gradient in `grad`. */
  requireGrad(): this {
    // A parameter is made once and used in many scopes.
    this.keep();
    if (!isFloat(this.dtype)) {
      throw new TypeError(`Cannot differentiate with respect to a tensor of ${this.dtype}`);
    }
    this.#node ??= new Leaf(this);
    return this;
  }

  /** What the operations saved that led here; `null` of a tensor that comes of none. */
  get history(): History | null {
    return this.#handle.history;
  }

  /**
   * Puts the tensor on the tape, as the result of an operation. For operations.
   *
   * @param history What was saved for `node` and those before it; by default what was for its inputs.
   */
  attach(node: Node<Tensor>, history: History = joinedHistory(node)): void {
    this.#node = node;
    this.#handle.holdHistory(history);
    histories.set(node, history);
  }

  /**
   * Computes the gradient of this tensor with respect to every parameter that it came from, and adds
   * it to their `grad`.
   *
   * @param gradient The derivative of what is to be minimised with respect to this tensor; by default
   * 1, for which the tensor must be a single number. It is converted to this tensor's type.
   * @throws {Error} If nothing here requires a gradient, or backward has already run.
   * @throws {RangeError} If the tensor is not a single number and no gradient is given.
   */
  backward(gradient?: Tensor): void {
    void this.allocation;
    if (this.#node === null) {
      throw new Error("Cannot run backward: no tensor that went into this one requires a gradient");
    }
    if (gradient === undefined && this.size !== 1) {
      throw new RangeError(
        `Cannot run backward from a tensor of shape ${formatShape(this.shape)}: wanted a single ` +
          `number. Take the sum or mean, or pass the gradient.`,
      );
    }
    if (gradient !== undefined && !shapesEqual(gradient.shape, this.shape)) {
      throw new RangeError(
        `Cannot run backward: wanted a gradient of shape ${formatShape(this.shape)}, got ` +
          formatShape(gradient.shape),
      );
    }
    const seed = (gradient && noGrad(() => gradient.to(this.dtype)).alias()) ??
      Tensor.ones(this.device, this.shape, { dtype: this.dtype }).keep();
    const add = (a: Tensor, b: Tensor) => {
      if (!a.isExclusive) return noGrad(() => elementwise.add(a, b)).keep();
      elementwise.addInPlace(a, b);
      return a;
    };
    backward<Tensor>(this.#node, seed, add, (used) => used.#handle.release("backward"));
  }

  /** Adds to `grad`. For the tape: the gradient may become the tensor's own. */
  accumulateGrad(gradient: Tensor): void {
    if (this.grad !== null) elementwise.addInPlace(this.grad, gradient);
    else if (gradient.isExclusive) this.grad = gradient.alias();
    else this.grad = views.copy(gradient).keep();
  }

  /** Forgets the gradient. */
  zeroGrad(): void {
    if (this.grad !== null) this.grad.#handle.release("zeroGrad");
    this.grad = null;
  }

  // --- Reading ------------------------------------------------------------------------------

  /**
   * Reads the values: a new typed array in row-major order.
   *
   * @throws {Error} If the device failed; the message names the operation.
   */
  async data(): Promise<TypedArray> {
    const read = this.#read();
    return typedArray(this.dtype, await read);
  }

  #read(): Promise<ArrayBuffer> {
    const elementBytes = bytesPerElement(this.dtype);
    const bytes = this.size * elementBytes;
    if (bytes === 0) return Promise.resolve(new ArrayBuffer(0));
    const source = this.isContiguous ? this : noGrad(() => views.copy(this));
    const promise = this.device.read(source.allocation, source.offset * elementBytes, bytes);
    if (source !== this) source.dispose();
    return promise;
  }

  /**
   * Reads a single number.
   *
   * @throws {RangeError} If there is not exactly one element.
   */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new RangeError(
        `Cannot read one number from a tensor of shape ${formatShape(this.shape)}`,
      );
    }
    return (await this.data())[0]!;
  }

  /** Reads the values as a short text: long axes are cut in the middle. */
  async format(): Promise<string> {
    return formatArray(await this.data(), this.shape);
  }

  /** What the tensor is, without its values: those are read with `await tensor.format()`. */
  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)} on ${this.device.kind})`;
  }

  /** What `console.log` shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  // --- Elementwise --------------------------------------------------------------------------

  /** this + other, broadcast. */
  add(other: TensorOrNumber): Tensor {
    return elementwise.add(this, other);
  }
  /** this − other, broadcast. */
  sub(other: TensorOrNumber): Tensor {
    return elementwise.subtract(this, other);
  }
  /** this · other, element by element, broadcast. */
  mul(other: TensorOrNumber): Tensor {
    return elementwise.multiply(this, other);
  }
  /** this / other, broadcast. */
  div(other: TensorOrNumber): Tensor {
    return elementwise.divide(this, other);
  }
  /** this to the power of other. */
  pow(exponent: TensorOrNumber): Tensor {
    return power(this, exponent);
  }
  /** The larger of the two, broadcast. */
  maximum(other: TensorOrNumber): Tensor {
    return elementwise.maximum(this, other);
  }
  /** The smaller of the two, broadcast. */
  minimum(other: TensorOrNumber): Tensor {
    return elementwise.minimum(this, other);
  }
  /** 1 where this < other, else 0. */
  lt(other: TensorOrNumber): Tensor {
    return elementwise.less(this, other);
  }
  /** 1 where this ≤ other, else 0. */
  le(other: TensorOrNumber): Tensor {
    return elementwise.lessEqual(this, other);
  }
  /** 1 where this > other, else 0. */
  gt(other: TensorOrNumber): Tensor {
    return elementwise.greater(this, other);
  }
  /** 1 where this ≥ other, else 0. */
  ge(other: TensorOrNumber): Tensor {
    return elementwise.greaterEqual(this, other);
  }
  /** 1 where this = other, else 0. */
  eq(other: TensorOrNumber): Tensor {
    return elementwise.equal(this, other);
  }
  /** 1 where this ≠ other, else 0. */
  ne(other: TensorOrNumber): Tensor {
    return elementwise.notEqual(this, other);
  }
  /** −this */
  neg(): Tensor {
    return elementwise.negate(this);
  }
  /** e to the power of this. */
  exp(): Tensor {
    return elementwise.exp(this);
  }
  /** The natural logarithm. */
  log(): Tensor {
    return elementwise.log(this);
  }
  /** The square root. */
  sqrt(): Tensor {
    return elementwise.sqrt(this);
  }
  /** The square. */
  square(): Tensor {
    return elementwise.square(this);
  }
  /** The absolute value. */
  abs(): Tensor {
    return elementwise.abs(this);
  }
  /** The hyperbolic tangent. */
  tanh(): Tensor {
    return elementwise.tanh(this);
  }
  /** 1 / (1 + e^−this) */
  sigmoid(): Tensor {
    return elementwise.sigmoid(this);
  }
  /** this where positive, else 0. */
  relu(): Tensor {
    return elementwise.relu(this);
  }
  /** The square of relu: nanochat's activation. */
  reluSquared(): Tensor {
    return elementwise.reluSquared(this);
  }
  /** The Gaussian error linear unit, by its `tanh` approximation unless `"erf"` is asked for. */
  gelu(approximation: "tanh" | "erf" = "tanh"): Tensor {
    return elementwise.gelu(this, approximation);
  }
  /** this · sigmoid(this), also called swish. */
  silu(): Tensor {
    return elementwise.silu(this);
  }
  /** cap · tanh(this / cap): keeps the values between −cap and cap. */
  softcap(cap: number): Tensor {
    return elementwise.softcap(this, cap);
  }
  /** Keeps the values between two bounds. */
  clamp(low: number, high: number): Tensor {
    return elementwise.clamp(this, low, high);
  }
  /** `a` where this is not 0, else `b`. */
  where(a: TensorOrNumber, b: TensorOrNumber): Tensor {
    return elementwise.where(this, a, b);
  }
  /**
   * The same values in another type: rounded to the nearest on the way to `float16`, infinite from
   * 65,520 on; integers above 2²⁴ are rounded on the way to `float32`. Gradients flow back between
   * floats, each in the type of its tensor.
   */
  to(dtype: DType): Tensor {
    return elementwise.cast(this, dtype);
  }

  // --- Reductions and rows ------------------------------------------------------------------

  /** The sum along the given axes, or of everything. */
  sum(axes?: number | readonly number[], keepAxes = false): Tensor {
    return reduce.sum(this, axes, keepAxes);
  }
  /** The mean along the given axes, or of everything. */
  mean(axes?: number | readonly number[], keepAxes = false): Tensor {
    return reduce.mean(this, axes, keepAxes);
  }
  /** The largest element along the given axes, or of all. */
  max(axes?: number | readonly number[], keepAxes = false): Tensor {
    return reduce.max(this, axes, keepAxes);
  }
  /** The smallest element along the given axes, or of all. */
  min(axes?: number | readonly number[], keepAxes = false): Tensor {
    return reduce.min(this, axes, keepAxes);
  }
  /** The mean squared distance from the mean; divided by n − `correction`. */
  variance(axes?: number | readonly number[], keepAxes = false, correction = 1): Tensor {
    return reduce.variance(this, axes, keepAxes, correction);
  }
  /** The position of the first largest element along an axis: `int32`. */
  argmax(axis = -1, keepAxis = false): Tensor {
    return reduce.argmax(this, axis, keepAxis);
  }
  /** e^this, divided by its sum along the axis. */
  softmax(axis = -1): Tensor {
    return rows.softmax(this, axis);
  }
  /** The logarithm of the softmax. */
  logSoftmax(axis = -1): Tensor {
    return rows.logSoftmax(this, axis);
  }
  /** log Σ e^this along the axis. */
  logSumExp(axis = -1, keepAxis = false): Tensor {
    return rows.logSumExp(this, axis, keepAxis);
  }

  // --- Products -----------------------------------------------------------------------------

  /** The matrix product over the last two axes; leading axes are batches, and broadcast. */
  matmul(other: Tensor, options?: MatmulOptions): Tensor {
    return matmul(this, other, options);
  }

  // --- Views --------------------------------------------------------------------------------

  /** The same elements in another shape; one length may be −1. A copy only where it must be. */
  reshape(shape: readonly number[]): Tensor {
    return views.reshape(this, shape);
  }
  /** Two axes exchanged. */
  transpose(first = -2, second = -1): Tensor {
    return views.transpose(this, first, second);
  }
  /** The axes in another order. */
  permute(order: readonly number[]): Tensor {
    return views.permute(this, order);
  }
  /** The elements from `start` up to but not including `end` along an axis; negative counts from the end. */
  slice(axis: number, start: number, end?: number): Tensor {
    return views.slice(this, axis, start, end);
  }
  /** Axes of length 1 repeated; nothing is copied. */
  expand(shape: readonly number[]): Tensor {
    return views.expand(this, shape);
  }
  /** Without an axis of length 1, or without all of them. */
  squeeze(axis?: number): Tensor {
    return views.squeeze(this, axis);
  }
  /** With a new axis of length 1 at the given place. */
  unsqueeze(axis: number): Tensor {
    return views.unsqueeze(this, axis);
  }
  /** The same elements, one after the other in memory: a copy only where they are not. */
  contiguous(): Tensor {
    return views.contiguous(this);
  }
}
