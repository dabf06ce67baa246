/** Loss scaling, which keeps half-precision gradients within range. @module */

import { checkOptions, checkThat } from "../tensor/checks.ts";
import { Error, wrongState } from "../tensor/errors.ts";
import { defineProgram, expression as ex, runProgramInto, Tensor } from "../tensor/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { ParameterGroup } from "./parameters.ts";

/** Options for {@linkcode GradScaler}: PyTorch's names and defaults. */
export interface GradScalerOptions {
  /** Initial loss scale. @default {65536} */
  readonly initScale?: number;
  /** Factor by which the scale grows after `growthInterval` steps. @default {2} */
  readonly growthFactor?: number;
  /** Factor by which the scale shrinks after an overflow. @default {0.5} */
  readonly backoffFactor?: number;
  /** Consecutive steps without overflow before the scale grows. @default {2000} */
  readonly growthInterval?: number;
}

const DEFAULTS: Required<GradScalerOptions> = {
  initScale: 65_536,
  growthFactor: 2,
  backoffFactor: 0.5,
  growthInterval: 2000,
};

/** The state of a {@linkcode GradScaler}. */
export interface GradScalerState {
  /** Current loss scale. */
  readonly scale: number;
  /** Steps without overflow since the scale last changed. */
  readonly growthTracker: number;
}

const WHAT = "scale losses";
const MAX_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/** The unscaled gradient, and the number of non-finite elements per row. */
const unscaleProgram = /* @__PURE__ */ defineProgram(
  { name: "unscale", inputs: ["gradient"], scalars: ["inverse"] },
  ({ gradient, inverse }) => [
    ex.multiply(gradient, inverse),
    ex.rowSum(ex.subtract(1, ex.lessEqual(ex.abs(gradient), MAX_FLOAT))),
  ],
);

/**
 * Multiplies losses by a scale, so that small gradients do not underflow in half precision, and
 * divides the gradients by it before a step. If a gradient is not finite, the step is skipped and
 * the scale shrinks; after many good steps it grows. As in PyTorch, each step reads one number
 * back, because whether it is taken determines the optimizer state (such as step counts).
 *
 * Source: Micikevicius et al., "Mixed Precision Training" (2017); PyTorch's `torch.amp.GradScaler`.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { AdamW } from "./adam.ts";
 * import { GradScaler } from "./grad_scaler.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new AdamW([x], { lr: 0.5, weightDecay: 0 });
 * const scaler = new GradScaler();
 * scaler.scale(x.sub(3).square().sum()).backward();
 * const isTaken = await scaler.step(optimizer);
 * scaler.update();
 * if (!isTaken || await x.item() !== 4.5) throw new Error("expected a step of the rate");
 * await device.close();
 * ```
 */
export class GradScaler {
  readonly #options: Required<GradScalerOptions>;
  #scale: number;
  #growthTracker = 0;
  /** Whether an optimizer's gradients were finite, since the last update. */
  readonly #isFinite = new Map<Optimizer<ParameterGroup>, boolean>();

  /** Starts at the scale `initScale`. @throws {RangeError} If an option is out of range. */
  constructor(options: GradScalerOptions = {}) {
    checkOptions(WHAT, options, DEFAULTS);
    this.#options = { ...DEFAULTS, ...options };
    const { initScale, growthFactor: growth, backoffFactor: backoff, growthInterval } =
      this.#options;
    checkThat(initScale > 0 && initScale < Infinity, WHAT, "initScale above 0", initScale);
    checkThat(growth > 1 && growth < Infinity, WHAT, "growthFactor above 1", growth);
    checkThat(backoff > 0 && backoff < 1, WHAT, "backoffFactor from 0 to 1", backoff);
    const isCount = Number.isSafeInteger(growthInterval) && growthInterval > 0;
    checkThat(isCount, WHAT, "growthInterval as a positive integer", growthInterval);
    this.#scale = initScale;
  }

  /** Current loss scale. */
  getScale(): number {
    return this.#scale;
  }

  /** The loss times the scale: call `backward` on it. */
  scale(loss: Tensor): Tensor {
    return loss.mul(this.#scale);
  }

  /**
   * Divides the gradients by the scale, in place, and checks that all are finite. `step` does this
   * too; call it to clip or inspect gradients before the step.
   *
   * @throws {Error} If called twice without an update in between.
   */
  async unscale(optimizer: Optimizer<ParameterGroup>): Promise<boolean> {
    if (this.#isFinite.has(optimizer)) {
      throw new Error(
        "Cannot unscale the gradients: it was done already. Call update() after a step.",
      );
    }
    const gradients = optimizer.groups.flatMap(({ parameters }) =>
      parameters.flatMap(({ grad }) => grad === null ? [] : [grad])
    );
    const isFinite = gradients.length === 0 || await unscaleAll(gradients, 1 / this.#scale) === 0;
    this.#isFinite.set(optimizer, isFinite);
    return isFinite;
  }

  /**
   * Steps the optimizer, and returns `true`, unless a gradient is not finite: then nothing changes.
   */
  async step(optimizer: Optimizer<ParameterGroup>): Promise<boolean> {
    const isFinite = this.#isFinite.get(optimizer) ?? await this.unscale(optimizer);
    if (isFinite) optimizer.step();
    return isFinite;
  }

  /** Adapts the scale after the steps of all optimizers. @throws {Error} If there was no step. */
  update(): void {
    if (this.#isFinite.size === 0) {
      throw wrongState("update the scale of losses", "a step before", "none");
    }
    const isFinite = [...this.#isFinite.values()].every((each) => each);
    this.#isFinite.clear();
    const { growthFactor, backoffFactor, growthInterval } = this.#options;
    if (!isFinite) {
      this.#scale *= backoffFactor;
      this.#growthTracker = 0;
    } else if (++this.#growthTracker === growthInterval) {
      this.#scale = Math.min(this.#scale * growthFactor, MAX_FLOAT);
      this.#growthTracker = 0;
    }
  }

  /** The state to save for resuming. */
  stateDict(): GradScalerState {
    return { scale: this.#scale, growthTracker: this.#growthTracker };
  }

  /** Restores a saved state. @throws {RangeError} If it is out of range. */
  loadStateDict({ scale, growthTracker }: GradScalerState): void {
    checkThat(scale > 0 && scale < Infinity, WHAT, "a scale above 0", scale);
    const isCount = Number.isSafeInteger(growthTracker) && growthTracker >= 0;
    checkThat(isCount, WHAT, "growthTracker as a non-negative integer", growthTracker);
    this.#scale = scale;
    this.#growthTracker = growthTracker;
    this.#isFinite.clear();
  }
}

/** Scales gradients in place. @returns How many of their elements are not finite. */
function unscaleAll(gradients: readonly Tensor[], inverse: number): Promise<number> {
  using _temporaries = gradients[0]!.device.scope();
  const rows = gradients.map((gradient) => gradient.reshape([-1, gradient.shape.at(-1) ?? 1]));
  const total = rows.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const counts = Tensor.zeros(gradients[0]!.device, [total, 1]);
  let start = 0;
  for (const each of rows) {
    const end = start + each.shape[0]!;
    runProgramInto(unscaleProgram, [each], [each, counts.slice(0, start, end)], [inverse]);
    start = end;
  }
  return counts.sum().item();
}
