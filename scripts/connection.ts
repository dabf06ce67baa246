/** How scripts reach the hub and npm: by the environment variables of the field. */

import type { Connection } from "../data/mod.ts";

/** The variables that are read, as far as permissions allow. */
export const connectionVariables = [
  "HF_TOKEN",
  "HF_ENDPOINT",
  "HF_HUB_OFFLINE",
  "HF_HUB_CACHE",
  "HF_HOME",
  "NPM_CONFIG_REGISTRY",
] as const;

/** The connection that the environment asks for. */
export function connectionOf(onWait: NonNullable<Connection["onWait"]>): Connection {
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

/** Where other clients of the hub keep what they downloaded. */
function sharedCache(): string | undefined {
  const cache = variable("HF_HUB_CACHE");
  if (cache !== undefined) return cache;
  const home = variable("HF_HOME");
  if (home !== undefined) return `${home}/hub`;
  const user = variable("HOME") ?? variable("USERPROFILE");
  return user === undefined ? undefined : `${user}/.cache/huggingface/hub`;
}

/** An environment variable; an empty one counts as unset. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) || undefined : undefined;
}
