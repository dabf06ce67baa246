/** Runs an operation: checks shapes, allocates outputs, runs a kernel, records a node. @module */

import { Node } from "../autograd/tape.ts";
import type { Device } from "./device.ts";
import { Error, wrongState, wrongValue } from "./errors.ts";
import { isGradEnabled, noGrad } from "./grad_mode.ts";
import { bytesPerElement, type DType, isFloat, type Specification } from "./layout.ts";
import { sourceLine, withNotes } from "./profile.ts";
import type { History } from "./storage.ts";
import { allocate, checkTensor, type Tensor } from "./tensor.ts";

/** A value for each input, or for each output, of an operation. */
export type Each<Tensors extends readonly Tensor[], Value> = {
  readonly [I in keyof Tensors]: Value;
};

/** The gradient of an operation, and the values that it needs. */
export interface Gradient<Attributes, Inputs extends readonly Tensor[] = readonly Tensor[]> {
  /** Inputs whose values the gradient needs. */
  readonly savesInputs?: readonly number[];
  /** Outputs whose values the gradient needs. */
  readonly savesOutputs?: readonly number[];
  /**
   * The gradient of each input from that of the first output, by ordinary operations; `null` for
   * inputs that need none.
   *
   * If an input already has a gradient from another use, `sums` holds it; adding to it in place and
   * returning it takes one pass over memory instead of three.
   */
  readonly apply: (
    upstream: Tensor,
    saved: Saved,
    attributes: Attributes,
    wanted: Each<Inputs, boolean>,
    sums: Each<Inputs, Tensor | null>,
  ) => readonly (Tensor | null)[];
}

/**
 * An operation with a kernel for each device, all in one file.
 *
 * The type makes the gradient compulsory: an operation without one states why, and differentiating
 * it is an error, never a silent zero. `Inputs` and `Outputs` are tuples where their number is known.
 */
export interface Operation<
  Attributes,
  Inputs extends readonly Tensor[] = readonly Tensor[],
  Outputs extends readonly Tensor[] = readonly [Tensor],
> {
  readonly name: string;
  /** The shape rule: specifies the outputs, or throws if the shapes or dtypes do not match. */
  readonly infer: (
    inputs: Each<Inputs, Specification>,
    attributes: Attributes,
  ) => Each<Outputs, Specification>;
  /** Runs the kernels. Outputs are allocated and contiguous; inputs may be any views. */
  readonly run: (
    device: Device,
    inputs: Inputs,
    outputs: Outputs,
    attributes: Attributes,
  ) => void;
  /** The gradient, or the reason why there is none. Only the first output is differentiated. */
  readonly gradient: Gradient<Attributes, Inputs> | string;
}

interface SavedValue {
  readonly tensor: Tensor;
  readonly version: number;
  readonly dtype: DType;
}

/** The values of an operation that its gradient needs, kept until the backward pass. */
export class Saved {
  /** The shapes of all inputs, saved or not. */
  readonly inputShapes: readonly (readonly number[])[];
  /** The dtypes of the gradients of all inputs. */
  readonly gradientTypes: readonly DType[];
  readonly #name: string;
  readonly #inputs: SavedValue[] = [];
  readonly #outputs: SavedValue[] = [];

  /** Saves what `gradient` asks for, as long as `history` lives. */
  constructor(
    name: string,
    gradient: Gradient<never>,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    history: History,
  ) {
    this.#name = name;
    this.inputShapes = inputs.map((input) => input.shape);
    this.gradientTypes = inputs.map(gradientType);
    for (const i of gradient.savesInputs ?? []) this.#inputs[i] = save(inputs[i]!, history);
    for (const i of gradient.savesOutputs ?? []) this.#outputs[i] = save(outputs[i]!, history);
  }

  /** A saved input. @throws {Error} If it was not saved, or has changed in place since. */
  input(index: number): Tensor {
    return this.#valueOf(this.#inputs[index], "input", index);
  }

  /** A saved output. @throws {Error} If it was not saved, or has changed in place since. */
  output(index: number): Tensor {
    return this.#valueOf(this.#outputs[index], "output", index);
  }

  #valueOf(saved: SavedValue | undefined, what: string, index: number): Tensor {
    if (saved === undefined) throw new Error(`"${this.#name}" did not save ${what} ${index}`);
    const { tensor, version, dtype } = saved;
    if (tensor.storage.version !== version) {
      throw new Error(
        `Cannot differentiate "${this.#name}": its ${what} ${index} was changed in place since it ` +
          `was computed. Run backward before the optimizer's step.`,
      );
    }
    return tensor.to(dtype);
  }
}

/**
 * Of a parameter that was rounded to 16 bits the parameter itself: it is rounded again when it is used, and
 * the copy takes no memory until then.
 */
function save(tensor: Tensor, history: History): SavedValue {
  const kept = (tensor.node && rounded.get(tensor.node)) ?? tensor;
  return { tensor: kept.alias(history), version: kept.storage.version, dtype: tensor.dtype };
}

/** Nodes whose values were rounded to 16 bits; and the parameter, if that is what was rounded. */
const rounded = new WeakMap<Node<Tensor>, Tensor | null>();

/** Notes that a result of 16 bits is its input rounded. */
export function noteRounded({ node, dtype }: Tensor, input: Tensor): void {
  if (node === null || bytesPerElement(dtype) !== 2) return;
  rounded.set(node, input.isParameter ? input : null);
}

