/** Opens an address in the reader's browser. @module */

import { print } from "./output.ts";

/** The command that opens an address, by system; elsewhere it is `xdg-open`. */
const OPENERS: Readonly<Record<string, string>> = { darwin: "open", windows: "explorer" };

/** Opens an address, or prints that it failed; the address itself was printed before. */
export async function openInBrowser(url: string): Promise<void> {
  const { os } = Deno.build;
  const program = OPENERS[os] ?? "xdg-open";
  try {
    const options = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const { code } = await new Deno.Command(program, { args: [url], ...options }).output();
    // Explorer always ends with 1.
    if (code !== 0 && os !== "windows") throw new Error(`it ended with code ${code}`);
  } catch (error) {
    print(`Cannot open a browser with ${program}: ${(error as Error).message.split("\n")[0]}`);
  }
}
