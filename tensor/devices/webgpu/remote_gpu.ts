/** WebGPU, called in a worker, so that waiting for it does not block this thread. @module */

import { Error, RangeError } from "../../errors.ts";
import { startWorker } from "../worker_thread.ts";
import type { WebGpuOptions } from "./adapter.ts";
import type { Gpu, GpuLoss } from "./gpu.ts";
import { type FromWorker, type GpuCall, type GpuService, workerCode } from "./gpu_worker.ts";

type Method = keyof GpuService;
type Given<M extends Method> = Parameters<GpuService[M]>;
type Result<M extends Method> = ReturnType<GpuService[M]>;

const MAX_BATCHED_BYTES = 16 * 1024 * 1024;

/**
 * Opens a {@linkcode Gpu} whose calls are made by a worker. Calls are batched, and sent as soon as
 * one of them has an answer to wait for. Handles are known before the objects exist, because both
 * sides number them in call order.
 */
export async function openRemoteGpu(options: WebGpuOptions): Promise<Gpu> {
  const loss = Promise.withResolvers<GpuLoss>();
  const askers = new Map<number, PromiseWithResolvers<unknown>>();
  let [isEnding, hasEnded] = [false, false];
  let onUncapturedError: (message: string) => void = () => {};
  let calls: GpuCall[] = [];
  let transfer: ArrayBuffer[] = [];
  let batchedBytes = 0;
  let [made, questions] = [0, 0];

  const thread = startWorker<FromWorker>(workerCode(), null, {
    message(message) {
      if (message.kind === "uncaptured") return onUncapturedError(message.message);
      if (message.kind === "lost") return end(message.loss);
      const asker = askers.get(message.question);
      askers.delete(message.question);
      // While somebody waits, the process stays alive.
      if (askers.size === 0 && !isEnding) thread.unref();
      if (message.kind === "answer") asker?.resolve(message.value);
      else asker?.reject(new (message.isRange ? RangeError : Error)(message.reason));
    },
    failure: (reason) =>
      end(
        { reason: "unknown", message: `its worker failed: ${reason}` },
        `Cannot open a WebGPU device in a worker: wanted one that starts, got "${reason}"`,
      ),
  });

  async function end(lost: GpuLoss, reason = lost.message): Promise<void> {
    if (hasEnded) return;
    hasEnded = true;
    await thread.terminate();
    loss.resolve(lost);
    for (const { reject } of askers.values()) reject(new Error(reason));
    askers.clear();
  }

  function send(): void {
    if (!hasEnded) thread.post(calls, transfer);
    [calls, transfer, batchedBytes] = [[], [], 0];
  }

  function call(method: Method, given: readonly unknown[], question?: number): void {
    calls.push({ method, given, question: question ?? null });
    for (const value of given) {
      if (!(ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer)) continue;
      transfer.push(value.buffer);
      batchedBytes += value.byteLength;
    }
    if (question !== undefined || batchedBytes > MAX_BATCHED_BYTES) send();
  }

  const creates = <M extends Method>(method: M) => (...given: Given<M>) => {
    call(method, given);
    return ++made as Result<M>;
  };

  const asks = <M extends Method>(method: M) => (...given: Given<M>) => {
    const asker = Promise.withResolvers<unknown>();
    if (askers.size === 0) thread.ref();
    askers.set(++questions, asker);
    call(method, given, questions);
    return asker.promise as Result<M>;
  };

  const plan = await asks("open")(options).catch(async (error) => {
    await thread.terminate();
    throw error;
  });
  return {
    ...plan,
    lost: loss.promise,
    onUncapturedError: (listener) => onUncapturedError = listener,
    createBuffer: creates("createBuffer"),
    createPipeline: creates("createPipeline"),
    compilationError: asks("compilationError"),
    createBindGroup: creates("createBindGroup"),
    createTimestamps: creates("createTimestamps"),
    free: (objects) => call("free", [objects]),
    writeBuffer(buffer, byteOffset, data) {
      const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
      call("writeBuffer", [buffer, byteOffset, new Uint8Array(bytes)]);
    },
    submit: asks("submit"),
    readBuffer: asks("readBuffer"),
    submittedWorkDone: asks("submittedWorkDone"),
    destroy() {
      // The process must stay alive until the worker has ended, which is soon.
      isEnding = true;
      thread.ref();
      call("destroy", []);
      send();
    },
  };
}
