/** WebGPU, called in a worker, so that waiting for it does not block this thread. @module */

import type { DeviceInfo } from "../../device.ts";
import { Error } from "../../errors.ts";
import { type GpuPlan, planGpu, type WebGpuLimits, type WebGpuOptions } from "./adapter.ts";
import type {
  BindGroupHandle,
  BindingUse,
  BufferHandle,
  BufferRange,
  BufferUse,
  Gpu,
  GpuLoss,
  Handle,
  LayoutHandle,
  PipelineHandle,
  TimestampsHandle,
} from "./gpu.ts";
import type { FromWorker, GpuCall, GpuMethod } from "./gpu_messages.ts";
import { type GpuThread, startGpuThread } from "./gpu_thread.ts";

const MAX_BATCHED_BYTES = 16 * 1024 * 1024;

interface Asker {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A {@linkcode Gpu} whose calls are made by a worker. Calls are batched, and sent as soon as one of
 * them has an answer to wait for. Handles are known before the objects exist, because both sides
 * number them in call order.
 */
export class RemoteGpu implements Gpu {
  readonly info: DeviceInfo;
  readonly limits: WebGpuLimits;
  readonly features: ReadonlySet<string>;
  readonly lost: Promise<GpuLoss>;
  readonly #thread: GpuThread;
  readonly #loss = Promise.withResolvers<GpuLoss>();
  readonly #askers = new Map<number, Asker>();
  #isEnding = false;
  #hasEnded = false;
  #onUncapturedError: (message: string) => void = () => {};
  #calls: GpuCall[] = [];
  #transfer: ArrayBuffer[] = [];
  #gatheredBytes = 0;
  #made = 0;
  #questions = 0;

  constructor(thread: GpuThread, { info, limits, features }: GpuPlan) {
    this.#thread = thread;
    this.info = info;
    this.limits = limits;
    this.features = features;
    this.lost = this.#loss.promise;
  }

  hear(message: FromWorker): void {
    switch (message.kind) {
      case "answer":
        return this.#takeAsker(message.question)?.resolve(message.value);
      case "rejection":
        return this.#takeAsker(message.question)?.reject(new Error(message.reason));
      case "uncaptured":
        return this.#onUncapturedError(message.message);
      case "lost":
        this.end(message.loss);
    }
  }

  async end(loss: GpuLoss): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#thread.terminate();
    this.#loss.resolve(loss);
    for (const { reject } of this.#askers.values()) reject(new Error(loss.message));
    this.#askers.clear();
  }

  onUncapturedError(listener: (message: string) => void): void {
    this.#onUncapturedError = listener;
  }

  createBuffer(label: string, size: number, use: BufferUse): BufferHandle {
    return this.#create("createBuffer", label, size, use);
  }

  destroyBuffer(buffer: BufferHandle): void {
    this.#call("destroyBuffer", buffer);
  }

  writeBuffer(buffer: BufferHandle, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    this.#transfer.push(bytes);
    this.#call("writeBuffer", buffer, byteOffset, new Uint8Array(bytes));
    this.#gatheredBytes += bytes.byteLength;
    if (this.#gatheredBytes > MAX_BATCHED_BYTES) this.#send();
  }

  createLayout(label: string, firstBinding: number, bindings: readonly BindingUse[]): LayoutHandle {
    return this.#create("createLayout", label, firstBinding, bindings);
  }

  createPipeline(label: string, layout: LayoutHandle, code: string): PipelineHandle {
    return this.#create("createPipeline", label, layout, code);
  }

  compilationError(pipeline: PipelineHandle): Promise<string | null> {
    return this.#ask("compilationError", pipeline);
  }

  createBindGroup(
    layout: LayoutHandle,
    firstBinding: number,
    buffers: readonly BufferRange[],
  ): BindGroupHandle {
    return this.#create("createBindGroup", layout, firstBinding, buffers);
  }

  forgetBindGroups(): void {
    this.#call("forgetBindGroups");
  }

  createTimestamps(label: string, count: number): TimestampsHandle {
    return this.#create("createTimestamps", label, count);
  }

  destroyTimestamps(timestamps: TimestampsHandle): void {
    this.#call("destroyTimestamps", timestamps);
  }

  submit(commands: Float64Array<ArrayBuffer>): void {
    this.#transfer.push(commands.buffer);
    this.#call("submit", commands);
  }

  pushErrorScope(): void {
    this.#call("pushErrorScope");
  }

  popErrorScope(): Promise<string | null> {
    return this.#ask("popErrorScope");
  }

  readBuffer(buffer: BufferHandle, byteLength: number): Promise<ArrayBuffer> {
    return this.#ask("readBuffer", buffer, byteLength);
  }

  submittedWorkDone(): Promise<void> {
    return this.#ask("submittedWorkDone");
  }

  destroy(): void {
    // The process must stay alive until the worker has ended, which is soon.
    this.#isEnding = true;
    this.#thread.ref();
    this.#call("destroy");
    this.#send();
  }

  #call<Method extends GpuMethod>(method: Method, ...given: Parameters<Gpu[Method]>): void {
    this.#calls.push({ method, arguments: given, question: null });
  }

  #create<Method extends GpuMethod, Kind extends string>(
    method: Method,
    ...given: Parameters<Gpu[Method]>
  ): Handle<Kind> {
    this.#call(method, ...given);
    return ++this.#made as Handle<Kind>;
  }

  #ask<Method extends GpuMethod, Answer>(
    method: Method,
    ...given: Parameters<Gpu[Method]>
  ): Promise<Answer> {
    const question = ++this.#questions;
    this.#calls.push({ method, arguments: given, question });
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    if (this.#askers.size === 0) this.#thread.ref();
    this.#askers.set(question, { resolve: (value) => resolve(value as Answer), reject });
    this.#send();
    return promise;
  }

  /** Removes and returns the caller of a question. While one waits, the process stays alive. */
  #takeAsker(question: number): Asker | undefined {
    const asker = this.#askers.get(question);
    this.#askers.delete(question);
    if (this.#askers.size === 0 && !this.#isEnding) this.#thread.unref();
    return asker;
  }

  #send(): void {
    const [calls, transfer] = [this.#calls, this.#transfer];
    [this.#calls, this.#transfer, this.#gatheredBytes] = [[], [], 0];
    if (!this.#hasEnded) this.#thread.post({ kind: "calls", calls }, transfer);
  }
}

export function openRemoteGpu(options: WebGpuOptions): Promise<RemoteGpu> {
  const { promise, resolve, reject } = Promise.withResolvers<RemoteGpu>();
  let plan: GpuPlan | null = null;
  let gpu: RemoteGpu | null = null;
  const refuse = (error: unknown) => thread.terminate().then(() => reject(error));
  const cannot = (reason: string) =>
    new Error(`Cannot open a WebGPU device in a worker: wanted one that starts, got "${reason}"`);
  const thread = startGpuThread({
    message: (message) => {
      if (message.kind === "found") {
        try {
          plan = planGpu(message.facts, options);
          thread.post({ kind: "open", plan }, []);
        } catch (error) {
          refuse(error);
        }
      } else if (message.kind === "opened") {
        gpu = new RemoteGpu(thread, plan!);
        thread.unref();
        resolve(gpu);
      } else if (message.kind === "refused") {
        refuse(cannot(message.reason));
      } else {
        gpu?.hear(message);
      }
    },
    failure: (reason) => {
      gpu?.end({ reason: "unknown", message: `its worker failed: ${reason}` });
      reject(cannot(reason));
    },
  });
  thread.post({ kind: "find" }, []);
  return promise;
}
