/** The worker that drives a GPU, and the messages to and from it. @module */

import { type AdapterFacts, factsOf, findAdapter, type GpuPlan, requestGpu } from "./adapter.ts";
import { oneLine } from "./checks.ts";
import { directGpu } from "./direct_gpu.ts";
import { defineEncoding } from "./encode.ts";
import { COMMAND, type GpuLoss, type GpuMethods } from "./gpu.ts";

/** What the worker does: it opens a GPU, and then calls its methods. */
export interface GpuService extends GpuMethods {
  /** Looks for an adapter; always first. */
  find(): Promise<AdapterFacts | null>;
  open(plan: GpuPlan): Promise<void>;
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
  | { readonly kind: "rejection"; readonly question: number; readonly reason: string }
  | { readonly kind: "uncaptured"; readonly message: string }
  | { readonly kind: "lost"; readonly loss: GpuLoss };

/** The functions that the worker uses; each refers to nothing outside itself. */
const parts = { oneLine, findAdapter, factsOf, requestGpu, defineEncoding, directGpu };

/** The code of the worker, which serves the port that `port` evaluates to. */
export function workerCode(port: string): string {
  const list = Object.entries(parts).map(([name, part]) => `${name}: ${part}`).join(",\n");
  return `(${serveGpu})(${port}, ${JSON.stringify(COMMAND)}, {\n${list} })`;
}

/**
 * Serves until the worker is terminated. A worker gets this function as text, so it refers to
 * nothing outside itself.
 */
function serveGpu(
  port: MessagePort,
  commands: typeof COMMAND,
  { oneLine, findAdapter, factsOf, requestGpu, defineEncoding, directGpu }: typeof parts,
): void {
  let adapter: GPUAdapter | null = null;
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []) =>
    port.postMessage(message, transfer);

  const service: Partial<GpuService> = {
    async find() {
      adapter = await findAdapter();
      return adapter && factsOf(adapter);
    },
    async open(plan) {
      const gpu = directGpu(await requestGpu(adapter!, plan), defineEncoding(commands), oneLine);
      gpu.onUncapturedError((message) => post({ kind: "uncaptured", message }));
      gpu.lost.then((loss) => post({ kind: "lost", loss }));
      Object.assign(service, gpu);
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
        (error) => post({ kind: "rejection", question, reason: oneLine(String(error)) }),
      );
    } catch (error) {
      post({ kind: "uncaptured", message: oneLine(String(error)) });
    }
  }
}
