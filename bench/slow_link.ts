/**
 * Reads data while they are downloaded: how long loaders wait for a slow link after the first shard, and
 * what memory they take over gigabytes of shards.
 *
 *     deno run -A bench/slow_link.ts                      # 4 loaders, a link of 5 MB/s, then 2 GB
 *     deno run -A bench/slow_link.ts --memory-bytes 0     # the slow link only
 *
 * Loaders take a batch in turn, and pause as a training step would. The last line is one line of JSON.
 */

import {
  type Encoder,
  fetchInBackground,
  findData,
  PackedLoader,
  storedSource,
} from "../data/mod.ts";
import { integer, runScript, type Script } from "../scripts/flags.ts";
import { bytes as inWords, count, duration, percent } from "../scripts/format.ts";
import { median, round } from "./statistics.ts";

const flags = {
  loaders: integer(4, "Loaders that read all of the data, each with its own seed"),
  bytesPerSecond: integer(5_000_000, "The rate of the link"),
  shards: integer(64, "Shards that come over the slow link, of some 2 MB"),
  tokensPerSecond: integer(400_000, "Tokens that training takes, of all loaders together"),
  memoryBytes: integer(2_000_000_000, "Bytes of shards for memory, 0 to leave it out", {
    least: 0,
  }),
};

const ADDRESS = "hf:org/set/*.parquet";

/** Rows of a batch, and tokens of a row. */
const [ROWS, LENGTH] = [8, 256];

/**
 * Bytes of a shard over the slow link, small so that each loader reads several while others arrive, and
 * of one for memory, as large as nanochat's.
 */
const [SMALL, LARGE] = [2_000_000, 100_000_000];

/**
 * An encoder that costs next to nothing, as the time that tokenizing takes is no waiting for data.
 *
 * @param characters Characters of a token: 4, as a real one finds them; more, to read faster.
 */
function encoderOf(characters: number): Encoder {
  const encode = (text: string) => new Array<number>(Math.ceil(text.length / characters)).fill(7);
  return { encode, bos: 256 };
}

const script: Script<typeof flags> = {
  summary: "Measures loaders that read data while these are downloaded.",
  command: "deno run -A bench/slow_link.ts",
  flags,
  run: async ({ loaders, bytesPerSecond, shards, tokensPerSecond, memoryBytes }) => {
    const link = await measureWaits({ loaders, bytesPerSecond, shards, tokensPerSecond });
    const memory = memoryBytes === 0 ? {} : await measureMemory(loaders, memoryBytes);
    console.log(JSON.stringify({ loaders, bytesPerSecond, tokensPerSecond, ...link, ...memory }));
  },
};

/** A hub in a process of its own, with its content. */
interface HubProcess extends AsyncDisposable {
  readonly endpoint: string;
  readonly bytes: number;
}

async function startHubProcess(
  given: Readonly<Record<"shards" | "shard-bytes" | "bytes-per-second", number>>,
): Promise<HubProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      new URL("slow_link_hub.ts", import.meta.url).href,
      ...Object.entries(given).map(([name, value]) => `--${name}=${value}`),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.endsWith("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("Cannot start the hub: it ended before it had an address");
    line += value;
  }
  return {
    ...JSON.parse(line) as { endpoint: string; bytes: number },
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await Promise.all([child.status, reader.cancel()]);
    },
  };
}

/** Begins a download, and opens loaders of what arrives. */
async function openLoaders(
  hub: HubProcess,
  root: string,
  loaders: number,
  encoder: Encoder,
  onWait: (seconds: number) => void,
): Promise<{ loaders: PackedLoader[]; done: Promise<void> }> {
  const done = fetchInBackground({ endpoint: hub.endpoint }, root, ADDRESS);
  while (await findData(root, ADDRESS) === null) await pause(20);
  const source = await storedSource(root, ADDRESS, {
    onWait: (_file, seconds) => seconds !== null && onWait(seconds),
  });
  const split = await source.open("train");
  const size = { batchSize: ROWS, sequenceLength: LENGTH };
  const opened = await Promise.all(
    Array.from(
      { length: loaders },
      (_, seed) => PackedLoader.open({ split, encoder, seed, ...size, cacheBytes: 0 }),
    ),
  );
  return { loaders: opened, done };
}

