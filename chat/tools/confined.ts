/**
 * A Deno process that may read one folder, and nothing else.
 *
 * It has no environment variables, and may not import from the network, not even from the hosts
 * that Deno allows by default. It has no folder for Deno's own files either: Deno would keep caches
 * there (`caches.open`, `localStorage`), which need no permission and which another process could
 * read.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/**
 * Starts the process, with pipes for its input, output and errors.
 *
 * @param code JavaScript, which may not compile strings (`eval`).
 * @param folder The URL of a folder that has a `package.json`.
 * @param memory Maximum MiB of each memory of WebAssembly.
 * @throws {Error} If this process may not start Deno, for which it needs `--allow-run` with
 * `Deno.execPath()`.
 */
export function spawnConfined(code: string, folder: URL, memory: number): Deno.ChildProcess {
  // A page of WebAssembly has 64 KiB.
  const v8 = `--wasm-max-mem-pages=${memory * 16},--disallow-code-generation-from-strings`;
  try {
    return new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--no-config",
        "--no-lock",
        "--no-remote",
        "--no-npm",
        "--deny-import",
        `--allow-read=${fileURLToPath(folder)}`,
        `--v8-flags=${v8}`,
        `data:text/javascript,${encodeURIComponent(code)}`,
      ],
      cwd: folder,
      clearEnv: true,
      env: {
        // There is no folder below a file.
        DENO_DIR: fileURLToPath(new URL("package.json/none", folder)),
        NO_COLOR: "1",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new Error(
      `Cannot run Python: wanted the permission --allow-run=${Deno.execPath()}, got none`,
      { cause },
    );
  }
}
