/// <reference lib="dom" />
/** The setting for reduced motion. @module */

/** Whether the reader has asked the system for little motion. */
export function wantsLittleMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
