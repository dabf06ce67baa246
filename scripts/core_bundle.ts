/** Gets the tasks of the CORE metric: downloads a bundle, or generates a small synthetic one. */

import { readCoreBundle } from "../chat/mod.ts";
import {
  bundleFiles,
  coreBundlePath,
  demonstrationBundle,
  findCoreBundle,
} from "../chat/internals.ts";
import { addressesOf, catalog, download } from "../data/mod.ts";
import {
  ensureWritableFolder,
  exitCodeOf,
  freeName,
  tableAsText,
  writeFileAtomically,
} from "../gpt/internals.ts";
import { type Flag, mainOf, text, UsageError, type Values } from "./flags.ts";
import { bytes, count } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { print, write } from "./output.ts";

const digestFlag: Flag<string> = {
  ...text("", "The SHA-256 digest that the file must have", "DIGEST"),
  parse: (text) => {
    if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
    throw new UsageError(`wanted 64 hexadecimal digits, got "${text}"`);
  },
};

const flags = {
  from: text(
    "",
    "Download this zip file, or nanochat's; by default a small synthetic bundle is made",
    "URL|nanochat",
  ),
  sha256: digestFlag,
};

/** Gets a bundle. Returns the exit code. */
export const main = mainOf({
  summary: "Gets the tasks of the CORE metric, for base_eval --eval core and for training.",
  command: "deno task core_bundle",
  flags,
  run: runCoreBundle,
});

async function runCoreBundle({ from: given, sha256 }: Values<typeof flags>): Promise<number> {
  const from = given === "nanochat" ? addressesOf("core")[0]! : given;
  if (sha256 !== "" && from === "") {
    throw new UsageError("Cannot use --sha256: wanted it with --from, got it alone");
  }
  if (from !== "" && !/^https?:\/\//.test(from)) {
    throw new UsageError(
      `Cannot use --from: wanted nanochat, or a URL of http or https, got "${from}". A folder or a zip file is ` +
        "named where it is used: deno task base_eval --eval core --bundle PATH",
    );
  }
  const path = from === "" ? coreBundlePath() : `${coreBundlePath()}.zip`;
  const arriving = from === "" ? await writeDemonstration(path) : `${path}.new`;
  if (from !== "") {
    using interrupt = onInterrupt("Stopping. The next attempt resumes the download.");
    const { signal } = interrupt;
    try {
      const digest = await download(from, arriving, {
        signal,
        onProgress: showProgress(),
        sha256: sha256 || (given === "nanochat" ? catalog.core.sha256 : undefined),
      });
      print(`SHA-256 ${digest}`);
    } catch (error) {
      if (signal.aborted) return exitCodeOf(signal);
      throw error;
    }
  }
  // Replace the old bundle only with a readable one.
  const { tasks } = await readCoreBundle(arriving);
  const earlier = await findCoreBundle();
  if (earlier !== null) {
    const aside = await freeName(earlier);
    await Deno.rename(earlier, aside);
    print(`The earlier bundle is now ${aside}.`);
  }
  await Deno.rename(arriving, path);
  print(tableAsText([
    ...tasks.map(({ label, type, fewShot, examples }) =>
      [label, `${count(examples.length)} examples, ${fewShot} shown, ${type}`] as const
    ),
    ["saved", path],
  ]));
  return 0;
}

async function writeDemonstration(path: string): Promise<string> {
  const folder = `${path}.new`;
  await ensureWritableFolder(`${folder}/eval_data`);
  for (const [name, content] of bundleFiles(demonstrationBundle())) {
    await writeFileAtomically(`${folder}/${name}`, content);
  }
  return folder;
}

/** Shows the progress of a download, on a terminal only. */
function showProgress(): (done: number, total: number | null) => void {
  const isTerminal = Deno.stdout.isTerminal();
  let shown = 0;
  return (done, total) => {
    const isEnd = done === total;
    if (!isTerminal || (performance.now() - shown < 200 && !isEnd)) return;
    shown = performance.now();
    write(`\r${bytes(done)}${total === null ? "" : ` of ${bytes(total)}`}   ${isEnd ? "\n" : ""}`);
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
