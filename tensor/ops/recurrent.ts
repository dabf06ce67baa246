/**
 * Recurrent layers: a cell computes new states from the input at a position and the states before, one
 * position after the other. The whole walk is one operation, which multiplies the gradient of the weight
 * at once, from that of all positions.
 *
 * @module
 */

import { apply, type Operation } from "../apply.ts";
import { differentiate } from "../formula/differentiate.ts";
import type { Expression } from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { noGrad } from "../grad_mode.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { addInPlace, copyInto, fill } from "./elementwise.ts";
import { concat, split } from "./join.ts";
import { matmul, multiplyInto } from "./matmul/matmul.ts";
import { runProgramInto } from "./program.ts";
import { sum } from "./reduce.ts";
import { reshape, slice, squeeze, unsqueeze } from "./views.ts";

/** The formulas of a recurrent layer at one position. */
export interface Cell {
  readonly gates: number;
  /** Number of states, of which the first is the hidden one. */
  readonly states: number;
  /** From the gates of the input, those of the hidden state, and the states to the new states. */
  readonly next: Program;
  /** From these and the gradients of the new states to the gradients of all. */
  readonly gradient: Program;
}

/** Defines a cell by the formula of its new states. */
export function defineCell(
  name: string,
  gates: number,
  states: number,
  formula: (
    ofInput: readonly Expression[],
    ofHidden: readonly Expression[],
    states: readonly Expression[],
  ) => readonly Expression[],
): Cell {
  const list = (kind: string, length: number) => Array.from({ length }, (_, i) => `${kind} ${i}`);
  const groups = [list("input", gates), list("hidden", gates), list("state", states)] as const;
  const next = defineProgram({ name, inputs: groups.flat() }, (all) => {
    const [ofInput, ofHidden, before] = groups.map((names) => names.map((name) => all[name]!));
    return formula(ofInput!, ofHidden!, before!);
  });
  return { gates, states, next, gradient: differentiate(next, next.inputs.map(() => true)) };
}

interface Attributes {
  readonly cell: Cell;
  readonly isReverse: boolean;
}

/** `[batch, positions, gates · width]`, `[gates · width, width]`, `[states, batch, width]` and a bias. */
type Inputs = readonly [x: Tensor, weight: Tensor, initial: Tensor, ...bias: Tensor[]];

/** Positions in the order of the walk. */
function walk(positions: number, isReverse: boolean): readonly number[] {
  const order = Array.from({ length: positions }, (_, i) => i);
  return isReverse ? order.reverse() : order;
}

function gatesOf(all: Tensor, { gates }: Cell): readonly Tensor[] {
  return split(all, new Array<number>(gates).fill(all.shape[2]! / gates), 2);
}

function statesOf(all: Tensor): readonly Tensor[] {
  return Array.from({ length: all.shape[0]! }, (_, i) => squeeze(slice(all, 0, i, i + 1), 0));
}

/** The states `[states, batch, width]` of one position, `[batch, 1, width]` each. */
function statesAt(one: Tensor): readonly Tensor[] {
  return statesOf(one).map((state) => unsqueeze(state, 1));
}

/** The part at one position, `[batch, 1, …]`. */
function at(all: Tensor, position: number): Tensor {
  return slice(all, 1, position, position + 1);
}

const recurrentOperation: Operation<
  Attributes,
  Inputs,
  readonly [states: Tensor, ofHidden: Tensor]
