import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testUnderOneMpi } from "../mpi/testing/ranks.ts";
import { contentsOf } from "./testing/kills.ts";
import {
  makeCorpus,
  outcomeOf,
  permissions,
  runScript,
  runScriptHere,
  signalingCommand,
  tinyFlags,
} from "./testing/run_script.ts";

const corpus = await makeCorpus();

/** The settings of `tinyFlags`, with a study that measures bits per byte. */
function tinyStudy(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const fixed: Record<string, unknown> = { data: corpus, "eval-every": 1000 };
  for (const [i, flag] of tinyFlags.entries()) {
    if (!flag.startsWith("--") || flag === "--eval-every") continue;
    const value = tinyFlags[i + 1] ?? "--";
    fixed[flag.slice(2)] = /^--/.test(value) ? true : Number(value) || value;
  }
  return {
    fixed,
    vary: { "matrix-lr": [0.01, 0.02, 0.04] },
    seeds: [1, 2],
    "vocab-size": 300,
    ...more,
  };
}

async function writeStudy(study: unknown, name = "rates"): Promise<{ home: string; file: string }> {
  const home = await Deno.makeTempDir();
  const file = `${home}/${name}.json`;
  await Deno.writeTextFile(file, JSON.stringify(study));
  return { home, file };
}

/** Results without times, and what is in the folders of the runs. */
async function resultsOf(home: string, name = "rates"): Promise<unknown> {
  const csv = await Deno.readTextFile(`${home}/studies/${name}/results.csv`);
  const [head = "", ...lines] = csv.trim().split("\n");
  const time = head.split(",").indexOf("train_time_sec");
  const rows = lines.map((line) => line.split(",").filter((_, i) => i !== time).join());
  const folders = lines.map((line) => `${home}/base_checkpoints/${line.split(",")[0]}`);
  return { rows, contents: await Promise.all(folders.map(contentsOf)) };
}

Deno.test("a study of six runs killed twice has the results, to the bit, of one left alone", async () => {
  // The device decides what `auto` stands for, and the saved runs have that.
  const own = { "num-iterations": 20, "save-every": 5, dtype: "auto", "matmul-precision": "auto" };
  const fixed = { ...tinyStudy()["fixed"] as object, ...own };
  const study = tinyStudy({ fixed });
  const [whole, killed] = [await writeStudy(study), await writeStudy(study)];
  const done = await runScript("study.ts", [whole.file], whole.home);
  assertEquals(done.code, 0, done.stderr);
  assertStringIncludes(done.stdout, "6 runs, 0 of them done.");

  // In the middle of the second run, which it begins itself, and of the fifth: the second, third and fourth
  // have been done by then, of which the second one goes on behind this step.
  for (const [run, count] of [[2, 2], [5, 3]] as const) {
    const kill = { signals: ["SIGKILL"], line: "^Saved .*_000010.json$", count } as const;
    const args = [killed.file];
    const { code, stdout, stderr } = outcomeOf(
      await signalingCommand([kill], "study.ts", args, killed.home).output(),
    );
    assertEquals(code, 137, stderr);
    assertMatch(stdout.slice(stdout.lastIndexOf("\nRun ")), new RegExp(`^\nRun ${run} of 6`));
    const lines = stderr.split("\n");
    assertEquals(lines.filter((line) => !/^$|^Took over the lock/.test(line)), []);
  }
  const last = await runScript("study.ts", [killed.file], killed.home);
  assertEquals(last.code, 0, last.stderr);
  assertStringIncludes(last.stdout, "6 runs, 4 of them done.");
  assertEquals(await resultsOf(killed.home), await resultsOf(whole.home));

  const again = await runScript("study.ts", [killed.file, "--against", "rates"], killed.home);
  assertStringIncludes(again.stdout, "6 runs, 6 of them done.");
  assert(!again.stdout.includes("Run "), again.stdout);
  const read = (home: string) => Deno.readTextFile(`${home}/studies/rates/report.md`);
  const [report, compared] = await Promise.all([whole.home, killed.home].map(read)) as [
    string,
    string,
  ];
  assertMatch(report, /\| matrix-lr 0.01 \| 2 \| \d\.\d{4} \| \d\.\d{4} \| {2}\|/);
  assertMatch(report, /\| matrix-lr 0.02 \| 2 \| \d\.\d{4} \| \d\.\d{4} \| [01]\.\d{4} \|/);
  assertMatch(compared, /\| matrix-lr 0.01 \| 2 \| \d\.\d{4} \| \d\.\d{4} \| 1\.0000 \|/);
  for (const picture of ["loss.svg", "bits_per_byte.svg"]) {
    assertStringIncludes(report, `](${picture})`);
    const svg = await Deno.readTextFile(`${whole.home}/studies/rates/${picture}`);
    assertStringIncludes(svg, "<polyline");
  }

  // A run with other settings is never taken for one of the study.
  await Deno.writeTextFile(whole.file, JSON.stringify({ ...study, fixed: { ...fixed, depth: 3 } }));
  const [code, error] = await refusalOf([whole.file], whole.home);
  assertEquals(code, 1);
  assertStringIncludes(error, "wanted --depth 3, got a run with 2 in ");
  assertStringIncludes(error, "deno task runs --remove base/rates-matrix-lr0.01-s1 --yes");
});

