/** nanochat's own files, of the commit that nanodino is compared with. */

import { download } from "../../data/mod.ts";
import { basePath } from "../../gpt/internals.ts";

const COMMIT = "92d63d4e8bb4df75c3b71618f31ddde2378b2bcd";

/** The files that the script imports, with their SHA-256 digests. */
const FILES: Readonly<Record<string, string>> = {
  "__init__.py": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "common.py": "b843db6e769db18d3364e42cb3742a9537a3d4cf43e5f098293babc7ddeb44bf",
  "engine.py": "76636fc24228e72afdafe4747ff8e52a6cc60a5ec61c97205061f3bfed0a86fd",
  "flash_attention.py": "a10b0b10ad91893fcf9c9b19c96bd3468a2721cf156dcdbeeeecf05f97f22c2f",
  "gpt.py": "8cdedc2e418b9d4dc45884e07f59904fcdec066bb3d76664b2adf2d415f704e3",
  "optim.py": "7c9b714c6f76e3a9d50fc530044b2767d0cd89391237e609548f1cd730afed8f",
};

/**
 * Finds the folder that has nanochat's package, and checks its files.
 *
 * @param checkout A checkout of nanochat, or `null` to download the files, once.
 * @throws {Error} If a file is missing, cannot be downloaded, or is of another commit.
 */
export async function nanochatFolder(checkout: string | null): Promise<string> {
  const folder = checkout ?? basePath("bench", `nanochat-${COMMIT.slice(0, 7)}`);
  if (checkout === null) await Deno.mkdir(`${folder}/nanochat`, { recursive: true });
  for (const [name, sha256] of Object.entries(FILES)) {
    const path = `${folder}/nanochat/${name}`;
    const found = await digestOf(path);
    if (found === sha256) continue;
    if (checkout !== null) {
      const got = found === null ? "no file" : "another";
      throw new Error(`Cannot use ${path}: wanted the file of commit ${COMMIT}, got ${got}`);
    }
    const address =
      `https://raw.githubusercontent.com/karpathy/nanochat/${COMMIT}/nanochat/${name}`;
    await download(address, path, { sha256 });
  }
  return folder;
}

async function digestOf(path: string): Promise<string | null> {
  try {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
    return new Uint8Array(digest).toHex();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
