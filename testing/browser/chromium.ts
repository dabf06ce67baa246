/** Finds and starts headless Chromium with a software adapter. */

import { type Browser, chromium } from "npm:playwright-core@1.65.1";

const names = ["chromium", "chromium-browser", "google-chrome"];

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
 * Starts Chromium with a fresh profile, which is deleted on close.
 *
 * Its adapter is SwiftShader and its WGSL compiler Tint; Deno uses neither.
 */
export function startChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      // The sandbox needs rights that containers lack; only this repository is loaded.
      "--no-sandbox",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
}
