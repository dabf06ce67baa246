/**
 * Watching how long an event loop keeps everything else waiting.
 *
 * @module
 */

/** A timer that notes how late it is. */
export interface EventLoopWatch {
  /** The longest wait since the last call, in milliseconds. */
  longest(): number;
  /** Ends the timer. */
  stop(): void;
}

/**
 * Starts to watch: a timer is due at each millisecond.
 *
 * @example
 * ```ts ignore
 * import { watchEventLoop } from "./event_loop.ts";
 *
 * const watch = watchEventLoop();
 * console.log(watch.longest());
 * watch.stop();
 * ```
 */
export function watchEventLoop(): EventLoopWatch {
  let [last, longest] = [performance.now(), 0];
  const note = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(note, 1);
  return {
    longest: () => {
      note();
      const result = longest;
      longest = 0;
      return result;
    },
    stop: () => clearInterval(timer),
  };
}
