import { assertEquals, assertRejects } from "@std/assert";
import { zipSync } from "npm:fflate@0.8.3";
import { bundleFiles, demonstrationBundle } from "../chat/internals.ts";
import { openBundle } from "./core.ts";

Deno.test("an evaluation gets the tasks of CORE itself, once, if it may, and checks their digest", async () => {
  const files = Array.from(
    bundleFiles(demonstrationBundle()),
    ([path, text]) => [`eval_bundle/${path}`, new TextEncoder().encode(text)] as const,
  );
  const zip = new Uint8Array(zipSync(Object.fromEntries(files)));
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", zip)).toHex();
  let requests = 0;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    requests++;
    return new Response(zip);
  });
  const url = `http://127.0.0.1:${server.addr.port}/eval_bundle.zip`;
  const home = await Deno.makeTempDir();
  const before = Deno.env.get("NANODINO_HOME");
  Deno.env.set("NANODINO_HOME", home);
  try {
    const open = (from?: { url: string; sha256: string }) =>
      openBundle({ bundle: null }, -1, { from });
    const command = "Get nanochat's: deno task core_bundle --from nanochat";
    await assertRejects(() => open(), Error, command);
    const wrong = { url, sha256: "0".repeat(64) };
    await assertRejects(() => open(wrong), Error, "wanted the SHA-256 digest 000");
    Deno.env.set("HF_HUB_OFFLINE", "1");
    await assertRejects(() => open({ url, sha256 }), Error, command);
    Deno.env.delete("HF_HUB_OFFLINE");
    assertEquals(requests, 1);
    const wanted = demonstrationBundle().tasks.map(({ label }) => label);
    for (let i = 0; i < 2; i++) {
      const bundle = await open({ url, sha256 });
      assertEquals(bundle?.tasks.map(({ label }) => label), wanted);
    }
    assertEquals(requests, 2);
    const names = await Array.fromAsync(Deno.readDir(home), ({ name }) => name);
    assertEquals(names, ["eval_bundle.zip"]);
  } finally {
    Deno.env.delete("HF_HUB_OFFLINE");
    if (before === undefined) Deno.env.delete("NANODINO_HOME");
    else Deno.env.set("NANODINO_HOME", before);
  }
});
