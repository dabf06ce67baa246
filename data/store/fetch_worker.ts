/** The thread of `background.ts`. @module */

import type { Connection } from "./open_origin.ts";
import { fetchData, type FetchOptions } from "./store.ts";

/** The work of the thread. */
export interface FetchRequest {
  readonly connection: Omit<Connection, "attempts" | "wait" | "onWait" | "signal">;
  readonly root: string;
  readonly address: string;
  readonly options: Pick<FetchOptions, "count" | "workers">;
  /** Where replies go. */
  readonly port: MessagePort;
}

/** A message of the thread. */
export type FetchReply =
  | { readonly kind: "wait"; readonly seconds: number; readonly reason: string }
  | { readonly kind: "done" }
  | { readonly kind: "error"; readonly message: string };

globalThis.addEventListener("message", async (event) => {
  const { connection, root, address, options, port } = (event as MessageEvent<FetchRequest>).data;
  const reply = (message: FetchReply) => port.postMessage(message);
  const onWait = (seconds: number, reason: string) => reply({ kind: "wait", seconds, reason });
  try {
    await fetchData({ ...connection, onWait }, root, address, options);
    reply({ kind: "done" });
  } catch (error) {
    reply({ kind: "error", message: error instanceof Error ? error.message : String(error) });
  }
});
