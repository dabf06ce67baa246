/** Builds the page that holds a model. @module */

import { bundle, bundleEngine, htmlDocument, styleSheet } from "../bundle.ts";
import { words } from "../words/chat.ts";
import { packedBlock, SLOTS } from "./template.ts";

let built: Promise<string> | null = null;

/**
 * Builds the template of a page that holds a model, once. Needs `--unstable-bundle`.
 *
 * Its policy names its script and its style by their digests, and allows no request.
 *
 * @throws {Error} If a script cannot be bundled.
 */
export function modelPageTemplate(): Promise<string> {
  return built ??= build();
}

async function build(): Promise<string> {
  const own = (path: string) => new URL(path, import.meta.url);
  const [engine, client, style] = await Promise.all([
    bundleEngine(own("./worker.ts")),
    bundle(own("./client.tsx")),
    styleSheet(own("../inside/style.css"), own("../chat/style.css")),
  ]);
  for (const [tag, text] of [["script", client], ["style", style]] as const) {
    if (text.includes(`</${tag}`)) {
      throw new Error(
        `Cannot build the page: wanted a ${tag} without its own end, got one with it`,
      );
    }
  }
  const policy = [
    "default-src 'none'",
    `script-src '${await digest(client)}' 'wasm-unsafe-eval'`,
    // Bars and maps set lengths of their own.
    `style-src '${await digest(style)}'`,
    "img-src data:",
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const tags = `<meta http-equiv="Content-Security-Policy" content="${policy}">` +
    `<meta name="store" content="${SLOTS.store}">`;
  const body = [
    `<div id="page"></div><noscript>${words.noscript}</noscript>`,
    await packedBlock('id="engine"', engine),
    SLOTS.data,
    `<script>${client}</script>`,
  ].join("\n");
  return htmlDocument(SLOTS.title, tags, `<style>${style}</style>`, body);
}

/** As a policy names a text. */
async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(bytes).toBase64()}`;
}
