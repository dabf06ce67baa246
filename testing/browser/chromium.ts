/** Finds and starts headless Chromium with a software adapter. */

import { type Browser, chromium, errors } from "npm:playwright-core@1.65.1";

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

/** Milliseconds that Chromium may take to start, and how often it is tried. */
const START_TIMEOUT = 60_000, START_ATTEMPTS = 3;

/**
 * Features that nobody sees here. The popups of the address bar are pages with processes of their own, for
 * each window, and a spare process waits for the next page: without them, tests of pages take a quarter less
 * of the processors.
 */
const UNSEEN = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess"];

/** Features that Playwright turns off: its list is replaced by this one, as the last list counts. */
const UNSTEADY = [
  "AvoidUnnecessaryBeforeUnloadCheckSync",
  "AvoidCorsURLLoaderRestartOnRedirect",
  "AimEnabled",
  "DestroyProfileOnBrowserClose",
  "HttpsFirstBalancedModeAutoEnable",
  "HttpsUpgrades",
  "LensOverlay",
  "MediaRouter",
  "NetworkTimeServiceQuerying",
  "OptimizationHints",
  "PaintHolding",
  "PreconnectToSearch",
  "ThirdPartyStoragePartitioning",
];

/**
 * Starts Chromium with a fresh profile, which is deleted on close. One that does not answer is killed, and
 * started again.
 *
 * Its adapter is SwiftShader and its WGSL compiler Tint; Deno uses neither.
 */
export async function startChromium(executablePath: string): Promise<Browser> {
  for (let attempt = 1;; attempt++) {
    try {
      return await launch(executablePath);
    } catch (error) {
      if (!(error instanceof errors.TimeoutError) || attempt === START_ATTEMPTS) throw error;
      console.warn(`Chromium did not start within ${START_TIMEOUT / 1000} s, and is started again`);
    }
  }
}

function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    timeout: START_TIMEOUT,
    args: [
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      `--disable-features=${[...UNSEEN, ...UNSTEADY].join(",")}`,
      // The sandbox needs rights that containers lack; only this repository is loaded.
      "--no-sandbox",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
}
