/**
 * Third-party code that only the chat page loads, at pinned versions.
 *
 * marked reads Markdown (MIT, no dependencies). A bundler cannot tell whether its code has effects, and puts it
 * into every page that imports this file: 50 KB.
 *
 * @module
 */

export {
  lexer as readMarkdown,
  type MarkedToken as MarkdownToken,
  type Tokens as MarkdownTokens,
} from "npm:marked@18.2.1";
