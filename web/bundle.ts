/** Bundling a script of a page. @module */

/**
 * Bundles a script and what it imports as a classic script. Needs `--unstable-bundle`.
 *
 * @param entry Its address.
 * @throws {Error} If it cannot be bundled.
 */
export async function bundle(entry: URL): Promise<string> {
  const { success, errors, outputFiles } = await Deno.bundle({
    entrypoints: [entry.href],
    platform: "browser",
    format: "iife",
    minify: true,
    write: false,
  });
  const code = outputFiles?.[0]?.text();
  if (success && code !== undefined) return code;
  const name = entry.pathname.split("/").at(-1);
  throw new Error(`Cannot build the pages: wanted a bundle of ${name}, got ${errors[0]?.text}`);
}
