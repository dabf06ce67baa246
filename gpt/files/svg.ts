/** SVG documents for light and dark pages. @module */

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Colors by class. An SVG in an `<img>` cannot see the page's background, so it brings its own. */
const STYLE = `
text { fill: #1f2328 }
.muted { fill: #59636e }
.background { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0 }
.accent { fill: #1f6feb }
.other { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .muted { fill: #9198a1 }
  .background { fill: #0d1117; stroke: #3d444d }
  .grid { stroke: #3d444d }
  .accent { fill: #4493f8 }
  .other { fill: #656c76 }
}`;

/**
 * Creates an SVG document.
 *
 * @param description The text for screen readers.
 * @param body Its elements. The classes `muted`, `grid`, `accent` and `other` follow the reader's
 * color scheme, as does `text`.
 */
export function svgDocument(
  { width, height }: PictureSize,
  description: string,
  body: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escapeXml(description)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="background" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

/** Escapes text for XML and Markdown. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
