/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** A dashboard's server in a thread of its own: a training step would keep it waiting. @module */

import { type Dashboard, type DashboardOptions, serveDashboard } from "./server.ts";

let dashboard: Dashboard | null = null;

self.onmessage = async ({ data }: MessageEvent<DashboardOptions | "stop">) => {
  if (data === "stop") {
    await dashboard?.stop();
    self.postMessage({ kind: "stopped" });
    return;
  }
  try {
    const onAction = (action: string) => self.postMessage({ kind: action });
    dashboard = await serveDashboard({ ...data, onAction });
    self.postMessage({ kind: "started", url: dashboard.url });
  } catch (error) {
    self.postMessage({ kind: "failed", message: (error as Error).message });
  }
};
