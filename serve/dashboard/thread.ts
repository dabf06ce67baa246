/** Starts a dashboard's server in a thread of its own. @module */

import type { Dashboard, DashboardOptions } from "./server.ts";

/** Milliseconds for the server to send its pages the end of the run. */
const STOP_TIMEOUT = 1000;

type Message =
  | { readonly kind: "started"; readonly url: string }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "stop" | "save" | "stopped" };

/**
 * Like `serveDashboard`, in a worker, so that it answers while this thread computes.
 *
 * @param script The worker's module: it serves a dashboard with the options that it is sent, sends
 * `started` or `failed`, what pages ask for, and after `"stop"` that it has `stopped`.
 * @throws {Error} If it cannot be served.
 */
export async function openDashboard(
  script: URL,
  { onAction, ...options }: Omit<DashboardOptions, "openInside" | "page">,
): Promise<Dashboard> {
  const worker = new Worker(script, { type: "module" });
  const stopped = Promise.withResolvers<void>();
  const started = Promise.withResolvers<string>();
  worker.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === "started") started.resolve(data.url);
    else if (data.kind === "failed") started.reject(new Error(data.message));
    else if (data.kind === "stopped") stopped.resolve();
    else onAction?.(data.kind);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    started.reject(new Error(`Cannot serve the dashboard: ${event.message}`));
    stopped.resolve();
  };
  worker.postMessage(options);
  try {
    const url = await started.promise;
    const stop = async () => {
      worker.postMessage("stop");
      const timer = setTimeout(stopped.resolve, STOP_TIMEOUT);
      await stopped.promise;
      clearTimeout(timer);
      worker.terminate();
    };
    return { url, stop };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
