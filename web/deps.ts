/**
 * Third-party code that a page loads, at pinned versions.
 *
 * Preact renders and updates a page, signals hold what changes (both MIT), idb-keyval keeps values in the
 * browser by name (Apache-2.0); none has dependencies of its own. Files with JSX name the same version of
 * Preact in a comment, so that no import map is needed. The chat page has another package of its own
 * (`chat_deps.ts`).
 *
 * Unlike in other modules, the imports are static: a bundle has to contain them. Nothing outside `web`
 * imports this file, so the packages are downloaded only when a page is built.
 *
 * @module
 */

export {
  computed,
  effect,
  type ReadonlySignal,
  type Signal,
  signal,
  untracked,
} from "npm:@preact/signals@2.11.4";
export {
  type ComponentChildren,
  hydrate,
  type JSX,
  render,
  type TargetedKeyboardEvent,
  type TargetedPointerEvent,
} from "npm:preact@11.2.0";
export { useEffect, useMemo, useRef, useState } from "npm:preact@11.2.0/hooks";
export { del as forget, get as recall, set as keep } from "npm:idb-keyval@6.2.2";
export * as jsxRuntime from "npm:preact@11.2.0/jsx-runtime";
