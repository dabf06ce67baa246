/** Operations with a gradient of the user's own. @module */

import { recordOperation } from "../apply.ts";
import { checkList, describeValue } from "../checks.ts";
import { wrongType, wrongValue } from "../errors.ts";
import { noGrad } from "../grad_mode.ts";
import { formatShape, isFloat, shapesEqual } from "../layout.ts";
import { checkTensor, Tensor } from "../tensor.ts";

/** Computes a result; nothing in it is recorded. */
export type CustomForward = (...inputs: readonly Tensor[]) => Tensor;

/**
 * Computes a gradient for each input, or `null` for one that gets none, from that of the output. It
 * may return `upstream` itself.
 */
export type CustomBackward = (
  upstream: Tensor,
  inputs: readonly Tensor[],
  output: Tensor,
) => readonly (Tensor | null)[];

/**
 * Makes an operation of a forward and a backward function, as `torch.autograd.Function` does. Both
 * consist of ordinary operations.
 *
 * @param name For messages: "round to nearest".
 *
 * @example Rounding, through which the gradient passes as if it were not there
 * ```ts
 * import { customGradient, openDevice, Tensor } from "../mod.ts";
 *
 * const quantize = customGradient("quantize", (x) => x.round(), (upstream) => [upstream]);
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [0.2, 1.7], { requiresGrad: true });
 * const y = quantize(x);
 * y.sum().backward();
 * if ((await y.data()).join() !== "0,2") throw new Error("expected 0 and 2");
 * if ((await x.grad!.data()).join() !== "1,1") throw new Error("expected 1 and 1");
 * await device.close();
 * ```
 */
export function customGradient(
  name: string,
  forward: CustomForward,
  backward: CustomBackward,
): (...inputs: readonly Tensor[]) => Tensor {
  const what = "make an operation by customGradient";
  if (typeof name !== "string") throw wrongType(what, "its name first", describeValue(name));
  for (const each of [forward, backward]) {
    if (typeof each === "function") continue;
    throw wrongType(what, "a function forward and a function backward", describeValue(each));
  }
  return (...inputs) => {
    for (const input of inputs) checkTensor(`compute ${name}`, input, "tensors");
    const result = noGrad(() => forward(...inputs));
    if (!(result instanceof Tensor)) {
      throw wrongType(`compute ${name}`, "forward to return a tensor", describeValue(result));
    }
    // Another handle, since forward may return an input itself.
    const output = result.detach();
    if (!isFloat(output.dtype)) return output;
    const all = inputs.map((_, i) => i);
    const gradient = {
      savesInputs: all,
      savesOutputs: [0],
      apply: (upstream: Tensor, saved: { input(i: number): Tensor; output(i: number): Tensor }) =>
        checkedGradients(
          name,
          backward(upstream, all.map((i) => saved.input(i)), saved.output(0)),
          inputs.map(({ shape }) => shape),
        ),
    };
    recordOperation({ name, gradient }, inputs, [output], null);
    return output;
  };
}

function checkedGradients(
  name: string,
  gradients: readonly (Tensor | null)[],
  shapes: readonly (readonly number[])[],
): readonly (Tensor | null)[] {
  const what = `compute the gradient of "${name}"`;
  checkList(what, "backward to return a list, with a gradient for each input", gradients);
  if (gradients.length !== shapes.length) {
    throw wrongValue(what, `a gradient for each of ${shapes.length} inputs`, gradients.length);
  }
  gradients.forEach((gradient, i) => {
    if (gradient === null) return;
    checkTensor(what, gradient, "tensors or null");
    if (shapesEqual(gradient.shape, shapes[i]!)) return;
    const wanted = `gradient ${i} of the shape ${formatShape(shapes[i]!)}`;
    throw wrongValue(what, wanted, formatShape(gradient.shape));
  });
  return gradients;
}
