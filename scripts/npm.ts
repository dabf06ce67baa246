/** Writes the library as a package for npm. */

import { ensureWritableFolder, writeFileAtomically } from "../gpt/internals.ts";
import { dirname, join } from "./deps.ts";
import { mainOf, optional, text, UsageError, type Values } from "./flags.ts";
import { makePackage } from "./npm_package.ts";
import { write } from "./output.ts";
import { checkOutputFolder, overwriteFlag } from "./output_path.ts";

const flags = {
  output: optional(text("", "The folder to write: then npm pack DIR, or npm install DIR", "DIR")),
  ...overwriteFlag,
};

/** Writes the folder and prints its size. Returns the exit code. */
export const main = mainOf({
  summary: "Writes the library as a package of JavaScript and types: for Node, Bun and bundlers.",
  command: "deno task npm",
  flags,
  run: writeNpmPackage,
});

async function writeNpmPackage({ output, overwrite }: Values<typeof flags>): Promise<void> {
  if (output === null) throw new UsageError("Cannot write the package: wanted --output, got none");
  const files = await makePackage();
  if (!overwrite) await checkOutputFolder(output, files.keys());
  let bytes = 0;
  for (const [path, content] of files) {
    const data = new TextEncoder().encode(content);
    await ensureWritableFolder(join(output, dirname(path)));
    await writeFileAtomically(join(output, path), data);
    bytes += data.length;
  }
  write(`${files.size} files, ${(bytes / 1e6).toFixed(1)} MB, in ${output}\n`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
