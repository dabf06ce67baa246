/**
 * Automatic differentiation: the engine that all of nanodino trains on, and scalars on top of it.
 *
 * `tape.ts` is reverse-mode differentiation over any type of value. `value.ts` is its scalar,
 * `neuron.ts` and `mlp.ts` build networks from scalars, `graph.ts` draws computation graphs, and
 * `gradcheck.ts` checks gradients against finite differences.
 *
 * @example Three steps of training: zero, forward, loss, backward, update
 * ```ts
 * import { MLP, Value } from "./mod.ts";
 *
 * const mlp = new MLP(3, [4, 1], { activation: "tanh", seed: 1 });
 * const losses: number[] = [];
 * for (let step = 0; step < 3; step++) {
 *   mlp.zeroGrad();
 *   const [output] = mlp.call([new Value(2), new Value(-1), new Value(0.5)]);
 *   const loss = output!.sub(1).pow(2);
 *   loss.backward();
 *   for (const parameter of mlp.parameters()) parameter.data -= 0.05 * parameter.grad;
 *   losses.push(loss.data);
 * }
 * if (!(losses[2]! < losses[0]!)) throw new Error(`the loss did not fall: ${losses}`);
 * ```
 *
 * @module
 */

export { backward, type GradientFunction, Node } from "./tape.ts";
export { Value, type ValueOptions } from "./value.ts";
export { type Activation, Neuron, type NeuronOptions } from "./neuron.ts";
export { Layer, type LayerOptions, MLP, type MLPOptions } from "./mlp.ts";
export {
  checkGradient,
  checkValues,
  type GradientReport,
  numericalGradient,
  numericalGradientAsync,
  type StepOptions,
  type Tolerance,
} from "./gradcheck.ts";
export { type DescribeNode, describeValue, toDot, toSvg } from "./graph.ts";
