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