Deno.test("a study and a run stop when their time is up, and the same command continues a study", async () => {
  const { home, file } = await writeStudy(
    tinyStudy({ vary: { "matrix-lr": [0.02] }, seeds: [1] }),
  );
  const first = await runScript("study.ts", [file, "--hours", "1e-9"], home);
  assertEquals(first.code, 0, first.stderr);
  const message = `The time is up: 0 of 1 runs are done. To resume: deno task study ${file}`;
  assertStringIncludes(first.stdout, message);
  const { code, stdout, stderr } = await runScript("study.ts", [file], home);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "report.html");

  const tokenizer = `${home}/studies/rates/tokenizer.json`;
  const endless = ["--data", corpus, "--num-iterations", "1000000", "--tokenizer", tokenizer];
  const run = await runScript("base_train.ts", [...tinyFlags, ...endless, "--hours", "1e-3"], home);
  assertEquals(run.code, 124, run.stderr);
  assertMatch(run.stdout, /Stopped (after step \d+ of 1000000|before the first step)/);
});

Deno.test("scaling laws are fitted to a study that asks for them, and other studies compared", async () => {
  const { depth: _, ...fixed }: Record<string, unknown> = {
    ...tinyStudy()["fixed"] as object,
    "num-iterations": -1,
    "target-param-data-ratio": -1,
  };
  const vary = { "target-flops": [2e8, 8e8], depth: [2, 3, 4] };
  const { home, file } = await writeStudy(
    tinyStudy({ fixed, vary, seeds: [1], "scaling-laws": true }),
    "laws",
  );
  const { code, stderr } = await runScript("study.ts", [file], home);
  assertEquals(code, 0, stderr);
  const folder = `${home}/studies/laws`;
  const csv = await Deno.readTextFile(`${folder}/results.csv`);
  assertStringIncludes(
    csv,
    "run,seed,flops_budget,depth,model_dim,params_wte,params_value_embeds,",
  );
  assertEquals(csv.trim().split("\n").length, 7);
  const report = await Deno.readTextFile(`${folder}/report.md`);
  for (const title of ["all parameters", "layers and head, without embeddings"]) {
    assertStringIncludes(report, `## Scaling laws: ${title}`);
  }
  assertStringIncludes(report, "| 800 MFLOP |");
});

/** Runs the command as far as its first error. */
async function refusalOf(args: readonly string[], home: string): Promise<[number, string]> {
  const { code, stderr } = await runScriptHere("study.ts", args, home);
  return [code, stderr.trimEnd()];
}

Deno.test("invalid studies are refused before the first run, in one line", async () => {
  const cases: [study: unknown, message: string][] = [
    [
      { vary: { "matrix-rl": [1] } },
      'wanted flags of deno task train as settings, got "matrix-rl"',
    ],
    [{ vary: { matrixLr: [1] } }, 'got "matrixLr"'],
    [{ vary: { seed: [1] } }, 'wanted settings without "seed"'],
    [{ vary: { resume: [true] } }, 'got "resume"'],
    [{ vary: { depth: ["two"] } }, "Cannot use --depth: wanted a whole number"],
    [{ vary: { depth: [true] } }, 'wanted a value for "depth", got true'],
    [{ vary: { "no-blas": [1] } }, 'wanted true or false for "no-blas", got 1'],
    [{ vary: { architecture: ["llama"] } }, "wanted nanochat's architecture"],
    [{ vary: { "eval-every": [-1] } }, "as runs are compared by bits per byte"],
    [{ vary: { "target-flops": [-2] } }, "Cannot use --target-flops"],
    [{ depth: 2 }, "wanted about, fixed, vary"],
  ];
  const { home, file } = await writeStudy({});
  for (const [study, message] of cases) {
    await Deno.writeTextFile(file, JSON.stringify(study));
    const [code, error] = await refusalOf([file], home);
    assertEquals([code, error.split("\n").length], [2, 1], error);
    assertStringIncludes(error, message);
  }
  await Deno.writeTextFile(file, "{");
  const others: [args: string[], message: string][] = [
    [[file], "wanted JSON, got"],
    [["none.json"], "wanted a file, or one of miniseries, scaling_laws, two_minutes"],
    [["scaling_laws", "--against", "none"], "wanted a study that was run"],
    [["scaling_laws", "--hours", "-1"], "Cannot use --hours"],
    [[], "wanted one file"],
    [[file, file], "wanted one file"],
  ];
  for (const [args, message] of others) {
    const [code, error] = await refusalOf(args, home);
    assertEquals(code, 2, error);
    assertStringIncludes(error, message);
  }
  assertEquals([...Deno.readDirSync(home)].map(({ name }) => name), ["rates.json"]);
});

testUnderOneMpi("the models of a study are trained by ranks", async (mpi) => {
  const { home, file } = await writeStudy(tinyStudy({ vary: { "matrix-lr": [0.02] }, seeds: [1] }));
  const launcher = [mpi.command, ...mpi.args].join(" ");
  for (const [name, value] of Object.entries(mpi.env)) Deno.env.set(name, value);
  const options = { permissions: [...permissions, "--allow-run"] };
  const args = [file, "--ranks", "2", "--launcher", launcher];
  const { code, stdout, stderr } = await runScript("study.ts", args, home, options);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "All 2 ranks are done.");
  assertStringIncludes(stdout, "report.html");
});
