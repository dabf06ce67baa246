/** A response of server-sent events to a client that may read slowly, or disconnect. @module */

/** The bytes that wait for a client before it counts as slow. */
const BUFFERED_BYTES = 65_536;

/**
 * Milliseconds between two writes: events that come sooner are sent together. A write takes the server,
 * and whoever reads it, longer than a small model a step, and screens draw less often.
 */
const WRITE_INTERVAL = 10;

/** Events on their way to a client. */
export interface EventStream {
  readonly response: Response;
  send(data: string): void;
  close(): void;
}

/**
 * Opens a stream of events. An event is sent at once, unless another one was just before: then it waits
 * for those that follow, for 10 ms at most.
 *
 * @param options.timeout The milliseconds after which the stream of a client that does not read fails.
 * After `close`, the server sends the rest, and disconnects a client that does not read it.
 * @param options.onLeave Is called when the client disconnects, or is disconnected.
 *
 * @example
 * ```ts
 * import { openEvents } from "./events.ts";
 *
 * const events = openEvents({ timeout: 1000, onLeave: () => {} });
 * events.send("[DONE]");
 * events.close();
 * if (await events.response.text() !== "data: [DONE]\n\n") throw new Error("expected an event");
 * ```
 */
export function openEvents(
  { timeout, onLeave }: { readonly timeout: number; readonly onLeave: () => void },
): EventStream {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let isOpen = true;
  /** Events that have not been sent yet, and when the last ones were. */
  let gathered = "";
  let sent = -Infinity;
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let reading: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    isOpen = false;
    clearTimeout(gathering);
    clearTimeout(reading);
  };
  const leave = () => {
    if (!isOpen) return;
    end();
    onLeave();
  };
  const write = () => {
    gathering = undefined;
    if (gathered === "") return;
    controller.enqueue(encoder.encode(gathered));
    gathered = "";
    sent = performance.now();
    if ((controller.desiredSize ?? 0) > 0) return;
    reading ??= setTimeout(() => {
      leave();
      controller.error(new Error("Cannot send: the client does not read"));
    }, timeout);
  };
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    pull: () => {
      clearTimeout(reading);
      reading = undefined;
    },
    cancel: leave,
  }, new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_BYTES }));
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  };
  return {
    response: new Response(body, { headers }),
    send: (data) => {
      if (!isOpen) return;
      gathered += `data: ${data}\n\n`;
      if (gathering !== undefined) return;
      const wait = sent + WRITE_INTERVAL - performance.now();
      if (wait > 0) gathering = setTimeout(write, wait);
      else write();
    },
    close: () => {
      if (!isOpen) return;
      write();
      end();
      controller.close();
    },
  };
}
