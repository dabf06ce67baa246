/** Builds the chat page, which a server of a model hands out. @module */

import { buildPage } from "../page.ts";

/** Answers the paths of a page; `null` for those that are not its own. */
export type PageHandler = (path: string) => Response | null;

/**
 * Builds the page.
 *
 * @returns What answers its paths, of which `/` is the first.
 * @throws {Error} If its script cannot be bundled.
 */
export async function buildChat(): Promise<PageHandler> {
  const files = await buildPage({
    name: "chat",
    title: "nanodino chat",
    noscript: "The chat needs JavaScript.",
    styles: new URL("./style.css", import.meta.url),
    script: new URL("./client.tsx", import.meta.url),
  });
  return (path) => {
    const { body, headers } = files.get(path) ?? {};
    return body === undefined ? null : new Response(body, headers && { headers });
  };
}
