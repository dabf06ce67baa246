/** AdamW composed of tensor operations: the reference for the fused kernel. @module */

import { copyInto, noGrad, Tensor } from "../../tensor/mod.ts";

export interface AdamWNumbers {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
}

export class ComposedAdamW {
  readonly #parameter: Tensor;
  readonly #average: Tensor;
  readonly #squares: Tensor;
  readonly #numbers: AdamWNumbers;
  #steps = 0;

  constructor(parameter: Tensor, numbers: AdamWNumbers) {
    this.#numbers = numbers;
    this.#parameter = parameter;
    this.#average = Tensor.zeros(parameter.device, parameter.shape);
    this.#squares = Tensor.zeros(parameter.device, parameter.shape);
  }

  step(): void {
    noGrad(() => {
      using _scope = this.#parameter.device.scope();
      const { lr, betas: [beta1, beta2], eps, weightDecay } = this.#numbers;
      const gradient = this.#parameter.grad!;
      this.#steps++;
      const average = this.#average.mul(beta1).add(gradient.mul(1 - beta1));
      const squares = this.#squares.mul(beta2).add(gradient.square().mul(1 - beta2));
      const size = squares.div(1 - beta2 ** this.#steps).sqrt().add(eps);
      const step = average.div(size).mul(lr / (1 - beta1 ** this.#steps));
      copyInto(this.#parameter.mul(1 - lr * weightDecay).sub(step), this.#parameter);
      copyInto(average, this.#average);
      copyInto(squares, this.#squares);
    });
  }
}
