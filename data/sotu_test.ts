import { assertEquals } from "@std/assert";
import { openSource } from "./open_source.ts";
import { texts } from "./source.ts";

Deno.test("the default corpus has 213 addresses from 1790 on, and the 20 of 2002 to 2021 as validation", async () => {
  const source = await openSource("sotu");
  const train = await Array.fromAsync(texts(await source.open("train")));
  const validation = await Array.fromAsync(texts(await source.open("validation")));
  assertEquals([train.length, validation.length], [213, 20]);
  assertEquals(
    train[0]?.startsWith("Fellow-Citizens of the Senate and House of Representatives"),
    true,
  );
  // Training ends with the address of February 2001; validation starts with that of January 2002.
  assertEquals(train.at(-1)?.length, 25_255);
  assertEquals(validation[0]?.includes("axis of evil"), true);
  assertEquals(validation.at(-1)?.length, 46_907);
});

Deno.test({
  name:
    "the default corpus is the one that the published figures come from, and needs no permission",
  permissions: "none",
  fn: async () => {
    const source = await openSource("sotu");
    const splits = [await source.open("train"), await source.open("validation")];
    const all = (await Promise.all(splits.map((split) => Array.fromAsync(texts(split))))).flat();
    const bytes = new TextEncoder().encode(JSON.stringify(all));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    assertEquals(
      digest.toHex(),
      "736e2299ac50e728cd740f02f45a20f0016ff9017c34263ef62502bddaac6901",
    );
  },
});
