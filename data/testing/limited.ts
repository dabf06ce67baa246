/** Calls that reach the limits of a worker, for its test. @module */

/** Echoes, throws, loops for ever, or takes memory. */
export async function prepare(request: { kind: string; value?: unknown }): Promise<() => unknown> {
  await Promise.resolve();
  return () => {
    if (request.kind === "echo") return request.value;
    if (request.kind === "throw") throw new RangeError("Cannot do it: wanted less, got more");
    const kept: unknown[] = [];
    while (true) if (request.kind === "memory") kept.push([kept.length]);
  };
}