/**
 * The dtype of a tensor's gradient: its own, except for a tensor rounded from `float32`. Its
 * gradient stays `float32`, because a weight's gradient is a sum over all tokens, which 16 bits may
 * not hold.
 */
export function gradientType({ dtype, node }: Tensor): DType {
  return node !== null && rounded.has(node) ? "float32" : dtype;
}

/**
 * Runs an operation, and records it on the tape if an input requires a gradient, which the first
 * output carries.
 *
 * @throws {RangeError | TypeError} If the inputs do not suit the operation.
 * @throws {Error} If they are on different devices, or have no gradient that is required.
 */
export function apply<
  Attributes,
  Inputs extends readonly Tensor[],
  Outputs extends readonly Tensor[],
>(
  operation: Operation<Attributes, Inputs, Outputs>,
  inputs: Inputs,
  attributes: Attributes,
): Outputs {
  const device = commonDevice(operation.name, inputs);
  const allocated: Tensor[] = [];
  const known = inputs as readonly Specification[] as Each<Inputs, Specification>;
  for (const specification of operation.infer(known, attributes)) {
    allocated.push(allocate(device, specification, operation.name));
  }
  const outputs = allocated as readonly Tensor[] as Outputs;
  operation.run(device, inputs, outputs, attributes);
  recordOperation(operation, inputs, outputs, attributes);
  return outputs;
}

/** Like {@linkcode apply}, for an operation with one output. */
export function applyOne<Attributes, Inputs extends readonly Tensor[]>(
  operation: Operation<Attributes, Inputs>,
  inputs: Inputs,
  attributes: Attributes,
): Tensor {
  return apply(operation, inputs, attributes)[0];
}

export function commonDevice(name: string, inputs: readonly Tensor[]): Device {
  const device: Device | undefined = inputs[0]?.device;
  // Properties of whatever the caller passed: what is wrong is found out afterwards.
  const isCommon = device !== undefined && inputs.every((input) => input?.device === device);
  if (!isCommon) throw wrongInputs(name, inputs);
  return device;
}

function wrongInputs(name: string, inputs: readonly Tensor[]): Error {
  if (inputs.length === 0) return wrongValue(`compute ${name}`, "tensors", "none");
  for (const input of inputs) checkTensor(`compute ${name}`, input);
  const [first, ...others] = new Set(inputs.map(({ device }) => device.info.description));
  const got = others.length === 0 ? `opened separately: ${first}` : [first, ...others].join("; ");
  const wanted = "tensors on one device";
  return wrongState(`compute ${name}`, wanted, `them on different devices (${got})`);
}

/**
 * Records an operation that has run, if an input requires a gradient: attaches a node to the first
 * output.
 *
 * Its gradients are computed without recording and cast to the required dtype (see
 * {@linkcode gradientType}). The tape frees every gradient after use, so each gets a handle of its
 * own; temporaries are freed by a scope.
 */
export function recordOperation<Attributes, Inputs extends readonly Tensor[]>(
  operation: Pick<Operation<Attributes, Inputs>, "name" | "gradient">,
  inputs: Inputs,
  outputs: readonly Tensor[],
  attributes: Attributes,
): void {
  if (!isGradEnabled() || !inputs.some((input) => input.requiresGrad)) return;
  const { name, gradient } = operation;
  if (typeof gradient === "string") {
    // Integers never carry a gradient, but a float without one must not end it silently.
    if (!isFloat(outputs[0]!.dtype)) return;
    throw new Error(
      `Cannot differentiate "${name}": ${gradient}. Wrap it in noGrad(), or detach() its input.`,
    );
  }
  const nodes = inputs.map(({ node }) => node);
  const wanted = nodes.map((node) => node !== null) as readonly boolean[] as Each<Inputs, boolean>;
  const source = sourceLine();
  const node = new Node<Tensor>(name, nodes, (upstream, collected) => {
    using _temporaries = upstream.device.scopes.openSync();
    const sums = nodes.map((node, i) => {
      // An input used twice here has one sum, at its first use.
      if (node === null || nodes.indexOf(node) !== i) return null;
      const sum = collected(node) ?? node.kept;
      return sum !== null && sum.isExclusive ? sum : null;
    }) as readonly (Tensor | null)[] as Each<Inputs, Tensor | null>;
    try {
      return withNotes({ gradientSource: source ?? "?" }, () =>
        noGrad(() => {
          const gradients = gradient.apply(upstream, saved, attributes, wanted, sums);
          history.releaseAll();
          return gradients.map((each, i) => {
            if (!wanted[i] || each === null || each === sums[i]) return null;
            return each.to(saved.gradientTypes[i]!).alias();
          });
        }));
    } catch (error) {
      throw inGradient(name, error);
    }
  });
  const history = outputs[0]!.attach(node);
  const saved = new Saved(name, gradient as Gradient<never>, inputs, outputs, history);
}

/** Names the result of several operations after the one that the caller wrote, for messages. */
export function named(name: string, result: Tensor): Tensor {
  if (result.node !== null) result.node.operation = name;
  return result;
}

/** Adds to an error in backward which operation of the forward pass it belongs to. */
function inGradient(name: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.message.includes(`"${name}"`)) return error;
  const message = `${error.message} (in the gradient of "${name}")`;
  const stack = error.stack?.replace(error.message, () => message);
  error.message = message;
  if (stack !== undefined) error.stack = stack;
  return error;
}
