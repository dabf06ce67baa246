import { assert, assertEquals } from "@std/assert";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const root = new URL("../", import.meta.url);

/** Serves the repository as a plain web server does. */
function serve(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname.slice(1);
    try {
      const body = await Deno.readFile(new URL(path, root));
      return new Response(body, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
}

Deno.test("scripts run from a URL, in an empty folder and without any configuration", async () => {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  await using server = serve();
  const address = `http://127.0.0.1:${server.addr.port}/scripts`;

  const trained = await runScript(
    `${address}/base_train.ts`,
    [...tinyFlags, "--data", corpus, "--threads", "2"],
    home,
  );
  assertEquals([trained.code, trained.stderr], [0, ""]);
  const args = ["--prompt", "We", "--max-tokens", "5", "--device", "cpu"];
  const { code, stdout, stderr } = await runScript(`${address}/sample.ts`, args, home);
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("We"), stdout);
});
