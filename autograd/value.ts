/**
 * Scalars that know where they came from.
 *
 * A {@linkcode Value} is a number and at the same time a {@linkcode Node} of the tape. Arithmetic on
 * values computes the result and records how it was made; {@linkcode Value.backward} then fills in
 * `grad`, the derivative of the result with respect to each of them. Tensors do exactly the same,
 * on the same tape, with a whole array where this file has one number.
 *
 * Every operation below is one line of arithmetic and, next to it, its derivative.
 *
 * Source: Karpathy, micrograd (2020), for the set of operations.
 *
 * @module
 */

import { backward, type GradientFunction, Node } from "./tape.ts";

/** How a value was computed; all of it is optional, because a plain number was not. */
export interface ValueOptions {
  /** A name to show in graphs and printouts. */
  readonly label?: string;
  /** The name of the operation that made the value. */
  readonly operation?: string;
  /** The values that went into the operation. */
  readonly inputs?: readonly Value[];
  /** The derivative of the operation: one number for each of the inputs. */
  readonly gradient?: GradientFunction<number>;
}

/**
 * One number of a computation, with its gradient.
 *
 * Every value keeps its gradient, intermediate ones too, so that a whole computation can be looked
 * at after {@linkcode Value.backward}. Gradients add up until {@linkcode Value.zeroGrad} is called.
 *
 * @example The slope of (3w − 7)² at w = 1 is −24
 * ```ts
 * import { Value } from "./value.ts";
 *
 * const w = new Value(1);
 * const loss = w.mul(3).sub(7).pow(2);
 * loss.backward();
 * if (loss.data !== 16 || w.grad !== -24) throw new Error(`got ${loss.data} and ${w.grad}`);
 * ```
 *
 * @example An operation of your own
 * ```ts
 * import { Value } from "./value.ts";
 *
 * function sine(x: Value): Value {
 *   return new Value(Math.sin(x.data), {
 *     operation: "sin",
 *     inputs: [x],
 *     gradient: (upstream) => [upstream * Math.cos(x.data)],
 *   });
 * }
 * const x = new Value(0);
 * sine(x).backward();
 * if (x.grad !== 1) throw new Error(`expected 1, got ${x.grad}`);
 * ```
 */
export class Value extends Node<number> {
  /** The number itself. An optimiser writes to it; change it only between two computations. */
  data: number;
  /** The derivative of the result of the last backward passes with respect to this value. */
  grad = 0;
  /** A name to show in graphs and printouts; empty if it has none. */
  label: string;

  /**
   * Makes a leaf of a computation, or with `options` the result of an operation.
   *
   * @param data The number.
   * @param options A label, and for the result of an operation how it was computed.
   * @throws {TypeError} If `data` is not a number.
   */
  constructor(data: number, options: ValueOptions = {}) {
    if (typeof data !== "number") {
      throw new TypeError(`Cannot make a Value: wanted a number, got ${typeof data}`);
    }
    super(options.operation ?? "value", options.inputs, options.gradient);
    this.data = data;
    this.label = options.label ?? "";
  }

  /** Adds to `grad`; the tape calls this once per backward pass. */
  override receive(gradient: number): void {
    this.grad += gradient;
  }

  /** Sets `grad` of this value, and of no other, back to zero. */
  zeroGrad(): void {
    this.grad = 0;
  }

  /**
   * Adds the derivative of this value with respect to every value that it was computed from to
   * the `grad` of that value.
   *
   * @throws {Error} If a backward pass has already gone through this computation.
   */
  backward(): void {
    backward<number>(this, 1, (a, b) => a + b);
  }

  /** a + b. */
  add(other: Value | number): Value {
    const b = toValue(other);
    return new Value(this.data + b.data, {
      operation: "add",
      inputs: [this, b],
      gradient: (upstream) => [upstream, upstream],
    });
  }

  /** a − b. */
  sub(other: Value | number): Value {
    const b = toValue(other);
    return new Value(this.data - b.data, {
      operation: "sub",
      inputs: [this, b],
      gradient: (upstream) => [upstream, -upstream],
    });
  }

  /** a · b. */
  mul(other: Value | number): Value {
    const b = toValue(other);
    // The numbers of the forward pass, kept: `data` may have been updated before backward runs.
    const x = this.data, y = b.data;
    return new Value(x * y, {
      operation: "mul",
      inputs: [this, b],
      gradient: (upstream) => [upstream * y, upstream * x],
    });
  }

  /** a / b. By zero it is infinite or NaN, as for numbers. */
  div(other: Value | number): Value {
    const b = toValue(other);
    const divisor = b.data;
    const quotient = this.data / divisor;
    return new Value(quotient, {
      operation: "div",
      inputs: [this, b],
      gradient: (upstream) => [upstream / divisor, -upstream * quotient / divisor],
    });
  }

  /**
   * a to the power of b.
   *
   * The derivative with respect to an exponent that is itself a value is aᵇ · ln a, so NaN where a
   * is negative. A plain number as the exponent has no gradient, and no such restriction.
   */
  pow(exponent: Value | number): Value {
    const b = toValue(exponent);
    const x = this.data, y = b.data;
    const power = x ** y;
    return new Value(power, {
      operation: "pow",
      inputs: [this, b],
      gradient: (upstream) => [
        // x⁰ is 1 everywhere, and 0ʸ is 0 for every y > 0: neither has a slope, where 0 · ∞ is NaN.
        y === 0 ? 0 : upstream * y * x ** (y - 1),
        typeof exponent === "number" ? null : x === 0 && y > 0 ? 0 : upstream * power * Math.log(x),
      ],
    });
  }

  /** −a. */
  neg(): Value {
    return new Value(-this.data, {
      operation: "neg",
      inputs: [this],
      gradient: (upstream) => [-upstream],
    });
  }

  /** e to the power of a. */
  exp(): Value {
    const result = Math.exp(this.data);
    return new Value(result, {
      operation: "exp",
      inputs: [this],
      gradient: (upstream) => [upstream * result],
    });
  }

  /** The natural logarithm of a: −∞ at 0, NaN below. */
  log(): Value {
    const x = this.data;
    return new Value(Math.log(x), {
      operation: "log",
      inputs: [this],
      gradient: (upstream) => [upstream / x],
    });
  }

  /** The hyperbolic tangent of a, between −1 and 1. */
  tanh(): Value {
    const result = Math.tanh(this.data);
    return new Value(result, {
      operation: "tanh",
      inputs: [this],
      gradient: (upstream) => [upstream * (1 - result * result)],
    });
  }

  /** 1 / (1 + e⁻ᵃ), between 0 and 1. */
  sigmoid(): Value {
    const result = 1 / (1 + Math.exp(-this.data));
    return new Value(result, {
      operation: "sigmoid",
      inputs: [this],
      gradient: (upstream) => [upstream * result * (1 - result)],
    });
  }

  /** a where it is positive and 0 elsewhere. The slope at 0 is taken to be 0. */
  relu(): Value {
    const x = this.data;
    return new Value(Math.max(0, x), {
      operation: "relu",
      inputs: [this],
      // Asked this way round, NaN lets the gradient through: a zero would hide it.
      gradient: (upstream) => [x <= 0 ? 0 : upstream],
    });
  }

  /** The label, number and gradient, as in `Value(w = 1, grad = -24)`. */
  override toString(): string {
    return `Value(${this.label === "" ? "" : `${this.label} = `}${this.data}, grad = ${this.grad})`;
  }

  /** What `console.log` shows: this value and not the graph behind it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

function toValue(x: Value | number): Value {
  return x instanceof Value ? x : new Value(x);
}
