import { assert, assertEquals } from "@std/assert";
import { serveRepository } from "../testing/serve.ts";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

Deno.test("scripts run from a URL, in an empty folder and without any configuration", async () => {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const cwd = await Deno.makeTempDir();
  await using server = serveRepository();
  const address = `http://127.0.0.1:${server.addr.port}/scripts`;

  const trained = await runScript(
    `${address}/base_train.ts`,
    [...tinyFlags, "--data", corpus, "--threads", "2"],
    home,
    { cwd },
  );
  assertEquals([trained.code, trained.stderr], [0, ""]);
  const args = ["--prompt", "We", "--max-tokens", "5", "--device", "cpu"];
  const { code, stdout, stderr } = await runScript(`${address}/sample.ts`, args, home, { cwd });
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("We"), stdout);
  assertEquals(await Array.fromAsync(Deno.readDir(cwd)), []);
});
