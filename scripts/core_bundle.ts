/** Gets the tasks of the CORE metric: downloads a bundle, or generates a small synthetic one. */

import type { CoreBundle } from "../chat/mod.ts";
import { bundleFiles, coreBundlePath, demonstrationBundle } from "../chat/internals.ts";
import {
  ensureWritableFolder,
  exitCodeOf,
  tableAsText,
  writeFileAtomically,
} from "../gpt/internals.ts";
import { type Flag, mainOf, text, UsageError, type Values } from "./flags.ts";
import { downloadBundle, nanochatBundle, replaceBundle } from "./core.ts";
import { count } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { print } from "./output.ts";

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
  const from = given === "nanochat" ? nanochatBundle.url : given;
  if (sha256 !== "" && from === "") {
    throw new UsageError("Cannot use --sha256: wanted it with --from, got it alone");
  }
  if (from !== "" && !/^https?:\/\//.test(from)) {
    throw new UsageError(
      `Cannot use --from: wanted nanochat, or a URL of http or https, got "${from}". A folder or a zip file is ` +
        "named where it is used: deno task base_eval --eval core --bundle PATH",
    );
  }
  let path = coreBundlePath();
  let bundle: CoreBundle;
  if (from === "") {
    bundle = await replaceBundle(await writeDemonstration(path), path);
  } else {
    using interrupt = onInterrupt("Stopping. The next attempt resumes the download.");
    const { signal } = interrupt;
    try {
      const digest = sha256 || (given === "nanochat" ? nanochatBundle.sha256 : undefined);
      const got = await downloadBundle(from, { signal, sha256: digest });
      print(`SHA-256 ${got.digest}`);
      ({ path, bundle } = got);
    } catch (error) {
      if (signal.aborted) return exitCodeOf(signal);
      throw error;
    }
  }
  print(tableAsText([
    ...bundle.tasks.map(({ label, type, fewShot, examples }) =>
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

if (import.meta.main) Deno.exit(await main(Deno.args));
