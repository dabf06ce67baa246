/** The repository's own source files. */

const root = new URL("../", import.meta.url);
const skippedFolders = ["node_modules", "coverage", "docs"];

/** Iterates over every TypeScript file below a folder, relative to the repository root. */
export async function* sourceFiles(folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (name.startsWith(".") || skippedFolders.includes(name)) continue;
    if (isDirectory) yield* sourceFiles(`${folder}${name}/`);
    else if (/\.tsx?$/.test(name)) yield folder + name;
  }
}
