/**
 * Signals that a process sends to itself after a line that it prints. Another process would see the line
 * some steps later, how many of them depends on the machine.
 *
 * @module
 */

/** Signals, and the line after which they are sent, once. */
export interface OwnSignals {
  readonly signals: readonly Deno.Signal[];
  /** A regular expression. */
  readonly line: string;
  /** How many lines match it until then. @default {1} */
  readonly count?: number;
}

/**
 * Has this process send itself signals. What is renamed afterwards, as whatever a run saves, is renamed when
 * the first of them has arrived: a run cannot come to its end before.
 */
export function sendAfterLines(all: readonly OwnSignals[]): void {
  const left = all.map(({ count = 1, line, ...rest }) => ({
    ...rest,
    count,
    line: new RegExp(line, "m"),
  }));
  const arrived: Promise<void>[] = [];
  const hear = (text: string) => {
    for (const one of left) {
      if (!one.line.test(text) || --one.count !== 0) continue;
      const [first] = one.signals as [Deno.Signal];
      if (first !== "SIGKILL") {
        arrived.push(new Promise((resolve) => Deno.addSignalListener(first, resolve)));
      }
      for (const signal of one.signals) Deno.kill(Deno.pid, signal);
    }
  };
  for (const output of [Deno.stdout, Deno.stderr]) {
    const write = output.writeSync;
    output.writeSync = (bytes) => {
      const written = write.call(output, bytes);
      hear(new TextDecoder().decode(bytes));
      return written;
    };
  }
  const { log } = console;
  console.log = (...data: unknown[]) => {
    log(...data);
    hear(data.join(" "));
  };
  const { rename } = Deno;
  Deno.rename = async (from, to) => {
    await Promise.all(arrived);
    await rename(from, to);
  };
}
