/** The worker that drives a GPU: opens it and executes calls. @module */

import { openAdapter } from "./adapter.ts";
import { oneLine } from "./checks.ts";
import { DirectGpu } from "./direct_gpu.ts";
import type { FromWorker, GpuCall, ToWorker } from "./gpu_messages.ts";

/**
 * Serves until the worker is terminated.
 *
 * @param port The port for all messages.
 */
export function serveGpu(port: MessagePort): void {
  const post: Post = (message, transfer = []) => port.postMessage(message, transfer);
  let gpu: DirectGpu | null = null;
  port.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
    if (message.kind === "open") openGpu(message, post).then((opened) => gpu = opened);
    else for (const call of message.calls) make(call, gpu!, post);
  };
}

type Post = (message: FromWorker, transfer?: ArrayBuffer[]) => void;

async function openGpu(
  { options }: ToWorker & { kind: "open" },
  post: Post,
): Promise<DirectGpu | null> {
  try {
    const gpu = new DirectGpu(await openAdapter(options));
    const { info, limits, features } = gpu;
    gpu.onUncapturedError((message) => post({ kind: "uncaptured", message }));
    gpu.lost.then((loss) => post({ kind: "lost", loss }));
    post({ kind: "opened", info, limits, features });
    return gpu;
  } catch (error) {
    post({ kind: "refused", error });
    return null;
  }
}

/** Executes a call, and sends the answer if one is expected. */
function make(
  { method, arguments: given, question }: GpuCall,
  gpu: DirectGpu,
  post: Post,
): void {
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
