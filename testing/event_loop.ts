/** Measures how long the event loop is blocked. */

export interface EventLoopWatch {
  /** The longest delay since the last call, in milliseconds. */
  longest(): number;
  stop(): void;
}

/** Starts watching, with a timer due every millisecond. */
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
