/** Encodes recorded commands with a `GPUCommandEncoder`. @module */

import type { Command, Handle } from "./gpu.ts";

/**
 * Encodes commands. Dispatches share a compute pass, except timed ones. A worker gets this function
 * as text, so it refers to nothing outside itself.
 */
export function encode(
  encoder: GPUCommandEncoder,
  commands: readonly Command[],
  get: <T>(handle: Handle<T>) => T,
): void {
  let pass: GPUComputePassEncoder | null = null;
  let current = 0;
  const endPass = () => {
    pass?.end();
    pass = null;
    current = 0;
  };
  for (const command of commands) {
    if (!("pipeline" in command) || command.timed !== null) endPass();
    if ("pipeline" in command) {
      const { pipeline, group, offsets, workgroups, timed } = command;
      pass ??= encoder.beginComputePass(
        timed === null ? {} : {
          timestampWrites: {
            querySet: get(timed.timestamps),
            beginningOfPassWriteIndex: timed.index,
            endOfPassWriteIndex: timed.index + 1,
          },
        },
      );
      if (pipeline !== current) pass.setPipeline(get(pipeline));
      current = pipeline;
      pass.setBindGroup(0, get(group), offsets);
      pass.dispatchWorkgroups(...workgroups);
      if (timed !== null) endPass();
    } else if ("from" in command) {
      const { from, fromOffset, to, toOffset, bytes } = command;
      encoder.copyBufferToBuffer(get(from), fromOffset, get(to), toOffset, bytes);
    } else {
      encoder.resolveQuerySet(get(command.timestamps), 0, command.count, get(command.to), 0);
    }
  }
  endPass();
}
