/**
 * Third-party code that builds pages and is not part of them, at pinned versions.
 *
 * KaTeX writes formulas as MathML, so that a page needs no script or font for them.
 *
 * @module
 */

export { renderToString } from "npm:preact-render-to-string@6.8.2";
export { default as katex } from "npm:katex@0.19.1";
export { default as ts } from "npm:typescript@5.9.3";
