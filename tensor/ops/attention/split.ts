/** Attention with operands that exceed a binding. @module */

import type { Device, View } from "../../device.ts";
import { allocateView } from "../../devices/webgpu/allocation.ts";
import { fitsOneBinding, rowFitsOneBinding, split } from "../../devices/webgpu/split.ts";
import { copyView } from "../elementwise.ts";
import type { AttentionCall, ForwardViews } from "./problem.ts";
import { sizeOf } from "../../shape.ts";

/**
 * Computes attention, or its gradient, for as many batch items at a time as fit a binding; if a
 * single item does not, for some of its key heads with their query heads.
 *
 * The heads of a token are usually interleaved, so a single one spans nearly as much as all of
 * them. An operand with a head that does not fit goes through a copy, head by head.
 *
 * @param call Its views are of shape [B, T, H, D], or [B, H, T] and contiguous.
 * @param written The names of those that are written.
 * @param attend Computes a part of the problem, on views that fit a binding.
 * @throws {RangeError} If a single head exceeds a binding.
 */
export function attendInRanges<V extends ForwardViews & { readonly [Name in keyof V]: View }>(
  device: Device,
  call: AttentionCall<V>,
  written: readonly (keyof V)[],
  attend: (call: AttentionCall<V>) => void,
): void {
  const { views, heads, keyHeads } = call;
  const all = Object.keys(views) as (keyof V)[];
  if (all.every((name) => fitsOneBinding(device, views[name].allocation))) {
    return attend(call);
  }
  const names = [...all.filter((name) => !written.includes(name)), ...written];
  const firstOutput = names.length - written.length;
  const seen = names.map((name, i) => {
    const view = views[name];
    if (!reachesTooFar(device, view, keyHeads)) return view;
    const copy = allocateByHeads(device, view);
    if (i < firstOutput) copyView(device, view, copy);
    return copy;
  });
  const cut = { name: "attention", axes: 2, firstOutput, unit: "heads" };
  for (const part of split(device, seen.map((view) => byKeyHeads(view, keyHeads)), cut)) {
    const [batch, partHeads] = part.views[0]!.shape as [number, number];
    // With only some of the heads, views are contiguous within an item only.
    const step = partHeads < keyHeads ? 1 : batch;
    for (let first = 0; first < batch; first += step) {
      const bound = names.map((name, i) => {
        const { dtype, shape, strides } = seen[i]!;
        const { allocation, offset } = part.views[i]!;
        const axis = headAxis(shape);
        const view: View = {
          ...{ allocation, dtype, strides, offset: offset + first * strides[0]! },
          shape: shape.with(0, step).with(axis, shape[axis]! / keyHeads * partHeads),
        };
        return [name, view];
      });
      attend({
        ...{ ...call, views: Object.fromEntries(bound) as V, batch: step },
        ...{ keyHeads: partHeads, heads: heads / keyHeads * partHeads },
      });
    }
  }
  for (const [i, name] of names.entries()) {
    if (seen[i] === views[name]) continue;
    if (i >= firstOutput) copyView(device, seen[i]!, views[name]);
    device.free(seen[i]!.allocation);
  }
}

function headAxis(shape: readonly number[]): number {
  return shape.length === 3 ? 1 : 2;
}

/** The memory of a view as [batch, key heads, a head's elements and those between them]. */
function byKeyHeads({ allocation, dtype, shape, strides, offset }: View, keyHeads: number): View {
  const axis = headAxis(shape);
  const group = shape[axis]! / keyHeads;
  const head = shape.with(0, 1).with(axis, group);
  const span = head.reduce((sum, length, i) => sum + (length - 1) * strides[i]!, 1);
  return {
    ...{ allocation, dtype, offset },
    shape: [shape[0]!, keyHeads, span],
    strides: [strides[0]!, group * strides[axis]!, 1],
  };
}

/** Whether a key head's elements span more than a binding, although they may not be as many. */
function reachesTooFar(device: Device, view: View, keyHeads: number): boolean {
  const [batch, , span] = byKeyHeads(view, keyHeads).shape as [number, number, number];
  return span > sizeOf(view.shape) / (batch * keyHeads) && !rowFitsOneBinding(device, view, span);
}

/** A view of the same shape, whose heads lie one after the other. */
function allocateByHeads(device: Device, { dtype, shape }: View): View {
  const [batch, tokens, heads, headSize] = shape as [number, number, number, number];
  const byHeads = [batch, heads, tokens, headSize];
  const { strides, ...view } = allocateView(device, dtype, byHeads, "the heads of attention");
  return { ...view, shape, strides: [strides[0]!, strides[2]!, strides[1]!, strides[3]!] };
}
