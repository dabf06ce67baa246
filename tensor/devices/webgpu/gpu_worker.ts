/** The worker that drives a GPU, and the messages to and from it. @module */

import {
  defineOpenAdapter,
  type GpuPlan,
  LIMITS,
  type OpenAdapter,
  type WebGpuOptions,
} from "./adapter.ts";
import { directGpu } from "./direct_gpu.ts";
import type { GpuLoss, GpuMethods } from "./gpu.ts";

/** What the worker does: it opens a GPU, and then calls its methods. */
export interface GpuService extends GpuMethods {
  /** Always first. */
  open(options: WebGpuOptions): Promise<GpuPlan>;
}

/** A call of a method of {@linkcode GpuService}. */
export interface GpuCall {
  readonly method: keyof GpuService;
  readonly given: readonly unknown[];
  /** Identifies the answer to wait for; `null` if there is none. */
  readonly question: number | null;
}

export type FromWorker =
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown }
  | {
    readonly kind: "rejection";
    readonly question: number;
    readonly isRange: boolean;
    readonly reason: string;
  }
  | { readonly kind: "uncaptured"; readonly message: string }
  | { readonly kind: "lost"; readonly loss: GpuLoss };

/** The text of a function that serves the port it is called with. */
export function workerCode(): string {
  const openAdapter = `(${defineOpenAdapter})(globalThis, ${JSON.stringify(LIMITS)})`;
  return `(port) => (${serveGpu})(port, ${openAdapter}, ${directGpu})`;
}

/**
 * Serves until the worker is terminated. A worker gets this function as text, so it refers to
 * nothing outside itself.
 */
function serveGpu(port: MessagePort, openAdapter: OpenAdapter, open: typeof directGpu): void {
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []) =>
    port.postMessage(message, transfer);

  const service: Partial<GpuService> = {
    async open(options) {
      const gpu = open(await openAdapter(options));
      gpu.onUncapturedError((message) => post({ kind: "uncaptured", message }));
      gpu.lost.then((loss) => post({ kind: "lost", loss }));
      Object.assign(service, gpu);
      const { info, limits, features } = gpu;
      return { info, limits, features };
    },
  };

  port.onmessage = ({ data: calls }: MessageEvent<readonly GpuCall[]>) => calls.forEach(make);

  function make({ method, given, question }: GpuCall): void {
    try {
      const result: unknown = Reflect.apply(service[method]!, service, given);
      if (question === null) return;
      Promise.resolve(result).then(
        (value) =>
          post({ kind: "answer", question, value }, value instanceof ArrayBuffer ? [value] : []),
        (error: Error) => {
          const isRange = error instanceof RangeError;
          post({ kind: "rejection", question, isRange, reason: error.message });
        },
      );
    } catch (error) {
      post({ kind: "uncaptured", message: String(error) });
    }
  }
}
