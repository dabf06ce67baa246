/** Serves a page of all runs: their curves, values and samples, while they train or afterwards. @module */

import { integer, mainOf, toggle, type Values } from "./flags.ts";
import { onInterrupt, untilInterrupted } from "./interrupt.ts";
import { openInBrowser } from "./open.ts";
import { openInside } from "./open_inside.ts";
import { print } from "./output.ts";

/** Constants, not literal imports, so that the dashboard's code is only loaded if it is used. */
const BUILD = "../web/page.ts";
const SERVE = "../serve/mod.ts";

const flags = {
  port: integer(0, "The port at 127.0.0.1; 0 for a free one", { least: 0, most: 65535 }),
  open: toggle("Open the page in a browser"),
};

/** The flag of runs that have a dashboard of their own. */
export const dashboardFlags = {
  dashboard: toggle("Serve a page that follows the run, stops it and saves it"),
};

/** A page of runs that is served. */
export interface ServedDashboard extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves the page of a run that is training in this process, from a thread of its own.
 *
 * @param run The run: `base/d4`.
 * @param onAction Does what the page asks for.
 */
export async function serveRun(
  run: string,
  onAction: (action: "stop" | "save") => void,
): Promise<ServedDashboard> {
  const { openDashboard }: typeof import("../serve/mod.ts") = await import(SERVE);
  const worker = new URL("./dashboard_worker.ts", import.meta.url);
  const { url, stop } = await openDashboard(worker, { token: crypto.randomUUID(), run, onAction });
  return { url, [Symbol.asyncDispose]: stop };
}

/** Serves the page until Ctrl-C. Returns the exit code. */
export const main = mainOf({
  summary: "Serves a page of all runs: their curves, values and samples.",
  command: "deno task dashboard",
  flags,
  run: runDashboard,
});

async function runDashboard({ port, open }: Values<typeof flags>): Promise<void> {
  const { serveDashboard }: typeof import("../serve/mod.ts") = await import(SERVE);
  const { buildDashboard }: typeof import("../web/page.ts") = await import(BUILD);
  const page = await buildDashboard();
  using interrupt = onInterrupt("Stopping");
  const { url, stop } = await serveDashboard({ page, port, openInside });
  print(`The runs are at ${url}/ until Ctrl-C`);
  if (open) await openInBrowser(url);
  await untilInterrupted(interrupt);
  await stop();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
