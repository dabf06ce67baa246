import { assertEquals } from "@std/assert";
import { MetricsFollower, MetricsLog } from "./metrics.ts";

Deno.test("a file is followed line by line, over half a line and a damaged one", async () => {
  const path = `${await Deno.makeTempDir()}/metrics.jsonl`;
  const follower = new MetricsFollower(path);
  const append = (text: string) => Deno.writeTextFile(path, text, { append: true, create: true });
  const steps = async () => {
    const { isNew, records, problem } = await follower.read();
    return [isNew, records.map(({ step }) => step), problem?.message.replace(path, "PATH")];
  };
  assertEquals(await steps(), [false, [], undefined]);
  await append('{"step":0}\n{"step":1,"texts":["Grü');
  assertEquals(await steps(), [false, [0], undefined]);
  assertEquals(await steps(), [false, [], undefined]);
  await append('ße"]}\n{"step":\n{"step":2}\n');
  const problem = 'Cannot read PATH, line 3: wanted an object with a step, got {"step":';
  assertEquals(await steps(), [false, [1, 2], problem]);
});

Deno.test("a file that begins again after a resume is read again from its start", async () => {
  const path = `${await Deno.makeTempDir()}/metrics.jsonl`;
  const follower = new MetricsFollower(path);
  {
    using log = await MetricsLog.open(path, 0);
    for (let step = 0; step < 5; step++) log.append({ step });
  }
  assertEquals((await follower.read()).records.length, 5);
  using log = await MetricsLog.open(path, 3);
  for (let step = 3; step < 9; step++) log.append({ step });
  const { isNew, records } = await follower.read();
  assertEquals([isNew, records.map(({ step }) => step)], [true, [0, 1, 2, 3, 4, 5, 6, 7, 8]]);
  await Deno.remove(path);
  assertEquals(await follower.read(), { isNew: true, records: [], problem: null });
});
