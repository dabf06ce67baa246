import { assert, assertEquals } from "@std/assert";
import { sendHostile, sendMixed } from "./testing/load.ts";
import { withServer } from "./testing/tiny_server.ts";

Deno.test("many clients get the answers that each would get alone, and none is lost", () =>
  withServer({}, async ({ url }) => {
    const outcome = await sendMixed(url, { model: "tiny", requests: 200, clients: 32, tokens: 24 });
    assertEquals([outcome.wrong, outcome.failed], [0, []]);
    assertEquals(outcome.right + outcome.left, 200);
    assert(outcome.left > 0 && outcome.left <= 20, `${outcome.left} left`);
    const { running, waiting } = await (await fetch(`${url}/health`)).json();
    assertEquals([running, waiting], [0, 0]);
  }));

Deno.test("hostile requests are refused, and the server lives", () =>
  withServer({}, async ({ url }) => {
    const { statuses, unexpected } = await sendHostile(url, 300);
    assertEquals(unexpected, []);
    assert(statuses["400"]! > 100 && statuses["200"]! > 10 && statuses["closed"]! > 10);
    assertEquals((await fetch(`${url}/health`)).status, 200);
  }));

Deno.test("nothing is left of a request when it has been answered", async () => {
  const script = new URL("./testing/memory_script.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", "--v8-flags=--expose-gc", script],
    stdout: "piped",
  }).output();
  const bytes = Number(new TextDecoder().decode(stdout));
  // A signal that outlived its requests held on to 12 KB of each: 3.5 MB.
  assert(Number.isFinite(bytes) && bytes < 1.5e6, `${bytes} bytes`);
});
