/** A response of server-sent events to a client that may read slowly, or disconnect. @module */

/** The bytes that wait for a client before it counts as slow. */
const BUFFERED_BYTES = 65_536;

/** Events on their way to a client. */
export interface EventStream {
  readonly response: Response;
  send(data: string): void;
  close(): void;
}

/**
 * Opens a stream of events.
 *
 * @param options.timeout The milliseconds after which a client that does not read is disconnected.
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
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isOpen = true;
  const clear = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const leave = () => {
    if (!isOpen) return;
    isOpen = false;
    clear();
    onLeave();
  };
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    pull: clear,
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
      controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      if ((controller.desiredSize ?? 0) > 0) return;
      timer ??= setTimeout(() => {
        leave();
        controller.error(new Error("Cannot send: the client does not read"));
      }, timeout);
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      clear();
      controller.close();
    },
  };
}
