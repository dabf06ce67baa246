/**
 * Errors whose stack begins at the line of the program that called the library.
 *
 * V8 keeps ten frames of a stack, and an operation takes as many from the method to where its shapes are
 * checked: an error would show no line of the caller's own. The files of the library import their errors
 * from here, under the names that they have everywhere. Nothing is paid for them until one is made.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url).href;
/** In a bundle, all of the library is in the file that this is in. */
const BUNDLE = import.meta.url === `${ROOT}tensor/errors.ts` ? null : import.meta.url;
/** Files of the library, and none of its tests. */
const OWN =
  /^(autograd|chat|data|gpt|nn|optim|tensor|tokenizer)\/(?!\S*(_test|_bench)\.ts:|\S*\btesting\/)[\w/]+\.ts:\d/;
/** How many frames are looked at for one of the caller's. */
const MAX_FRAMES = 100;

/** The part of the global `Error` that decides how many frames a stack has, where an engine has it. */
const limits = globalThis.Error as { stackTraceLimit?: number };

/** Whether a frame is in a file of somebody else. */
function isCallers(frame: string): boolean {
  if (!/:\d+:\d+\)?$/.test(frame)) return false;
  if (BUNDLE !== null) return !frame.includes(BUNDLE);
  const start = frame.indexOf(ROOT);
  return start < 0 || !OWN.test(frame.slice(start + ROOT.length));
}

/** The frames of the stack from the first on that is not the library's; all if there is none. */
function callersFrames(): string[] {
  const frames = (new globalThis.Error().stack ?? "").split("\n")
    .filter((line) => /^ *at |@/.test(line));
  return frames.slice(Math.max(0, frames.findIndex(isCallers)));
}

/** The constructor of an error, but that the stack begins at the caller. */
function atCaller<T extends ErrorConstructor>(native: T): T {
  return new Proxy(native, {
    construct: (target, args, newTarget) => {
      const { stackTraceLimit = 10 } = limits;
      try {
        // What prints an uncaught error prefers the frames that the engine has kept, if there are any.
        limits.stackTraceLimit = 0;
        const error: Error = Reflect.construct(target, args, newTarget);
        limits.stackTraceLimit = MAX_FRAMES;
        error.stack = [`${error}`, ...callersFrames().slice(0, stackTraceLimit)].join("\n");
        return error;
      } finally {
        limits.stackTraceLimit = stackTraceLimit;
      }
    },
  });
}

/** The global `Error`, with the caller's line first. */
export const Error: ErrorConstructor = atCaller(globalThis.Error);
/** The global `RangeError`, with the caller's line first. */
export const RangeError: RangeErrorConstructor = atCaller(globalThis.RangeError);
/** The global `SyntaxError`, with the caller's line first. */
export const SyntaxError: SyntaxErrorConstructor = atCaller(globalThis.SyntaxError);
/** The global `TypeError`, with the caller's line first. */
export const TypeError: TypeErrorConstructor = atCaller(globalThis.TypeError);

/** An instance of the global `Error`. */
export type Error = globalThis.Error;
/** An instance of the global `RangeError`. */
export type RangeError = globalThis.RangeError;
/** An instance of the global `SyntaxError`. */
export type SyntaxError = globalThis.SyntaxError;
/** An instance of the global `TypeError`. */
export type TypeError = globalThis.TypeError;
