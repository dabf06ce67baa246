import { assertEquals, assertRejects } from "@std/assert";
import { MetricsLog, readMetrics } from "./metrics.ts";

const path = async () => `${await Deno.makeTempDir()}/metrics.jsonl`;

Deno.test("every line is in the file as soon as it is appended", async () => {
  const file = await path();
  using log = await MetricsLog.open(file, 0);
  log.append({ step: 0, loss: 8.25 });
  assertEquals(await readMetrics(file), [{ step: 0, loss: 8.25 }]);
  log.append({ step: 1, loss: 8, note: null });
  assertEquals((await readMetrics(file)).length, 2);
});

Deno.test("a run that starts over removes earlier lines", async () => {
  const file = await path();
  for (let run = 0; run < 2; run++) {
    using log = await MetricsLog.open(file, 0);
    log.append({ step: 0, run });
  }
  assertEquals(await readMetrics(file), [{ step: 0, run: 1 }]);
});

Deno.test("a resumed run removes the lines after its checkpoint", async () => {
  const file = await path();
  {
    using log = await MetricsLog.open(file, 0);
    for (let step = 0; step < 5; step++) log.append({ step });
  }
  using log = await MetricsLog.open(file, 3);
  log.append({ step: 3, again: true });
  assertEquals((await readMetrics(file)).map(({ step }) => step), [0, 1, 2, 3]);
});

Deno.test("an incomplete last line is ignored", async () => {
  const file = await path();
  await Deno.writeTextFile(file, '{"step":0}\n{"step":1}\n{"st');
  assertEquals((await readMetrics(file)).length, 2);
});

Deno.test("an invalid line is reported by its number", async () => {
  const file = await path();
  for (const line of ["{", "[]", "null", '{"loss":1}']) {
    await Deno.writeTextFile(file, `{"step":0}\n${line}\n`);
    await assertRejects(() => readMetrics(file), SyntaxError, `${file}, line 2: wanted an object`);
  }
});

Deno.test("a file that does not exist has no lines", async () => {
  assertEquals(await readMetrics(await path()), []);
});
