/**
 * Errors whose stack starts at the caller of the library: V8 keeps ten stack frames, and an
 * operation takes as many from its method to its shape check, so an error would show no line of the
 * caller's. The library's files import their errors from here, under the usual names. They cost
 * nothing until one is thrown.
 *
 * @module
 */

/** The URL of this module; empty in a bundle that is a classic script, which has none. */
const HERE = import.meta.url ?? "";
const [PATH] = /tensor\/errors\.[jt]s$/.exec(HERE) ?? [""];
const ROOT = HERE.slice(0, HERE.length - PATH.length);
/** In a bundle, all of the library is in this file. */
const BUNDLE = PATH === "" ? HERE : null;
const OWN =
  /^(autograd|chat|data|gpt|interchange|models|nn|optim|serve|tensor|tokenizer)\/(?!\S*(_test|_bench)\.ts:|\S*\btesting\/)[\w/]+\.[jt]s:\d/;
const MAX_FRAMES = 100;

/** The part of the global `Error` that sets the number of stack frames, in engines that have it. */
export const limits = globalThis.Error as { stackTraceLimit?: number };

function isCallers(frame: string): boolean {
  if (!/:\d+:\d+\)?$/.test(frame)) return false;
  if (BUNDLE !== null) return !frame.includes(BUNDLE);
  const start = frame.indexOf(ROOT);
  return start < 0 || !OWN.test(frame.slice(start + ROOT.length));
}

/** The stack frames from the first one outside of the library; all if there is none. */
function callersFrames(): string[] {
  const frames = (new globalThis.Error().stack ?? "").split("\n")
    .filter((line) => /^ *at |@/.test(line));
  return frames.slice(Math.max(0, frames.findIndex(isCallers)));
}

/** An error of the tape, which imports nothing, as one of the library's: with the caller's line first. */
export function fromTape(error: unknown): unknown {
  if (!(error instanceof globalThis.Error)) return error;
  const first = (error.stack ?? "").split("\n").find((line) => /:\d+:\d+\)?$/.test(line)) ?? "";
  return /autograd\/tape\.[jt]s:/.test(first) ? new Error(error.message) : error;
}

function atCaller<T extends ErrorConstructor>(native: T): T {
  return new Proxy(native, {
    construct: (target, args, newTarget) => {
      const { stackTraceLimit = 10 } = limits;
      try {
        // Printers of uncaught errors prefer the frames that the engine recorded, if any.
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
export const RangeError: RangeErrorConstructor = atCaller(globalThis.RangeError);
export const SyntaxError: SyntaxErrorConstructor = atCaller(globalThis.SyntaxError);
export const TypeError: TypeErrorConstructor = atCaller(globalThis.TypeError);

export type Error = globalThis.Error;
export type RangeError = globalThis.RangeError;
export type SyntaxError = globalThis.SyntaxError;
export type TypeError = globalThis.TypeError;

/** A value that `what`, as in "compute add", cannot use. */
export function wrongValue(what: string, wanted: string, got: string | number): RangeError {
  return new RangeError(`Cannot ${what}: wanted ${wanted}, got ${got}`);
}

/** A state in which `what` cannot be done. */
export function wrongState(what: string, wanted: string, got: string): Error {
  return new Error(`Cannot ${what}: wanted ${wanted}, got ${got}`);
}

/** A value of a type that `what` cannot use. */
export function wrongType(what: string, wanted: string, got: string): TypeError {
  return new TypeError(`Cannot ${what}: wanted ${wanted}, got ${got}`);
}
