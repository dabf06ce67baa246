/** Finds and starts Chromium, without a window, and with a graphics processor that is a program. @module */

import { type Browser, chromium } from "npm:playwright-core@1.65.1";

const names = ["chromium", "chromium-browser", "google-chrome"];

/** Where Chromium is installed; `null` if it is not. */
export function findChromium(): string | null {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  for (const name of names) {
    for (const folder of folders) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
  return null;
}

/**
 * Starts Chromium with a new and empty profile, which goes when it is closed.
 *
 * Its adapter is SwiftShader, and its compiler Tint: neither is used by Deno.
 *
 * @param executablePath What {@linkcode findChromium} found.
 */
export function startChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      // The sandbox needs rights that containers lack; nothing but this repository is loaded.
      "--no-sandbox",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
}
