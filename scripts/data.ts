/** Data sets of the hub on this machine: gets, lists and removes them. */

import { fetchData, findData, Hub, listData, removeData } from "../data/mod.ts";
import { basePath, exitCodeOf } from "../gpt/mod.ts";
import { integer, runScript, UsageError, type Values } from "./flags.ts";
import { alignColumns, bytes, count } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { print, write } from "./output.ts";

const flags = {
  files: integer(-1, "Get the first files only, and the last one for validation; -1 for all", {
    or: -1,
  }),
  workers: integer(4, "Files that are downloaded side by side", { most: 32 }),
};

/** Where data sets are. */
export function dataPath(): string {
  return basePath("data");
}

/** Gets, lists or removes data sets. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  const end = args.findIndex((argument) => argument.startsWith("-"));
  const words = end === -1 ? args : args.slice(0, end);
  return runScript({
    summary:
      "Gets data sets of the Hugging Face hub: data get ADDRESS, data list, data remove ADDRESS.",
    command: "deno task data get hf:ORG/NAME",
    flags,
    run: (values) => run(values, words),
  }, args.slice(words.length));
}

async function run(values: Values<typeof flags>, words: readonly string[]): Promise<number> {
  const [action = "list", address, ...more] = words;
  const isAlone = action === "list";
  if (!["list", "get", "remove"].includes(action) || more.length > 0) {
    throw new UsageError(`Cannot use ${words.join(" ")}: wanted get, list or remove`);
  }
  if ((address === undefined) !== isAlone) {
    throw new UsageError(`Cannot ${action}: wanted ${isAlone ? "no" : "an"} address`);
  }
  if (address === undefined) return await list();
  if (action === "get") return await get(address, values);
  if (await findData(dataPath(), address) === null) {
    throw new Error(`Cannot remove ${address}: wanted one that deno task data list shows`);
  }
  await removeData(dataPath(), address);
  print(`Removed ${address}`);
  return 0;
}

async function get(address: string, { files, workers }: Values<typeof flags>): Promise<number> {
  using interrupt = onInterrupt("Stopping. What came stays; the next attempt goes on.");
  const { signal } = interrupt;
  const isOffline = !["", "0", "false"].includes((variable("HF_HUB_OFFLINE") ?? "").toLowerCase());
  if (isOffline) throw new Error(`Cannot get ${address}: HF_HUB_OFFLINE says not to`);
  const [endpoint, token] = [variable("HF_ENDPOINT"), variable("HF_TOKEN")];
  const hub = new Hub({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...{ token, signal },
    onWait: (seconds, reason) => print(`Waiting for ${seconds} s: ${reason}`),
  });
  try {
    const state = await fetchData(hub, dataPath(), address, {
      ...{ workers, signal, onProgress: showProgress() },
      ...(files === -1 ? {} : { count: files }),
    });
    const size = state.files.reduce((sum, { size }) => sum + size, 0);
    print(
      `${count(state.files.length)} files, ${bytes(size)}, commit ${state.commit.slice(0, 12)}`,
    );
    print(`Train on it: deno task train --data '${address}'`);
    return 0;
  } catch (error) {
    if (signal.aborted) return exitCodeOf(signal);
    throw error;
  }
}

async function list(): Promise<number> {
  const found = await listData(dataPath());
  if (found.length === 0) {
    print("There are no data sets yet. Get one: deno task data get hf:ORG/NAME");
    return 0;
  }
  print(alignColumns([
    ["address", "files", "size", "commit"],
    ...found.map(({ address, files, missing, commit }) => [
      address,
      `${files.length - missing.length} of ${files.length}`,
      bytes(files.reduce((sum, { size }) => sum + size, 0)),
      commit.slice(0, 12),
    ]),
  ]));
  return 0;
}

/** An environment variable; an empty one counts as unset. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) || undefined : undefined;
}

/** Shows what is here, the rate and the time that is left, on a terminal only. */
function showProgress(): (bytes: number, total: number) => void {
  const isTerminal = Deno.stdout.isTerminal();
  const start = performance.now();
  let first: number | null = null;
  let shown = 0;
  return (done, total) => {
    first ??= done;
    if (!isTerminal || (performance.now() - shown < 200 && done < total)) return;
    shown = performance.now();
    const rate = (done - first) / (shown - start) * 1000;
    const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : "";
    const line = `${bytes(done)} of ${bytes(total)}, ${bytes(rate)}/s${left}`;
    write(`\r${line.padEnd(60)}${done === total ? "\n" : ""}`);
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
