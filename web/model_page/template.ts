/**
 * A page that holds a model, as one file: a template, and what fills it. Nothing of a model becomes markup,
 * and the page may load nothing at all.
 *
 * @module
 */

import type { ChatModel } from "../engine/chat.ts";
import { escapeHtml } from "../escape.ts";

/** Facts about the model, for its page. */
export type ModelCard = Omit<ChatModel, "files">;

/** Where a template is filled. */
export const SLOTS = { title: "<!--title-->", store: "<!--store-->", data: "<!--data-->" } as const;

/**
 * Fills a template.
 *
 * @param files The files of a checkpoint, by name.
 * @returns The page.
 *
 * @example
 * ```ts
 * import { fillTemplate, SLOTS } from "./template.ts";
 *
 * const card = { id: "<b>", stage: "base", origin: "step 1", examples: [] };
 * const page = await fillTemplate(`<title>${SLOTS.title}</title>${SLOTS.data}`, card, new Map());
 * if (!page.startsWith("<title>&#60;b&#62;</title>")) throw new Error(page);
 * ```
 */
export async function fillTemplate(
  template: string,
  card: ModelCard,
  files: ReadonlyMap<string, Blob>,
): Promise<string> {
  const blocks = await Promise.all(
    Array.from(files, ([name, file]) => packedBlock(`data-file="${escapeHtml(name)}"`, file)),
  );
  // In a script only "<" could end it.
  const json = JSON.stringify(card).replaceAll("<", "\\u003c");
  const data = [dataBlock("application/json", 'id="card"', json), ...blocks].join("\n");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(data));
  const values = {
    title: escapeHtml(card.id),
    store: new Uint8Array(digest).toHex().slice(0, 16),
    data,
  };
  // Functions, since "$" has a meaning in a text that replaces another.
  return Object.entries(values).reduce(
    (page, [name, value]) => page.replace(SLOTS[name as keyof typeof SLOTS], () => value),
    template,
  );
}

/** A block of data that is compressed. @param attributes They tell it from others. */
export async function packedBlock(attributes: string, content: BlobPart): Promise<string> {
  const stream = new Blob([content]).stream().pipeThrough(new CompressionStream("gzip"));
  const text = (await new Response(stream).bytes()).toBase64();
  return dataBlock("application/octet-stream", attributes, text);
}

function dataBlock(type: string, attributes: string, text: string): string {
  return `<script type="${type}" ${attributes}>${text}</script>`;
}
