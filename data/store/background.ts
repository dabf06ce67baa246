/** Downloads in a background thread, while a run computes. @module */

import type { FetchReply, FetchRequest } from "./fetch_worker.ts";
import type { Connection } from "./open_origin.ts";
import type { FetchOptions } from "./store.ts";

/**
 * Begins to fetch an address as {@linkcode fetchData} does.
 *
 * @returns Resolves when all files are here. The thread ends then, or with the process.
 */
export function fetchInBackground(
  connection: Connection,
  root: string,
  address: string,
  { count, workers }: Pick<FetchOptions, "count" | "workers"> = {},
): Promise<void> {
  const { attempts: _, wait: __, signal: ___, onWait, ...plain } = connection;
  const worker = new Worker(new URL("./fetch_worker.ts", import.meta.url), { type: "module" });
  const { port1: replies, port2: port } = new MessageChannel();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const end = () => {
    replies.close();
    worker.terminate();
  };
  replies.onmessage = ({ data }: MessageEvent<FetchReply>) => {
    if (data.kind === "wait") return onWait?.(data.seconds, data.reason);
    end();
    if (data.kind === "done") resolve();
    else reject(new Error(data.message));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    end();
    reject(new Error(`Cannot get ${address}: ${event.message}`));
  };
  const options = {
    ...(count === undefined ? {} : { count }),
    ...(workers === undefined ? {} : { workers }),
  };
  const request: FetchRequest = { connection: plain, root, address, options, port };
  worker.postMessage(request, [port]);
  return promise;
}
