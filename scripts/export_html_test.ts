/** `task export --html`: a model as one page. `web/model_page` has the tests of the page itself. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
const permissions = ["-A", "--unstable-bundle"];

Deno.test("a run becomes one page that names no other address", async () => {
  const args = [...tinyFlags, "--data", corpus, "--eval-every", "2"];
  const trained = await runScript("base_train.ts", args, home);
  assertEquals(trained.code, 0, trained.stderr);
  const path = `${home}/pages/model.html`;
  await Deno.mkdir(`${home}/pages`);
  const { code, stdout, stderr } = await runScript("export.ts", ["--html", path], home, {
    permissions,
  });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, `Written to ${path}: `);
  assertEquals([...Deno.readDirSync(`${home}/pages`)].map(({ name }) => name), ["model.html"]);
  const page = await Deno.readTextFile(path);
  // Styles, scripts and data are in it; its policy allows no request.
  assert(!/(src|href)="(?!data:)/.test(page.replace(/<script.*<\/script>/gs, "")));
  const [, policy = ""] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
  assert(policy.startsWith("default-src 'none'; script-src 'sha256-"), policy);
  assert(!policy.includes("connect-src") && !policy.includes("unsafe-inline"), policy);
  const card = JSON.parse(/id="card">([^<]*)</.exec(page)![1]!);
  assertEquals(card.stage, "base");
  assertEquals(card.facts.map(([name]: [string]) => name), [
    "Trained on",
    "Bits per byte",
    "Saved",
    "License",
  ]);
});

Deno.test("a page is not asked for together with files of another program", async () => {
  const args = ["--html", `${home}/two.html`, "--to", "gguf"];
  const { code, stderr } = await runScript("export.ts", args, home, { permissions });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Cannot use --html with --to: wanted one of the two");
});
