/** Ctrl-C: once to stop in order, twice to stop at once. @module */

/** A signal that Ctrl-C sends. */
export interface Interrupt extends Disposable {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Listens for Ctrl-C. The second one is not listened for any more, so it ends the process at once,
 * even in the middle of a computation.
 *
 * @param message What is printed at the first one.
 */
export function onInterrupt(message: string): Interrupt {
  const controller = new AbortController();
  const listener = () => {
    Deno.removeSignalListener("SIGINT", listener);
    console.error(`\n${message}`);
    controller.abort();
  };
  Deno.addSignalListener("SIGINT", listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => Deno.removeSignalListener("SIGINT", listener),
  };
}
