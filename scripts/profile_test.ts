import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
const table = /^operation +calls +ms +share +GFLOP\/s +GB\/s$/gm;
const lastLine = /^Operations account for [\d.]+ % of [\d.]+ ms\.$/m;

Deno.test("--profile prints where the time of a step and of writing goes", async (t) => {
  await t.step("base_train, of one step", async () => {
    const args = [...tinyFlags, "--data", corpus, "--profile"];
    const { code, stdout, stderr } = await runScript("base_train.ts", args, home);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.match(table)?.length, 1);
    assertMatch(stdout, /^Step 3, weights of [\d.]+ \w+ in f32$/m);
    // Rows that take less time are summed up as others.
    assertMatch(stdout, /^matmul 32×32×32 +\d+ /m);
    assertMatch(stdout, lastLine);
  });

  await t.step("sample, of all that it writes", async () => {
    const args = "--max-tokens 8 --device cpu --threads 1 --prompt We --profile".split(" ");
    const { code, stdout, stderr } = await runScript("sample.ts", args, home);
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.startsWith("We"));
    assertMatch(stdout, /^Writing, weights of [\d.]+ \w+ in f32$/m);
    assertEquals(stdout.match(table)?.length, 1);
    assertMatch(stdout, lastLine);
  });

  await t.step(
    "--trace writes it to a file, and a run that goes on does not repeat it",
    async () => {
      const trace = `${home}/trace.json`;
      const args = ["--resume", "--num-iterations", "25", "--trace", trace];
      const { code, stdout, stderr } = await runScript("base_train.ts", args, home);
      assertEquals([code, stderr], [0, ""]);
      assertStringIncludes(stdout, `Step 23: wrote the trace ${trace}`);
      assertEquals(stdout.match(table), null);
      const { traceEvents } = JSON.parse(await Deno.readTextFile(trace));
      assert(
        traceEvents.some(({ name, ph }: { name: string; ph: string }) =>
          name === "attention" && ph === "X"
        ),
      );
      const again = ["--resume", "--num-iterations", "26"];
      const { stdout: silent } = await runScript("base_train.ts", again, home);
      assert(!silent.includes("trace"), silent);
    },
  );

  await t.step(
    "a trace for a folder that does not exist is refused before anything runs",
    async () => {
      for (
        const [script, args] of [
          ["sample.ts", "--max-tokens 2 --device cpu --threads 1 --prompt We"],
          ["base_train.ts", "--resume --num-iterations 30"],
        ] as const
      ) {
        const trace = ["--trace", `${home}/no/such`];
        const { code, stdout, stderr } = await runScript(
          script,
          [...args.split(" "), ...trace],
          home,
        );
        assertEquals([code, stdout], [2, ""], stderr);
        assertMatch(
          stderr,
          /^Cannot write --trace [^\n]*no\/such: wanted a file in a folder that exists, got [^\n]*no \(see --help\)\n$/,
        );
      }
    },
  );

  await t.step("a trace that cannot be written is said on one line", async () => {
    const args = "--max-tokens 2 --device cpu --threads 1 --prompt We --trace".split(" ");
    const { code, stderr } = await runScript("sample.ts", [...args, home], home);
    assertEquals(code, 2);
    assertMatch(stderr, /^Cannot write --trace [^\n]*: wanted a file, got a folder[^\n]*\n$/);
  });
});
