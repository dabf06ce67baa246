/** How scripts reach the hub and npm: configured by the usual environment variables. */

import type { Connection } from "../data/mod.ts";
import { printNote } from "./output.ts";

/**
 * The hosts of the hub, its storage, and npm, which have the named data sets but `core`. Tasks that
 * read data may reach these and no others, but that `base_eval` may reach the host of `core`;
 * `deno task data` and `deno task core_bundle` may reach any.
 */
export const dataHosts: readonly string[] = [
  "huggingface.co",
  "*.huggingface.co",
  "*.hf.co",
  "registry.npmjs.org",
];

/** Notes that a server asked to wait. */
export function noteWait(seconds: number, reason: string): void {
  printNote(`Waiting for ${seconds} s: ${reason}`);
}

/** The connection that the environment asks for. */
export function connectionOf(onWait: NonNullable<Connection["onWait"]> = noteWait): Connection {
  const [endpoint, registry] = [variable("HF_ENDPOINT"), variable("NPM_CONFIG_REGISTRY")];
  const flag = (variable("HF_HUB_OFFLINE") ?? "").toLowerCase();
  return {
    onWait,
    token: variable("HF_TOKEN"),
    isOffline: !["", "0", "false", "no", "off"].includes(flag),
    sharedCache: sharedCache(),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(registry === undefined ? {} : { registry }),
  };
}

/** Whether this process has permission to reach the origin of an address. */
export async function mayConnect(
  address: string,
  { endpoint, registry, isOffline = false }: Connection,
): Promise<boolean> {
  if (isOffline) return false;
  const url = {
    hf: endpoint ?? "https://huggingface.co",
    npm: registry ?? "https://registry.npmjs.org",
  }[address.split(":")[0]!] ?? address;
  const host = URL.parse(url)?.host;
  // An address that is none is an error of the client, which names the variable.
  if (host === undefined || host === "") return true;
  const { state } = await Deno.permissions.query({ name: "net", host });
  return state === "granted";
}

/** The download cache of other clients of the hub. */
function sharedCache(): string | undefined {
  const cache = variable("HF_HUB_CACHE");
  if (cache !== undefined) return cache;
  const home = variable("HF_HOME");
  if (home !== undefined) return `${home}/hub`;
  const user = variable("HOME") ?? variable("USERPROFILE");
  return user === undefined ? undefined : `${user}/.cache/huggingface/hub`;
}

/** An environment variable, without the line end of a file; an empty one counts as unset. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name)?.trim() || undefined : undefined;
}
