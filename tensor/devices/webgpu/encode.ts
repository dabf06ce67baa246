/** Encodes recorded commands with a `GPUCommandEncoder`. @module */

import type {
  BindGroupHandle,
  BufferHandle,
  COMMAND as Commands,
  PipelineHandle,
  TimestampsHandle,
} from "./gpu.ts";

interface Lookup<Key, Value> {
  get(handle: Key): Value;
}

export interface EncodedObjects {
  readonly buffers: Lookup<BufferHandle, GPUBuffer>;
  readonly pipelines: Lookup<PipelineHandle, GPUComputePipeline>;
  readonly bindGroups: Lookup<BindGroupHandle, GPUBindGroup>;
  readonly timestamps: Lookup<TimestampsHandle, GPUQuerySet>;
}

export interface RecordingPart {
  readonly commands: Float64Array;
  /** The kernel of all dispatches in this part, if it is one of those that may be invalid. */
  readonly doubtful: PipelineHandle | null;
}

export interface Encoding {
  /** Encodes kernels that may be invalid alone: they would invalidate their command buffer. */
  partsOf(
    commands: Float64Array,
    isDoubtful: (pipeline: PipelineHandle) => boolean,
  ): Iterable<RecordingPart>;
  /** Encodes a recording. Dispatches share a compute pass, except timed ones. */
  encode(encoder: GPUCommandEncoder, commands: Float64Array, objects: EncodedObjects): void;
}

/**
 * Defines the functions. A worker gets this one as text, so it refers to nothing outside itself.
 */
export function defineEncoding(
  COMMAND: typeof Commands,
  RangeError: RangeErrorConstructor,
): Encoding {
  /** How many numbers each command takes, itself included. */
  const WORDS: readonly number[] = [7, 3, 6, 4];

  function* partsOf(
    commands: Float64Array,
    isDoubtful: (pipeline: PipelineHandle) => boolean,
  ): Generator<RecordingPart> {
    let start = 0;
    let doubtful: PipelineHandle | null = null;
    for (let at = 0; at < commands.length;) {
      // The times of a dispatch stand before it.
      const first = commands[at] === COMMAND.time ? at + WORDS[COMMAND.time]! : at;
      const pipeline = commands[first + 1] as PipelineHandle;
      const own = commands[first] === COMMAND.dispatch && isDoubtful(pipeline) ? pipeline : null;
      if (own !== doubtful) {
        if (at > start) yield { commands: commands.subarray(start, at), doubtful };
        start = at;
        doubtful = own;
      }
      at = first + WORDS[commands[first]!]!;
    }
    if (start < commands.length) yield { commands: commands.subarray(start), doubtful };
  }

  function encode(
    encoder: GPUCommandEncoder,
    commands: Float64Array,
    { buffers, pipelines, bindGroups, timestamps }: EncodedObjects,
  ): void {
    let pass: GPUComputePassEncoder | null = null;
    let current = 0;
    let timed = false;
    const argumentOffset = new Uint32Array(1);
    let at = 0;
    const next = () => commands[at++]!;
    const handle = <Key extends number>() => next() as Key;
    const endPass = () => {
      pass?.end();
      pass = null;
      current = 0;
      timed = false;
    };
    while (at < commands.length) {
      const command = next();
      if (command === COMMAND.dispatch) {
        pass ??= encoder.beginComputePass();
        const pipeline = handle<PipelineHandle>();
        if (pipeline !== current) pass.setPipeline(pipelines.get(pipeline));
        current = pipeline;
        const group = bindGroups.get(handle());
        const offset = next();
        if (offset < 0) {
          pass.setBindGroup(0, group);
        } else {
          argumentOffset[0] = offset;
          pass.setBindGroup(0, group, argumentOffset, 0, 1);
        }
        pass.dispatchWorkgroups(next(), next(), next());
        if (timed) endPass();
        continue;
      }
      endPass();
      if (command === COMMAND.time) {
        const querySet = timestamps.get(handle());
        const index = next();
        const timestampWrites = {
          querySet,
          beginningOfPassWriteIndex: index,
          endOfPassWriteIndex: index + 1,
        };
        pass = encoder.beginComputePass({ timestampWrites });
        timed = true;
      } else if (command === COMMAND.copy) {
        const from = buffers.get(handle());
        const fromOffset = next();
        encoder.copyBufferToBuffer(from, fromOffset, buffers.get(handle()), next(), next());
      } else if (command === COMMAND.resolve) {
        encoder.resolveQuerySet(timestamps.get(handle()), 0, next(), buffers.get(handle()), 0);
      } else {
        throw new RangeError(`Cannot encode a recording: wanted a command, got ${command}`);
      }
    }
    endPass();
  }

  return { partsOf, encode };
}
