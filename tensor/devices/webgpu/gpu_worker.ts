/** The worker that drives a GPU: opens it and executes calls. @module */

import type { AdapterFacts, GpuPlan, OpenedAdapter } from "./adapter.ts";
import type { defineDirectGpu } from "./direct_gpu.ts";
import type { defineEncoding } from "./encode.ts";
import type { COMMAND, Gpu } from "./gpu.ts";
import type { FromWorker, GpuCall, ToWorker } from "./gpu_messages.ts";

/** Functions of other files that the worker uses; each refers to nothing outside itself. */
export interface GpuWorkerParts {
  readonly COMMAND: typeof COMMAND;
  readonly oneLine: (message: string) => string;
  readonly findAdapter: () => Promise<GPUAdapter | null>;
  readonly factsOf: (adapter: GPUAdapter) => AdapterFacts;
  readonly requestGpu: (adapter: GPUAdapter, plan: GpuPlan) => Promise<OpenedAdapter>;
  readonly defineEncoding: typeof defineEncoding;
  readonly defineDirectGpu: typeof defineDirectGpu;
}

/**
 * Serves until the worker is terminated. A worker gets this function as text, so it refers to
 * nothing outside itself.
 */
export function serveGpu(port: MessagePort, parts: GpuWorkerParts): void {
  const { COMMAND, oneLine, findAdapter, factsOf, requestGpu } = parts;
  const encoding = parts.defineEncoding(COMMAND, RangeError);
  const DirectGpu = parts.defineDirectGpu({ encoding, oneLine, Error });
  let adapter: GPUAdapter | null = null;
  let gpu: Gpu | null = null;

  const post = (message: FromWorker, transfer: ArrayBuffer[] = []) =>
    port.postMessage(message, transfer);

  port.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
    if (message.kind === "calls") { for (const call of message.calls) make(call, gpu!); }
    else {
      const work = message.kind === "find" ? find() : open(message.plan);
      work.catch((error) => post({ kind: "refused", reason: oneLine(String(error)) }));
    }
  };

  async function find(): Promise<void> {
    adapter = await findAdapter();
    post({ kind: "found", facts: adapter && factsOf(adapter) });
  }

  async function open(plan: GpuPlan): Promise<void> {
    gpu = new DirectGpu(await requestGpu(adapter!, plan));
    gpu.onUncapturedError((message) => post({ kind: "uncaptured", message }));
    gpu.lost.then((loss) => post({ kind: "lost", loss }));
    post({ kind: "opened" });
  }

  function make({ method, arguments: given, question }: GpuCall, gpu: Gpu): void {
    try {
      const result: unknown = Reflect.apply(gpu[method], gpu, given);
      if (question === null) return;
      Promise.resolve(result).then(
        (value) =>
          post({ kind: "answer", question, value }, value instanceof ArrayBuffer ? [value] : []),
        (error) => post({ kind: "rejection", question, reason: oneLine(String(error)) }),
      );
    } catch (error) {
      post({ kind: "uncaptured", message: oneLine(String(error)) });
    }
  }
}
