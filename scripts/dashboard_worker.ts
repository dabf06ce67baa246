/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** A dashboard's server in a thread of its own, where no training step blocks it. @module */

import { type Dashboard, type DashboardOptions, serveDashboard } from "../serve/mod.ts";
import { buildDashboard } from "../web/page.ts";
import { openInside } from "./open_inside.ts";

let dashboard: Dashboard | null = null;

self.onmessage = async ({ data }: MessageEvent<Omit<DashboardOptions, "page"> | "stop">) => {
  if (data === "stop") {
    await dashboard?.stop();
    self.postMessage({ kind: "stopped" });
    return;
  }
  try {
    const onAction = (action: string) => self.postMessage({ kind: action });
    const page = await buildDashboard(data);
    dashboard = await serveDashboard({ ...data, page, onAction, openInside });
    self.postMessage({ kind: "started", url: dashboard.url });
  } catch (error) {
    self.postMessage({ kind: "failed", message: (error as Error).message });
  }
};
