import { assert, assertEquals, assertMatch } from "@std/assert";
import { join, relative } from "@std/path";
import { joinFlags, LONG, OPTIMIZED, runDeno, summaryOf, testsIn, unitsOf } from "./run.ts";

const output = `running 5 tests from ./testing/together.ts
a layer is a matmul ... ok (12ms)
steps are part of their test ...
  the first ... ok (1s)
steps are part of their test ... ok (1m2s)
a test is left out (ignored: no adapter) ... ignored (0ms)
------- post-test output -------
a sum of ... many
a sum is exact ... FAILED (250µs)
a long test ...'a long test' has been running for over (1m0s)
'a long test' has been running for over (2m0s)
 FAILED (2m1s)

ok | 12 passed | 0 failed (3s)
`;

Deno.test("the tests of a process are read from what it prints, with outcome and time", () => {
  assertEquals(testsIn(output), [
    { name: "a layer is a matmul", outcome: "ok", milliseconds: 12 },
    { name: "steps are part of their test", outcome: "ok", milliseconds: 62_000 },
    { name: "a test is left out (ignored: no adapter)", outcome: "ignored", milliseconds: 0 },
    { name: "a sum is exact", outcome: "FAILED", milliseconds: 0.25 },
    { name: "a long test", outcome: "FAILED", milliseconds: 121_000 },
  ]);
});

Deno.test("the summary has where the time of each module went, the most work and the slowest tests first", () => {
  const tests = testsIn(output);
  const lines = summaryOf([
    {
      files: ["nn/linear_test.ts", "nn/mlp_test.ts"],
      module: "nn",
      tests: tests.slice(0, 2),
      elapsed: 64_000,
      processor: 30_000,
      end: 64_000,
    },
    {
      files: ["tensor/ops/sum_test.ts"],
      module: "tensor",
      tests: tests.slice(3, 4),
      elapsed: 500,
      processor: 400,
      end: 500,
    },
    {
      files: ["nn/norm_test.ts"],
      module: "nn",
      tests: tests.slice(2, 3),
      elapsed: 2000,
      processor: 1000,
      end: 2500,
    },
  ]).split("\n").map((line) => line.trim());
  assertEquals(lines.slice(0, 11), [
    "Time by module, of it outside of tests, and of the processors:",
    "66.0 s     4.0 s    31.0 s  nn, 3 tests",
    "0.5 s     0.5 s     0.4 s  tensor, 1 tests",
    "66.5 s     4.5 s    31.4 s  all, 4 tests",
    "The processes that kept the processors busiest:",
    "30.0 s  nn/linear_test.ts nn/mlp_test.ts",
    "1.0 s  nn/norm_test.ts",
    "0.4 s  tensor/ops/sum_test.ts",
    "Half of the tests had run after 2.5 s, 80 % after 64.0 s.",
    "The slowest tests:",
    "62.0 s  nn/: steps are part of their test",
  ]);
});

Deno.test("each file is in one unit, modules of many short tests first and long files before the last modules", () => {
  const files = [
    ...["web/page_test.ts", "gpt/model/a_test.ts", "tensor/b_test.ts", "autograd/tape_test.ts"],
    ...Array.from({ length: 13 }, (_, i) => `nn/${i}_test.ts`),
    ...Array.from({ length: 5 }, (_, i) => `scripts/${i}_test.ts`),
    LONG[0]!,
  ];
  const units = unitsOf(files);
  assertEquals(units.flatMap(({ files }) => files).sort(), files.toSorted());
  assertEquals(units.map(({ name, files }) => `${name} ${files.length}`), [
    "autograd/ 1",
    "nn/ 7",
    "nn/ 6",
    "tensor/ 1",
    "gpt/model/ 1",
    `${LONG[0]} 1`,
    "scripts/ 3",
    "scripts/ 2",
    "web/ 1",
  ]);
});

Deno.test("the tests listed as long, and those listed as optimized, exist", async () => {
  for (const path of [...LONG, ...OPTIMIZED]) {
    const { isFile } = await Deno.stat(new URL(`../${path}`, import.meta.url));
    assert(isFile, path);
  }
});

Deno.test("a process that hangs is ended, and what it printed is kept", async () => {
  const program = "console.log('begun'); setInterval(() => {}, 1000);";
  const { code, output } = await runDeno(["eval", program], false, 6000);
  assertEquals([code, output], [143, "begun\n\nEnded after 0.1 minutes: it hung."]);
});

Deno.test("a file that does not load fails, and the tests of other files run", async () => {
  const folder = await Deno.makeTempDir();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(join(folder, name), text);
    return relative(join(import.meta.dirname!, ".."), join(folder, name));
  };
  const bad = await write("bad_test.ts", 'throw new Error("no adapter");');
  const good = await write("good_test.ts", 'Deno.test("a sum", () => {});');
  const together = join(import.meta.dirname!, "together.ts");
  const { code, output } = await runDeno(["test", "-A", together, "--", bad, good]);
  assertEquals(testsIn(output).map(({ name, outcome }) => `${name} ${outcome}`), [
    `${bad} loads FAILED`,
    "a sum ok",
  ]);
  assertMatch(output, /error: Error: no adapter/);
  assertEquals(code, 1);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a flag and its value may be two arguments", () => {
  assertEquals(joinFlags(["nn/", "--filter", "a layer", "--no-check", "--ignore=a,b", "gpt/"]), [
    ...["nn/", "--filter=a layer", "--no-check", "--ignore=a,b", "gpt/"],
  ]);
});
