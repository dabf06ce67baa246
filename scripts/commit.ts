/** The commit of the source code that runs. */

/**
 * Reads the commit from the Git folder next to the source.
 *
 * @param root The folder of the source.
 * @returns The commit's hash; `null` if there is no such folder, as for code loaded from a URL.
 */
export async function sourceCommit(
  root: URL = new URL("../", import.meta.url),
): Promise<string | null> {
  const git = new URL(".git", root);
  // A worktree has a file there, which names its folder.
  const named = /^gitdir: (.*)/.exec(await readOr(git, ""))?.[1];
  const folder = new URL(`${named ?? git.pathname}/`, git);
  const head = (await readOr(new URL("HEAD", folder), "")).trim();
  if (!head.startsWith("ref: ")) return head || null;
  const ref = head.slice("ref: ".length);
  const shared = (await readOr(new URL("commondir", folder), ".")).trim();
  const common = new URL(`${shared}/`, folder);
  const loose = (await readOr(new URL(ref, common), "")).trim();
  if (loose !== "") return loose;
  const packed = (await readOr(new URL("packed-refs", common), "")).split("\n");
  return packed.find((line) => line.endsWith(` ${ref}`))?.split(" ")[0] ?? null;
}

async function readOr(url: URL, fallback: string): Promise<string> {
  try {
    return await Deno.readTextFile(url);
  } catch {
    return fallback;
  }
}
