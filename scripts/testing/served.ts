/** Scripts that serve a page until they are stopped. @module */

import { command, permissions } from "./run_script.ts";

/** Permissions to build pages and to listen. */
const serving = [...permissions, "--allow-net=127.0.0.1", "--unstable-bundle"];

/** A script that runs and has printed the address of its dashboard. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly child: Deno.ChildProcess;
  /** The output so far. */
  readonly output: () => string;
}

/** Starts a script, and waits for the address that it prints. */
export async function serveScript(
  script: string,
  args: readonly string[],
  home: string,
): Promise<Served> {
  const child = command(script, args, home, { permissions: serving }).spawn();
  let output = "";
  const found = Promise.withResolvers<string>();
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
      if (url !== undefined) found.resolve(url);
    }
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]);
  reading.then(() => found.reject(new Error(output)));
  return {
    url: await found.promise,
    child,
    output: () => output,
    [Symbol.asyncDispose]: async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
      await reading;
    },
  };
}
