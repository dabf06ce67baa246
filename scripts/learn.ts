/** Serves the lesson on this machine. */

import { integer, mainOf, toggle, type Values } from "./flags.ts";
import { onInterrupt, untilInterrupted } from "./interrupt.ts";
import { openInBrowser } from "./open.ts";
import { write } from "./output.ts";
import { readModel, siteFlags } from "./site.ts";
import { makeSiteModel } from "./site_model.ts";

/**
 * A constant, not a literal import, so that packages for pages are only downloaded if they are
 * used.
 */
const BUILD = "../web/build.tsx";

const flags = {
  port: integer(0, "The port at 127.0.0.1; 0 for a free one", { least: 0, most: 65535 }),
  ...siteFlags,
  open: toggle("Open the page in a browser"),
};

/** Builds the lesson in memory and serves it until Ctrl-C. Returns the exit code. */
export const main = mainOf({
  summary: "Serves a lesson in a page: from one neuron to a network that learns.",
  command: "deno task learn",
  flags,
  run: runLearn,
});

async function runLearn({ port, open, ...chosen }: Values<typeof flags>): Promise<void> {
  const { buildSite }: typeof import("../web/build.tsx") = await import(BUILD);
  const { serveSite } = await import("../web/serve.ts");
  const { Guard } = await import("../serve/http/guard.ts");
  const { listening } = await import("../serve/http/listening.ts");
  const model = await readModel(chosen);
  const site = new Map(await buildSite({ model: model ?? new Map() }));
  using interrupt = onInterrupt("Stopping");
  // The files of a model are private.
  const guard = new Guard({ hostname: "127.0.0.1" });
  await using server = await listening(
    { hostname: "127.0.0.1", port },
    () => serveSite(site, { port, check: (headers) => guard.check(headers) }),
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  write(`The lesson is at ${url} until Ctrl-C\n`);
  if (open) await openInBrowser(url);
  if (model === null) {
    write("Training the lesson's model in the background, once\n");
    // One thread, since the reader may be training in the page meanwhile.
    const made = await makeSiteModel(interrupt.signal, { threads: 1 });
    if (made === null) return;
    for (const [path, bytes] of await buildSite({ model: made })) site.set(path, bytes);
    write("The model is trained: reload the page, and “Inside your GPT” opens it\n");
  }
  await untilInterrupted(interrupt);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
