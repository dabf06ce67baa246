/**
 * The tensor: an array on a device, with its place on the tape.
 *
 * @module
 */

import { backward, Node } from "../autograd/tape.ts";
import type { Allocation, Device, View } from "./device.ts";
import {
  bytesPerElement,
  checkDType,
  type DType,
  dtypeOf,
  isFloat,
  type TypedArray,
  typedArray,
} from "./dtype.ts";
import { noGrad } from "./grad_mode.ts";
import { flatten, type NestedArray } from "./nested_array.ts";
import type { TensorMethods } from "./ops/methods.ts";
import { formatArray } from "./print.ts";
import { contiguousStrides, formatShape, isContiguous, shapesEqual, sizeOf } from "./shape.ts";
import { Handle, type HandleOwner, History, type Release, Storage } from "./storage.ts";

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

/** What a tensor itself needs of the operations, which are made of tensors. */
export interface OwnOperations {
  /** A tensor filled with one number. */
  readonly fill: (device: Device, shape: readonly number[], value: number, dtype?: DType) => Tensor;
  /** Copies elements, converting between the types of the two tensors. */
  readonly copyInto: (source: Tensor, target: Tensor) => void;
  /** Adds `b` to `a` where `a` lies. */
  readonly addInPlace: (a: Tensor, b: Tensor) => void;
  /** A copy in memory of its own. */
  readonly copy: (x: Tensor) => Tensor;
}

let own: OwnOperations;

/** For `ops/methods.ts`, which comes after this file and gives it what it needs. */
export function setOwnOperations(operations: OwnOperations): void {
  own = operations;
}

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
 * Allocates a tensor with undefined contents.
 *
 * @throws {TypeError} If the dtype is unknown, or is `float16` and the device does not support it.
 */
export function allocate(
  device: Device,
  { shape, dtype }: Pick<View, "shape" | "dtype">,
  label: string,
): Tensor {
  checkDType(label, dtype);
  if (dtype === "float16" && !device.hasFloat16) {
    throw new TypeError(
      `Cannot make a float16 tensor for "${label}": wanted a device with shader-f16, got ` +
        device.info.description,
    );
  }
  const allocation = device.allocate(sizeOf(shape) * bytesPerElement(dtype), label);
  return new Tensor(new Storage(device, allocation), dtype, shape, contiguousStrides(shape), 0);
}

/**
 * An array of numbers on a device.
 *
 * Operations are methods, those of {@linkcode TensorMethods}; they return new tensors and run at once (on
 * a GPU: are queued). Reading the values is the only thing that waits, so {@linkcode Tensor.data} is
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
    const tensor = own.fill(device, shape, value, options.dtype);
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
    return this.isContiguous && this.storage.refCount === 1;
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
      own.copyInto(copy, this);
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
      if (!a.isExclusive) return noGrad(() => a.add(b)).keep();
      own.addInPlace(a, b);
      return a;
    };
    backward<Tensor>(this.#node, seed, add, (used) => used.#handle.release("backward"));
  }

  /** Adds to `grad`. For the tape: the gradient may become the tensor's own. */
  accumulateGrad(gradient: Tensor): void {
    if (this.grad !== null) own.addInPlace(this.grad, gradient);
    else if (gradient.isExclusive) this.grad = gradient.alias();
    else this.grad = own.copy(gradient).keep();
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
    const source = this.isContiguous ? this : noGrad(() => own.copy(this));
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
}

/** The operations are put on the class by `ops/methods.ts`: they are made of tensors themselves. */
export interface Tensor extends TensorMethods {}