/** Trains, as far as data are concerned, until all shards have arrived. */
async function measureWaits(
  { loaders: number, bytesPerSecond, shards, tokensPerSecond }: {
    readonly loaders: number;
    readonly bytesPerSecond: number;
    readonly shards: number;
    readonly tokensPerSecond: number;
  },
) {
  const given = { shards, "shard-bytes": SMALL, "bytes-per-second": bytesPerSecond };
  await using hub = await startHubProcess(given);
  const root = await Deno.makeTempDir();
  const begin = performance.now();
  let waited = 0;
  const onWait = (seconds: number) => waited += seconds;
  const { loaders, done } = await openLoaders(hub, root, number, encoderOf(4), onWait);
  const first = performance.now();
  waited = 0;
  let isDone = false;
  const ending = done.finally(() => isDone = true);
  let [tokens, taking] = [0, 0];
  while (!isDone) {
    for (const loader of loaders) {
      const start = performance.now();
      await loader.take();
      taking += performance.now() - start;
      tokens += ROWS * LENGTH;
    }
    // As fast as training, not faster: what was late is made up for.
    const ahead = 1000 * tokens / tokensPerSecond - (performance.now() - first);
    await pause(Math.max(0, ahead));
  }
  await ending;
  const seconds = (performance.now() - first) / 1000;
  await Deno.remove(root, { recursive: true });
  const documents = Math.min(...loaders.map(({ statistics }) => statistics.documents));
  const link = {
    firstShardSeconds: round((first - begin) / 1000, 2),
    seconds: round(seconds, 2),
    tokens,
    documents,
    waitedShare: round(waited / seconds, 4),
    takingShare: round(taking / 1000 / seconds, 4),
  };
  console.log(
    `${inWords(hub.bytes)} at ${inWords(bytesPerSecond)}/s: the first shard came after ` +
      `${duration(link.firstShardSeconds)}; then ${duration(seconds)}, ${
        count(tokens)
      } tokens, at ` +
      `least ${count(documents)} documents by each loader, ` +
      `${percent(link.waitedShare)} of the time waiting for shards, ` +
      `${percent(link.takingShare)} in all of reading and packing`,
  );
  return link;
}

/** Reads gigabytes once by each loader, as fast as they come, and looks at the memory of the process. */
async function measureMemory(number: number, bytes: number) {
  const shards = Math.ceil(bytes / LARGE) + 1;
  await using hub = await startHubProcess({
    shards,
    "shard-bytes": LARGE,
    "bytes-per-second": 0,
  });
  const root = await Deno.makeTempDir();
  const { loaders, done } = await openLoaders(hub, root, number, encoderOf(64), () => {});
  const memory: number[] = [];
  const look = setInterval(() => memory.push(Deno.memoryUsage().rss / 2 ** 20), 500);
  const start = performance.now();
  await Promise.all(loaders.map(async (loader) => {
    while (loader.statistics.epoch === 1) await loader.take();
  }));
  const seconds = (performance.now() - start) / 1000;
  clearInterval(look);
  await done;
  await Deno.remove(root, { recursive: true });
  const tenths = Array.from({ length: 10 }, (_, i) => {
    const part = memory.slice(i * memory.length / 10, (i + 1) * memory.length / 10);
    return Math.round(median(part));
  });
  console.log(
    `${inWords(hub.bytes)} in ${shards} shards, read by ${number} loaders in ${
      duration(seconds)
    }: ` +
      `resident memory in MiB, by tenths of the time: ${tenths.join(", ")}; at the most ` +
      `${Math.round(Math.max(...memory))}`,
  );
  return { readBytes: hub.bytes, readSeconds: round(seconds, 1), residentMiB: tenths };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
