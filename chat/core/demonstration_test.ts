import { assert, assertEquals } from "@std/assert";
import { readCoreBundle } from "./bundle.ts";
import { bundleFiles, demonstrationBundle } from "./demonstration.ts";

Deno.test("the synthetic bundle is read back from its files as it is", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/eval_data`);
  const bundle = demonstrationBundle();
  for (const [path, text] of bundleFiles(bundle)) {
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
  assertEquals(await readCoreBundle(folder), bundle);
});

Deno.test("it has tasks of every kind, right sums, and four choices, any of which may be the right one", () => {
  const { tasks } = demonstrationBundle();
  assertEquals(new Set(tasks.map(({ type }) => type)).size, 3);
  let sums = 0;
  for (const task of tasks) {
    if (task.type !== "multiple_choice") continue;
    for (const { query, choices, gold } of task.examples) {
      assertEquals(new Set(choices).size, 4, `${query} ${choices}`);
      const [, a, b] = /^(\d+) plus (\d+)/.exec(query) ?? [];
      if (a === undefined) continue;
      sums++;
      assertEquals(Number(choices[gold]), Number(a) + Number(b));
    }
    const golds = [0, 1, 2, 3].map((i) => task.examples.filter(({ gold }) => gold === i).length);
    assert(Math.max(...golds) - Math.min(...golds) <= 1, `${task.label}: ${golds}`);
  }
  assert(sums > 0, "expected sums");
});