> = {
  name: "recurrent layer",
  infer: ([{ shape, dtype }, weight], { cell }) => [
    { shape: [cell.states, shape[0]!, shape[1]!, weight.shape[1]!], dtype },
    { shape, dtype },
  ],
  run: (device, [x, weight, initial, bias], [states, ofHidden], { cell, isReverse }) =>
    noGrad(() => {
      using _temporaries = device.scopes.openSync();
      if (bias !== undefined) copyInto(bias, ofHidden);
      const gates = [...gatesOf(x, cell), ...gatesOf(ofHidden, cell)];
      const all = statesOf(states);
      let before = statesAt(initial);
      for (const position of walk(x.shape[1]!, isReverse)) {
        multiplyInto(squeeze(before[0]!, 1), weight, squeeze(at(ofHidden, position), 1), {
          transposeB: true,
          accumulate: bias !== undefined,
        });
        const after = all.map((state) => at(state, position));
        runProgramInto(cell.next, [...gates.map((gate) => at(gate, position)), ...before], after);
        before = after;
      }
    }),
  gradient: {
    savesInputs: [0, 1, 2],
    savesOutputs: [0, 1],
    apply: (upstream, saved, { cell, isReverse }, wanted) => {
      const [x, weight, initial] = [saved.input(0), saved.input(1), saved.input(2)];
      const [states, ofHidden] = [saved.output(0), saved.output(1)];
      const { device } = x;
      const [dx, dHidden] = [allocate(device, x, "gates"), allocate(device, ofHidden, "gates")];
      const gates = [...gatesOf(x, cell), ...gatesOf(ofHidden, cell)];
      const dGates = [...gatesOf(dx, cell), ...gatesOf(dHidden, cell)];
      const [all, upstreams] = [statesOf(states), statesOf(upstream)];
      const firsts = statesAt(initial);
      // The gradients of the states at a position, and of those before it.
      const zeros = () => fill(device, initial.shape, 0, initial.dtype);
      let [now, before] = [zeros(), zeros()];
      const order = walk(x.shape[1]!, !isReverse);
      order.forEach((position, i) => {
        const earlier = order[i + 1];
        const inputs = earlier === undefined ? firsts : all.map((state) => at(state, earlier));
        const [sums, next] = [statesAt(now), statesAt(before)];
        sums.forEach((sum, k) => addInPlace(sum, at(upstreams[k]!, position)));
        runProgramInto(
          cell.gradient,
          [...gates.map((gate) => at(gate, position)), ...inputs, ...sums],
          [...dGates.map((gate) => at(gate, position)), ...next],
        );
        const rows = squeeze(at(dHidden, position), 1);
        multiplyInto(rows, weight, squeeze(next[0]!, 1), { accumulate: true });
        [now, before] = [before, now];
      });
      const [first, hidden] = [firsts[0]!, all[0]!];
      const earlier = isReverse
        ? [slice(hidden, 1, 1), first]
        : [first, slice(hidden, 1, 0, x.shape[1]! - 1)];
      const rows = (each: Tensor) => reshape(each, [-1, each.shape[2]!]);
      return [
        dx,
        wanted[1] ? matmul(rows(dHidden), rows(concat(earlier, 1)), { transposeA: true }) : null,
        now,
        wanted[3] ? sum(dHidden, [0, 1]) : null,
      ].slice(0, saved.inputShapes.length);
    },
  },
};

/**
 * Runs a cell over all positions: the states at each of them, `[states, batch, positions, width]`.
 *
 * @param x What the layer makes of the input, `[batch, positions, gates · width]`.
 * @param weight Of the hidden state, `[gates · width, width]`.
 * @param initial The states before, `[states, batch, width]`.
 * @param options.bias Of the gates of the hidden state, `[gates · width]`.
 * @param options.isReverse Whether it begins at the last position.
 */
export function runCell(
  cell: Cell,
  x: Tensor,
  weight: Tensor,
  initial: Tensor,
  { bias, isReverse }: { readonly bias: Tensor | undefined; readonly isReverse: boolean },
): Tensor {
  const inputs: Inputs = bias === undefined ? [x, weight, initial] : [x, weight, initial, bias];
  const [states, ofHidden] = apply(recurrentOperation, inputs, { cell, isReverse });
  // Only the gradient needs it, which holds it.
  ofHidden.dispose();
  return states;
}
