/**
 * Scalars with automatic differentiation.
 *
 * A {@linkcode Value} is a number and a {@linkcode Node} of the tape. Arithmetic on values computes
 * the result and records the operation; {@linkcode Value.backward} then fills in `grad`, the derivative
 * of the result with respect to each value. Tensors use the same tape, with an array in place of the
 * number.
 *
 * Every operation is one line of arithmetic with its derivative next to it.
 *
 * Source of the set of operations: Karpathy, micrograd (2020).
 *
 * @module
 */

import { backward, type GradientFunction, Node } from "./tape.ts";

/** Options for {@linkcode Value}: a label, and how the value was computed. */
export interface ValueOptions {
  /** A name for graphs and printouts. */
  readonly label?: string;
  /** Name of the operation that computed the value. */
  readonly operation?: string;
  /** Inputs of the operation. */
  readonly inputs?: readonly Value[];
  /** Local derivative of the operation: one number for each input. */
  readonly gradient?: GradientFunction<number>;
}

/**
 * A scalar with a gradient.
 *
 * Intermediate values keep their gradients too, so that a whole computation can be inspected after
 * {@linkcode Value.backward}. Gradients accumulate until {@linkcode Value.zeroGrad} is called.
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
 */
export class Value extends Node<number> {
  /** The number. An optimizer updates it; change it only between a backward and the next forward pass. */
  data: number;
  /** The accumulated derivative of the results of backward passes with respect to this value. */
  grad = 0;
  /** A name for graphs and printouts; may be empty. */
  label: string;

  /**
   * Creates a leaf, or with `options` the result of an operation.
   *
   * @param options A label; for the result of an operation, its name, inputs and derivative.
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

  /** Adds to `grad`. Called by the tape, once per backward pass. */
  override receive(gradient: number): void {
    this.grad += gradient;
  }

  /** Sets `grad` of this value to zero; its inputs keep theirs. */
  zeroGrad(): void {
    this.grad = 0;
  }

  /**
   * Runs the backward pass: adds the derivative of this value with respect to each value it was
   * computed from to that value's `grad`.
   *
   * @throws {Error} If a backward pass has already visited this computation.
   */
  backward(): void {
    backward<number>(this, 1, (a, b) => a + b);
  }

  /** a + b. */
  add(other: Value | number): Value {
    const b = toValue(other);
    return valueOf("add", this.data + b.data, [this, b], (upstream) => [upstream, upstream]);
  }

  /** a − b. */
  sub(other: Value | number): Value {
    const b = toValue(other);
    return valueOf("sub", this.data - b.data, [this, b], (upstream) => [upstream, -upstream]);
  }

  /** a · b. */
  mul(other: Value | number): Value {
    const b = toValue(other);
    // Saved for backward: an optimizer may have updated `data` by then.
    const x = this.data, y = b.data;
    return valueOf("mul", x * y, [this, b], (upstream) => [upstream * y, upstream * x]);
  }

  /** a / b. Division by zero gives infinity or NaN, as for numbers. */
  div(other: Value | number): Value {
    const b = toValue(other);
    const divisor = b.data;
    const quotient = this.data / divisor;
    return valueOf(
      "div",
      quotient,
      [this, b],
      (upstream) => [upstream / divisor, -upstream * quotient / divisor],
    );
  }

  /**
   * a to the power of b.
   *
   * The derivative with respect to an exponent that is a {@linkcode Value} is aᵇ · ln a, which is NaN
   * for negative a. A plain number as the exponent gets no gradient.
   */
  pow(exponent: Value | number): Value {
    const b = toValue(exponent);
    const x = this.data, y = b.data;
    const power = x ** y;
    return valueOf("pow", power, [this, b], (upstream) => [
      // x⁰ = 1, and 0ʸ = 0 for y > 0: the derivative is 0, where the formula gives 0 · ∞ = NaN.
      y === 0 ? 0 : upstream * y * x ** (y - 1),
      typeof exponent === "number" ? null : x === 0 && y > 0 ? 0 : upstream * power * Math.log(x),
    ]);
  }

  /** −a. */
  neg(): Value {
    return valueOf("neg", -this.data, [this], (upstream) => [-upstream]);
  }

  /** e to the power of a. */
  exp(): Value {
    const result = Math.exp(this.data);
    return valueOf("exp", result, [this], (upstream) => [upstream * result]);
  }

  /** Natural logarithm: −∞ at 0, NaN below. */
  log(): Value {
    const x = this.data;
    return valueOf("log", Math.log(x), [this], (upstream) => [upstream / x]);
  }

  /** Hyperbolic tangent, between −1 and 1. */
  tanh(): Value {
    const result = Math.tanh(this.data);
    return valueOf("tanh", result, [this], (upstream) => [upstream * (1 - result * result)]);
  }

  /** 1 / (1 + e⁻ᵃ), between 0 and 1. */
  sigmoid(): Value {
    const result = 1 / (1 + Math.exp(-this.data));
    return valueOf("sigmoid", result, [this], (upstream) => [upstream * result * (1 - result)]);
  }

  /** max(a, 0). The derivative at 0 is defined as 0. */
  relu(): Value {
    const x = this.data;
    // Written so that NaN passes the gradient on: a zero would hide it.
    return valueOf("relu", Math.max(0, x), [this], (upstream) => [x <= 0 ? 0 : upstream]);
  }

  /** Label, number and gradient: `Value(w = 1, grad = -24)`. */
  override toString(): string {
    return `Value(${this.label === "" ? "" : `${this.label} = `}${this.data}, grad = ${this.grad})`;
  }

  /**
   * Called by operators, which JavaScript cannot define for a class: `1 - a` would be NaN, and
   * `a + 1` text. A template, `${a}`, gives what `toString` does.
   *
   * @throws {TypeError} For anything but text.
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new TypeError(
      `Cannot use ${this} as a number: wanted a method, as in a.add(1), a.sub(1), a.mul(2), or ` +
        "a.data, got an operator",
    );
  }

  /** For `console.log`: this value, without its graph. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** The result of an operation. */
function valueOf(
  operation: string,
  data: number,
  inputs: readonly Value[],
  gradient: GradientFunction<number>,
): Value {
  return new Value(data, { operation, inputs, gradient });
}

/** A number as a value without inputs. @throws {TypeError} If it is neither. */
export function toValue(x: Value | number): Value {
  return x instanceof Value ? x : new Value(x);
}
