/** Column-wise processing of matrices whose rows exceed a binding, on WebGPU. @module */

import type { Device, View } from "../device.ts";
import { allocateView } from "../devices/webgpu/allocation.ts";
import { copyOnWebGpu } from "../devices/webgpu/program_wgsl.ts";
import { rowFitsOneBinding } from "../devices/webgpu/binding_ranges.ts";
import { bytesPerElement } from "../dtype.ts";
import { sizeOf } from "../shape.ts";

export interface WideMatrix {
  /** Contiguous, with as many columns as the others. */
  readonly view: View;
  readonly isRead: boolean;
  readonly isWritten: boolean;
}

/**
 * Runs something that treats all columns alike: at once if the rows fit a binding, otherwise on
 * copies of a few columns at a time.
 *
 * @param run Called with a contiguous matrix for each of `matrices`.
 */
export function inColumns(
  device: Device,
  matrices: readonly WideMatrix[],
  run: (views: readonly View[]) => void,
): void {
  const columns = matrices[0]!.view.shape.at(-1)!;
  const fits = device.kind === "cpu" ||
    matrices.every(({ view }) => rowFitsOneBinding(device, view, columns));
  if (fits) {
    return run(matrices.map(({ view }) => view));
  }
  const widest = Math.max(...matrices.map(({ view }) => bytesPerElement(view.dtype)));
  // Several rows fit into a binding, and start at a multiple of four elements.
  const most = 4 * Math.floor(device.limits.maxStorageBufferBindingSize / (16 * widest));
  for (let first = 0; first < columns; first += most) {
    const length = Math.min(most, columns - first);
    const part = ({ allocation, dtype, shape, offset }: View): View => ({
      ...{ allocation, dtype, shape: [sizeOf(shape) / columns, length] },
      ...{ strides: [columns, 1], offset: offset + first },
    });
    const copies = matrices.map(({ view, isRead }) => {
      const { dtype, shape } = part(view);
      const copy = allocateView(device, dtype, shape, "some columns of wide rows");
      if (isRead) copyOnWebGpu(device, part(view), copy);
      return copy;
    });
    run(copies);
    for (const [i, copy] of copies.entries()) {
      const { view, isWritten } = matrices[i]!;
      if (isWritten) copyOnWebGpu(device, copy, part(view));
      device.free(copy.allocation);
    }
  }
}
