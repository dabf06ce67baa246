import { Error } from "../../tensor/errors.ts";

/**
 * Calls a function that listens on an address; its error says where, and in words if another program does.
 *
 * @throws {Error} If it fails.
 *
 * @example
 * ```ts
 * import { listening } from "./listening.ts";
 *
 * const where = { hostname: "127.0.0.1", port: 8000 };
 * const used = Object.assign(new Error("address in use (98)"), { code: "EADDRINUSE" });
 * const message = await listening(where, () => Promise.reject(used)).catch((error) => error.message);
 * if (!message.endsWith("127.0.0.1:8000: another program listens there")) throw new Error(message);
 * ```
 */
export async function listening<Listener>(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  listen: () => Listener | Promise<Listener>,
): Promise<Listener> {
  try {
    return await listen();
  } catch (cause) {
    const { code, message } = cause as Error & { readonly code?: string };
    const reason = code === "EADDRINUSE" ? "another program listens there" : message;
    throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause });
  }
}
