/** Builds the dashboard, which a server of runs hands out. @module */

import { buildPage, type PageFiles } from "../page.ts";
import { words } from "./words.ts";

/**
 * Builds the page.
 *
 * @param options.token What the page has to show to stop a run or to save it; without one it cannot.
 * @returns Its files by path.
 * @throws {Error} If its script cannot be bundled.
 */
export function buildDashboard(
  { token }: { readonly token?: string | undefined } = {},
): Promise<PageFiles> {
  return buildPage({
    name: "dashboard",
    title: words.title,
    noscript: words.noscript,
    styles: new URL("./style.css", import.meta.url),
    script: new URL("./client.tsx", import.meta.url),
    token,
  });
}
