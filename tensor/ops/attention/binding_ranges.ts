/** Attention with operands that exceed a binding. @module */

import type { Device, View } from "../../device.ts";
import { allocateView, BINDING_ALIGNMENT } from "../../devices/webgpu/allocation.ts";
import {
  bindingLimit,
  fitsOneBinding,
  viewsInRanges,
} from "../../devices/webgpu/binding_ranges.ts";
import { bytesPerElement } from "../../dtype.ts";
import { copyView } from "../elementwise.ts";
import type { AttentionCall, ForwardViews } from "./problem.ts";

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
  const group = heads / keyHeads;
  const placed = names.map((name) => byKeyHeads(views[name], keyHeads));
  const seen = placed.map((view) =>
    reachesTooFar(device, view) ? allocateByHeads(device, view) : view
  );
  const copied = placed.flatMap((view, i) => view === seen[i] ? [] : [i]);
  for (const i of copied) if (i < firstOutput) copyView(device, placed[i]!, seen[i]!);
  for (const piece of viewsInRanges(device, seen, firstOutput, 2, "attention", "heads")) {
    const [batch, pieceHeads] = piece[0]!.shape as [number, number];
    // With only some of the heads, views are contiguous within an item only.
    const step = pieceHeads < keyHeads ? 1 : batch;
    for (let first = 0; first < batch; first += step) {
      const part = Object.fromEntries(
        names.map((name, i) => {
          const view = items(piece[i]!, first, step);
          return [name, views[name].shape.length === 3 ? asRowSums(view) : asTokens(view)];
        }),
      ) as V;
      attend({
        ...{ ...call, views: part, batch: step },
        ...{ keyHeads: pieceHeads, heads: pieceHeads * group },
      });
    }
  }
  for (const i of copied) {
    if (i >= firstOutput) copyView(device, seen[i]!, placed[i]!);
    device.free(seen[i]!.allocation);
  }
}

/** The same elements as [B, Hkv, H / Hkv, T, D], or [B, Hkv, H / Hkv, T, 1]. */
function byKeyHeads(view: View, keyHeads: number): View {
  const { shape, strides } = view;
  const [batchAxis, headAxis, tokenAxis] = shape.length === 3 ? [0, 1, 2] : [0, 2, 1];
  const group = shape[headAxis]! / keyHeads;
  const headStride = strides[headAxis]!;
  return {
    ...{ allocation: view.allocation, dtype: view.dtype, offset: view.offset },
    shape: [shape[batchAxis]!, keyHeads, group, shape[tokenAxis]!, shape[3] ?? 1],
    strides: [strides[batchAxis]!, group * headStride, headStride, strides[tokenAxis]!, 1],
  };
}

function asTokens({ shape, strides, ...rest }: View): View {
  const [batch, keyHeads, group, tokens] = shape as [number, number, number, number];
  return {
    ...rest,
    shape: [batch, tokens, keyHeads * group, shape[4]!],
    strides: [strides[0]!, strides[3]!, strides[2]!, 1],
  };
}

function asRowSums({ shape, strides, ...rest }: View): View {
  const [batch, keyHeads, group, tokens] = shape as [number, number, number, number];
  return {
    ...rest,
    shape: [batch, keyHeads * group, tokens],
    strides: [strides[0]!, strides[2]!, strides[3]!],
  };
}

function items(view: View, first: number, count: number): View {
  const { allocation, dtype, shape, strides } = view;
  return {
    ...{ allocation, dtype, strides },
    shape: shape.with(0, count),
    offset: view.offset + first * strides[0]!,
  };
}

/** Whether a key head's elements span more than a binding, although they may not be as many. */
function reachesTooFar(device: Device, { allocation, dtype, shape, strides }: View): boolean {
  if (fitsOneBinding(device, allocation)) return false;
  const [group, tokens, headSize] = shape.slice(2) as [number, number, number];
  const reach = (group - 1) * strides[2]! + (tokens - 1) * strides[3]! + headSize;
  const bytes = bytesPerElement(dtype) * reach + BINDING_ALIGNMENT;
  return bytes > bindingLimit(device) && reach > group * tokens * headSize;
}

function allocateByHeads(device: Device, { dtype, shape }: View): View {
  return allocateView(device, dtype, shape, "the heads of attention");
}
