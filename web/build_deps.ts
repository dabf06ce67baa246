/**
 * Third-party code that builds pages and is not part of them, at pinned versions.
 *
 * @module
 */

export { renderToString } from "npm:preact-render-to-string@6.8.2";
export { default as ts } from "npm:typescript@5.9.3";
