/** Writes the lesson as a folder of static files. */

import { dirname, join } from "node:path";
import { ensureWritableFolder, writeFileAtomically } from "../gpt/mod.ts";
import { optional, runScript, text, UsageError, type Values } from "./flags.ts";
import { write } from "./output.ts";

/** A constant, so that only who builds pages downloads what they are made of. */
const BUILD = "../web/build.tsx";

const flags = {
  output: optional(text("", "The folder to write, which any static host can serve", "DIR")),
};

/** Writes the folder and tells its size. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runScript({
    summary: "Writes the lesson as static files: open index.html, or put them on any host.",
    command: "deno task site",
    flags,
    run,
  }, args);
}

async function run({ output }: Values<typeof flags>): Promise<void> {
  if (output === null) throw new UsageError("Cannot write the pages: wanted --output, got none");
  const { buildSite }: typeof import("../web/build.tsx") = await import(BUILD);
  const site = await buildSite();
  for (const [path, bytes] of site) {
    await ensureWritableFolder(join(output, dirname(path)));
    await writeFileAtomically(join(output, path), bytes);
  }
  const sizes = await Promise.all([...site].map(async ([path, bytes]) => ({
    path,
    bytes: bytes.length,
    gzip: await gzipSize(bytes),
  })));
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes, gzip } of sizes.filter(({ path }) => !path.includes("/"))) {
    write(`${path.padEnd(12)} ${kilobytes(bytes)}, ${kilobytes(gzip)} gzip\n`);
  }
  write(`${site.size} files, ${kilobytes(total)}, in ${output}\n`);
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

async function gzipSize(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
