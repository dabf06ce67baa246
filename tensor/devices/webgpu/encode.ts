/**
 * Encodes recorded commands with a `GPUCommandEncoder`. A worker gets these functions as text, so
 * they refer to nothing outside themselves.
 *
 * @module
 */

import type { COMMAND as Commands, Handle, PipelineHandle } from "./gpu.ts";

/**
 * Cuts a recording around kernels that may be invalid: they would invalidate what is with them. Each
 * part comes with what `doubtOf` returns for the kernel of all its dispatches.
 */
export function* partsOf<Doubt>(
  commands: Float64Array,
  doubtOf: (pipeline: PipelineHandle) => Doubt | undefined,
  COMMAND: typeof Commands,
): Generator<readonly [commands: Float64Array, doubt: Doubt | undefined]> {
  /** How many numbers each command takes, itself included. */
  const WORDS: readonly number[] = [9, 6, 4];
  let start = 0;
  let doubt: Doubt | undefined;
  for (let at = 0; at < commands.length; at += WORDS[commands[at]!]!) {
    const pipeline = commands[at + 1] as PipelineHandle;
    const own = commands[at] === COMMAND.dispatch ? doubtOf(pipeline) : undefined;
    if (own === doubt) continue;
    if (at > start) yield [commands.subarray(start, at), doubt];
    start = at;
    doubt = own;
  }
  if (start < commands.length) yield [commands.subarray(start), doubt];
}

/** Encodes a recording. Dispatches share a compute pass, except timed ones. */
export function encode(
  encoder: GPUCommandEncoder,
  commands: Float64Array,
  get: <T>(handle: Handle<T>) => T,
  COMMAND: typeof Commands,
): void {
  let pass: GPUComputePassEncoder | null = null;
  let current = 0;
  let at = 0;
  const next = () => commands[at++]!;
  const object = <T>() => get(next() as Handle<T>);
  const endPass = () => {
    pass?.end();
    pass = null;
    current = 0;
  };
  while (at < commands.length) {
    const command = next();
    if (command === COMMAND.dispatch) {
      const pipeline = next() as PipelineHandle;
      const group = object<GPUBindGroup>();
      const offset = next();
      const [x, y, z] = [next(), next(), next()];
      const timestamps = next() as Handle<GPUQuerySet>;
      const index = next();
      if (timestamps > 0) {
        endPass();
        const timestampWrites = {
          querySet: get(timestamps),
          beginningOfPassWriteIndex: index,
          endOfPassWriteIndex: index + 1,
        };
        pass = encoder.beginComputePass({ timestampWrites });
      }
      pass ??= encoder.beginComputePass();
      if (pipeline !== current) pass.setPipeline(get(pipeline));
      current = pipeline;
      pass.setBindGroup(0, group, offset < 0 ? [] : [offset]);
      pass.dispatchWorkgroups(x, y, z);
      if (timestamps > 0) endPass();
      continue;
    }
    endPass();
    if (command === COMMAND.copy) {
      const from = object<GPUBuffer>();
      const fromOffset = next();
      encoder.copyBufferToBuffer(from, fromOffset, object<GPUBuffer>(), next(), next());
    } else {
      encoder.resolveQuerySet(object<GPUQuerySet>(), 0, next(), object<GPUBuffer>(), 0);
    }
  }
  endPass();
}
