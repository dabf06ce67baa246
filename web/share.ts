/** How a link to the lesson looks in a message: Open Graph. @module */

import { escapeHtml } from "./escape.ts";
import { words } from "./words/page.ts";

/** The picture that others show who link to the site. */
export const PICTURE = "share.png";

/**
 * The tags of a page that say how a link to it looks.
 *
 * @param url Where the site will be; without it the picture has an address beside the page's.
 */
export function shareTags(title: string, url: string | null): string {
  // A folder, even where nobody wrote its last slash.
  const base = url === null ? "" : url.replace(/\/*$/, "/");
  const properties = {
    "og:type": "website",
    "og:title": title,
    "og:description": words.description,
    "og:image": base + PICTURE,
    "og:image:width": "1200",
    "og:image:height": "630",
    "og:image:alt": words.picture,
    ...(url === null ? {} : { "og:url": base }),
  };
  return `<meta name="description" content="${escapeHtml(words.description)}">` +
    '<meta name="twitter:card" content="summary_large_image">' +
    Object.entries(properties).map(([property, content]) =>
      `<meta property="${property}" content="${escapeHtml(content)}">`
    ).join("");
}
