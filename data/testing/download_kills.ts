/**
 * Kills downloads at random moments, and repeats each until it ends.
 *
 *     deno run -A data/testing/download_kills.ts --downloads 200 --seed 1
 *
 * @module
 */

import { parseArgs } from "node:util";
import { download } from "../hub/download.ts";
import { randomOf } from "./parquet_mutations.ts";
import { sha256Of, startHub } from "./hub.ts";

/** How the downloads of a run ended. */
export interface KillTally {
  /** Processes that were killed before they ended. */
  kills: number;
  /** Requests for a file from its start after the first: the process before was killed too early. */
  restarts: number;
  /** A fault of a file or its folder. */
  readonly problems: string[];
}

/** Downloads a file `downloads` times, each in processes that are killed until one ends. */
export async function killDownloads(
  { downloads, seed }: { downloads: number; seed: number },
): Promise<KillTally> {
  const tally: KillTally = { kills: 0, restarts: 0, problems: [] };
  const random = randomOf(seed, 0);
  const bytes = new Uint8Array(2 ** 20).map(() => random(256));
  const digest = await sha256Of(bytes);
  const folder = await Deno.makeTempDir();
  await using hub = startHub({ "shard.parquet": bytes });
  hub.delay = 10;
  const url = `${hub.endpoint}/datasets/org/set/resolve/${hub.commit}/shard.parquet`;
  try {
    const start = performance.now();
    await attempt(url, `${folder}/whole/shard.parquet`, digest);
    const whole = Math.ceil(performance.now() - start);
    for (let i = 0; i < downloads; i++) {
      const path = `${folder}/${i}/shard.parquet`;
      hub.seen.length = 0;
      // A tenth of the processes would end by themselves, were the machine always as fast. Each has more time
      // than the one before, since it may have become slower.
      for (let longest = 1.1 * whole; !await attempt(url, path, digest, random(longest));) {
        tally.kills++;
        longest *= 1.1;
      }
      const asked = hub.seen.filter(({ server, range }) => server === "storage" && range === null);
      tally.restarts += Math.max(0, asked.length - 1);
      const names = await Array.fromAsync(Deno.readDir(`${folder}/${i}`), ({ name }) => name);
      if (names.join() !== "shard.parquet") tally.problems.push(`download ${i}: ${names.join()}`);
      const got = await sha256Of(await Deno.readFile(path));
      if (got !== digest) tally.problems.push(`download ${i}: digest ${got}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return tally;
}

/**
 * Downloads in a process of its own.
 *
 * @param life Milliseconds after which it is killed; never without.
 * @returns Whether it ended before it was killed.
 */
async function attempt(
  url: string,
  path: string,
  digest: string,
  life?: number,
): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--no-config", "--allow-read", "--allow-write"],
      ...["--allow-net=127.0.0.1", import.meta.url, "--url", url, "--to", path, "--sha256", digest],
    ],
    stdin: "null",
  }).spawn();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has just ended.
    }
  };
  const timer = life === undefined ? undefined : setTimeout(kill, life);
  const { code, signal } = await child.status;
  clearTimeout(timer);
  if (code !== 0 && signal === null) throw new Error(`the download ended with code ${code}`);
  return code === 0;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      downloads: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      url: { type: "string" },
      to: { type: "string", default: "" },
      sha256: { type: "string", default: "" },
    },
  });
  const { url, to, sha256 } = values;
  if (url !== undefined) await download(url, to, { sha256 });
  else {
    const [downloads, seed] = [Number(values.downloads), Number(values.seed)];
    console.log(await killDownloads({ downloads, seed }));
  }
}
