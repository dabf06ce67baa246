import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import { SAVE_SECONDS } from "../gpt/train/folder_run.ts";
import { corpusNames } from "./corpora.ts";
import { recipeOf } from "./speedrun_recipes.ts";
import {
  makeCorpus,
  makeHome,
  permissions,
  runScript,
  runScriptHere,
  tinyFlags,
} from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
const scripts = [
  "tok_train.ts",
  "tok_eval.ts",
  "base_train.ts",
  "base_eval.ts",
  "core_bundle.ts",
  "infer_bench.ts",
  "sample.ts",
  "speedrun.ts",
  "dashboard.ts",
  "learn.ts",
];
const data = ["--data", corpus];

const checkpointFile = (kind: string) => `${home}/base_checkpoints/d2/${kind}`;

Deno.test("from a tokenizer to samples, with the permissions of the tasks", async (t) => {
  await t.step("base_train prints the plan, the progress and where it saved", async () => {
    const args = [...tinyFlags, ...data, "--eval-every", "10"];
    const { code, stdout, stderr } = await runScript("base_train.ts", args, home);
    assertEquals([code, stderr], [0, ""]);
    for (const part of ["device", "model", "run", "memory", "time"]) {
      assertMatch(stdout, new RegExp(`^${part} `, "m"));
    }
    assertMatch(stdout, /^step 0: \d\.\d{4} bits per byte$/m);
    assertMatch(stdout, /^step 20 of 20 {2}loss [\d.]+ {2}[\d,]+ tokens\/s {2}.* of peak/m);
    assertStringIncludes(stdout, `Saved ${checkpointFile("meta_000020.json")}`);
    assert(!stdout.includes("\r") && !stdout.includes("\x1b"), "a pipe is no terminal");
  });

  await t.step("base_eval measures the same bits per byte", async () => {
    const figure = (text: string) => [...text.matchAll(/([\d.]+) bits per byte/g)].at(-1)![1];
    const args = [...tinyFlags, ...data, "--eval-every", "20", "--model-tag", "again"];
    const trained = await runScript("base_train.ts", args, home);
    const evalArgs = "--eval bpb --model-tag again --split-tokens 500 --device cpu --threads 1";
    const evaluated = await runScript("base_eval.ts", [...evalArgs.split(" "), ...data], home);
    assertEquals([evaluated.code, evaluated.stderr], [0, ""]);
    assertMatch(evaluated.stdout, /^train {7}\d\.\d{4} bits per byte/m);
    assertEquals(figure(evaluated.stdout), figure(trained.stdout));
    // By default of the run's own corpus.
    const own = await runScript("base_eval.ts", evalArgs.split(" "), home);
    assertEquals(figure(own.stdout), figure(trained.stdout));
    assertStringIncludes(own.stdout, ` bits per byte of ${corpus}  (`);
  });

  await t.step("sample continues the prompt with the model that was saved last", async () => {
    const args = "--max-tokens 20 --device cpu --threads 1 --prompt".split(" ");
    const first = await runScript("sample.ts", [...args, "My fellow"], home);
    assertEquals([first.code, first.stderr], [0, ""]);
    assert(first.stdout.startsWith("My fellow") && first.stdout.length > 15, first.stdout);
    const second = await runScript("sample.ts", [...args, "My fellow"], home);
    assertEquals(second.stdout, first.stdout);
    const seeded = await runScript("sample.ts", [...args, "My fellow", "--seed", "7"], home);
    assert(seeded.stdout !== first.stdout);
  });

  await t.step("sample computes in 16 bits, and auto in f32 without a library", async () => {
    for (const dtype of ["f16", "bf16", "auto"]) {
      const args = `--max-tokens 2 --device cpu --threads 1 --no-blas --dtype ${dtype} --prompt`;
      const { code, stdout, stderr } = await runScript(
        "sample.ts",
        [...args.split(" "), "My fellow"],
        home,
      );
      const told = dtype === "auto" ? "" : `Computing in ${dtype}: the model was trained in f32.\n`;
      assertEquals([code, stderr], [0, told]);
      assert(stdout.startsWith("My fellow"), stdout);
    }
  });

  await t.step("sample writes several continuations of each of its own prompts", async () => {
    const args = "--max-tokens 4 --num-samples 2 --device cpu --threads 1 --model-tag d2";
    const { code, stdout } = await runScript("sample.ts", args.split(" "), home);
    assertEquals(code, 0);
    // The first words of a held-out document.
    assertEquals(stdout.match(/^The budget that I/gm)?.length, 2);
  });

  await t.step(
    "tok_eval compares the tokenizer with published ones, in a table and JSON",
    async () => {
      const { code, stdout, stderr } = await runScript("tok_eval.ts", data, home);
      assertEquals([code, stderr], [0, ""]);
      assertMatch(
        stdout,
        /^text +bytes +tokens +bytes\/token +gpt2 tokens +saved +cl100k_base tokens/m,
      );
      assert(!stdout.includes("{"), "JSON only where it is asked for");
      const asked = await runScriptHere("tok_eval.ts", [...data, "--json"], home);
      const { vocabSize, texts } = JSON.parse(asked.stdout);
      assertEquals(vocabSize, 300);
      const names = "english,korean,code,mathematics,chemistry,train,validation";
      assertEquals(texts.map(({ name }: { name: string }) => name).join(), names);
      for (const { name, bytes, tokens, bytesPerToken, against } of texts) {
        assertEquals(bytesPerToken, bytes / tokens);
        assertEquals(against.gpt2.saved, (against.gpt2.tokens - tokens) / against.gpt2.tokens);
        assertMatch(stdout, new RegExp(`^${name} .* ${tokens.toLocaleString("en-US")} `, "m"));
      }
      const alone = await runScriptHere("tok_eval.ts", [...data, "--against", "none"], home);
      assertMatch(alone.stdout, /^text +bytes +tokens +bytes\/token$/m);
    },
  );

  await t.step(
    "infer_bench times a model at several batch sizes, in a table and JSON",
    async () => {
      const args = "--batch-sizes 1,2 --decode-tokens 4 --device cpu --threads 1 --no-blas".split(
        " ",
      );
      const { code, stdout, stderr } = await runScript("infer_bench.ts", args, home);
      assertEquals([code, stderr], [0, ""]);
      assertMatch(stdout, /^batch +first token +step +tokens\/s +bandwidth +FLOPs +memory$/m);
      assert(!stdout.includes("{"), "JSON only where it is asked for");
      const asked = await runScript("infer_bench.ts", [...args, "--json"], home);
      const results = JSON.parse(asked.stdout);
      assertEquals([results.promptTokens, results.decodeTokens], [12, 4]);
      assertEquals(results.batches.map(({ batchSize }: { batchSize: number }) => batchSize), [
        1,
        2,
      ]);
      const none = await runScript(
        "infer_bench.ts",
        ["--decode-tokens", "16", ...args.slice(4)],
        home,
      );
      assertEquals(none.code, 2);
      assertStringIncludes(none.stderr, "wanted from 2 to 15 tokens after a prompt, got 16");
    },
  );

  await t.step("a run that goes on needs no flags but --resume, and takes new ones", async () => {
    const args = ["--resume", "--model-tag", "d2", "--num-iterations", "24"];
    const { code, stdout, stderr } = await runScript("base_train.ts", args, home);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "Resuming after step 20.");
    assertStringIncludes(stdout, "meta_000024.json");
  });
});

Deno.test("training on own text without a tokenizer trains one of that text", async () => {
  const own = await Deno.makeTempDir();
  const args = [...tinyFlags, "--num-iterations", "2", "--data", `${corpus}/*.txt`];
  const { code, stdout, stderr } = await runScript("base_train.ts", args, own);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Trained a tokenizer of [\d,]+ tokens on .*\*\.txt: /m);
  assertMatch(
    stdout,
    /^Generate text: deno task sample --model-tag d2 --prompt '.+'$/m,
  );
  const again = await runScript("base_train.ts", [...args, "--overwrite"], own);
  assert(!again.stdout.includes("Trained a tokenizer"), again.stdout);
});

Deno.test("a model with a tiny context is trained and sampled, up to its maximum length", async () => {
  const own = await makeHome(corpus);
  const sizes = ["--max-seq-len", "2", "--total-batch-size", "8", "--sample-every", "10"];
  const trained = await runScript("base_train.ts", [...tinyFlags, ...data, ...sizes], own);
  assertEquals([trained.code, trained.stderr], [0, ""]);
  const place = ["--device", "cpu", "--threads", "1"];
  const sampled = await runScript("sample.ts", [...place, "--prompt", "My"], own);
  assertEquals(sampled.code, 0, sampled.stderr);
  assert(sampled.stdout.startsWith("My"), sampled.stdout);
  assertMatch(sampled.stderr, /^Writing at most 1\d tokens: this model's texts end at 20\n$/);
  // Too long prompts are refused before anything is written.
  for (const more of [[], ["--num-samples", "2"]]) {
    const long = [...place, ...more, "--prompt", "the budget is balanced ".repeat(20)];
    const { code, stdout, stderr } = await runScript("sample.ts", long, own);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^Cannot continue the prompt: wanted fewer than 20 tokens, got \d+\n$/);
  }
  const evaluated = await runScript("base_eval.ts", [...place, "--eval", "sample"], own);
  assertEquals([evaluated.code, evaluated.stderr], [0, ""]);
});

Deno.test("the speedrun ends with a table, samples and a report with a picture", async () => {
  const own = await Deno.makeTempDir();
  const args = [...tinyFlags, ...data, "--vocab-size", "300", "--eval-every", "20"];
  const { code, stdout, stderr } = await runScript("speedrun.ts", args, own);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^bits per byte {2}\d\.\d{4}$/m);
  assertMatch(stdout, /^The budget that I/m);
  assertMatch(
    stdout,
    /^Generate text: deno task sample --model-tag speedrun --prompt '.+'$/m,
  );
  const folder = `${own}/base_checkpoints/speedrun`;
  assertStringIncludes(await Deno.readTextFile(`${folder}/report.md`), "| bits per byte |");
  assertStringIncludes(await Deno.readTextFile(`${folder}/loss.svg`), "<polyline");
});

Deno.test("a speedrun on too little text names the text, and leaves the tokenizer before it", async () => {
  const own = await makeHome(corpus);
  const path = `${own}/tokenizer/tokenizer.json`;
  const before = await Deno.readTextFile(path);
  const short = `${own}/short.txt`;
  await Deno.writeTextFile(short, "ab");
  const args = [...tinyFlags, "--data", short, "--vocab-size", "300"];
  const { code, stderr } = await runScript("speedrun.ts", args, own);
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^Cannot fill a batch from the train split of "[^"]*short.txt": wanted \d+ or more tokens, got \d\n$/,
  );
  assertEquals(await Deno.readTextFile(path), before);
});

Deno.test("the speedrun's help shows the defaults for stories, and other text has its own", async () => {
  const own = await Deno.makeTempDir();
  const { stdout } = await runScriptHere("speedrun.ts", ["--help"], own);
  for (const shown of ["--max-seq-len N .*320", "--vocab-size N .*2048", "--loader .*: packed"]) {
    assertMatch(stdout, new RegExp(`^ *${shown}\\)$`, "m"));
  }
  for (const name of corpusNames) {
    const { settings } = recipeOf(name);
    assertEquals(settings.bufferSize, name === "stories" ? 1 : 1000);
  }
});

Deno.test("the speedrun continues with a chat, twice, and its report has both halves", async () => {
  const own = await Deno.makeTempDir();
  const size = "--depth 1 --aspect-ratio 32 --max-seq-len 64 --total-batch-size 128".split(" ");
  const steps = ["--num-iterations", "2", "--chat-iterations", "2"];
  const args = [...tinyFlags, ...data, ...size, ...steps, "--vocab-size", "300", "--chat"];
  const folder = `${own}/base_checkpoints/speedrun`;
  for (let run = 0; run < 2; run++) {
    const { code, stdout, stderr } = await runScript("speedrun.ts", args, own);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^arithmetic +0 of 40$/m);
    assertMatch(stdout, /^You: Who are you\?\nDino: /m);
  }
  const report = await Deno.readTextFile(`${folder}/report.md`);
  for (const part of ["# Speedrun\n", "(loss.svg)", "# Fine-tuning\n", "(chat.svg)", "| names |"]) {
    assertStringIncludes(report, part);
  }
  assertStringIncludes(await Deno.readTextFile(`${folder}/chat.svg`), "<polyline");
  const runs = (await Array.fromAsync(Deno.readDir(`${own}/chatsft_checkpoints`))).length;
  assertEquals(runs, 2);
});

Deno.test("CORE is measured in training and afterwards, on a bundle that was made or downloaded", async () => {
  const own = await makeHome(corpus);
  const place = ["--device", "cpu", "--threads", "1"];
  const size = ["--max-seq-len", "64", "--total-batch-size", "128", "--overwrite"];
  const train = (...more: string[]) =>
    runScript("base_train.ts", [...tinyFlags, ...data, ...size, ...more], own);
  const bare = await train();
  assertEquals([bare.code, bare.stdout.includes("CORE")], [0, false], bare.stderr);
  const refused = await runScript("base_eval.ts", [...place, "--eval", "core"], own);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "Get nanochat's: deno task core_bundle --from nanochat");

  const made = await runScript("core_bundle.ts", [], own);
  assertEquals([made.code, made.stderr], [0, ""]);
  assertMatch(made.stdout, /^opposites +74 examples, 3 shown, multiple_choice$/m);
  const trained = await train("--core-metric-every", "10", "--core-metric-max-per-task", "4");
  assertEquals([trained.code, trained.stderr], [0, ""]);
  assertMatch(trained.stdout, /^step 10: CORE -?\d\.\d{4}\n(.*\n)*step 20: CORE -?\d\.\d{4}$/m);
  const lines = (await Deno.readTextFile(`${own}/base_checkpoints/d2/metrics.jsonl`)).trim()
    .split("\n").map((line) => JSON.parse(line));
  const measured = lines.filter(({ kind }) => kind === "measurement");
  assertEquals(measured.map(({ step }) => step), [10, 20]);
  assertEquals(Object.keys(measured[0]).slice(2, 4), ["core", "core/what_follows"]);

  const args = [...place, "--eval", "core", "--max-per-task", "4", "--no-blas"];
  const evaluated = await runScript("base_eval.ts", args, own);
  assertEquals([evaluated.code, evaluated.stderr], [0, ""]);
  const [, core] = /^CORE (-?\d\.\d{4})$/m.exec(evaluated.stdout)!;
  assertEquals(core, measured[1].core.toFixed(4));
  const csv = await Deno.readTextFile(`${own}/base_eval/base_model_000020.csv`);
  assertMatch(
    csv,
    /^Task,Accuracy,Centered\nwhat_follows,[\d.]+,[-\d.]+\n(.*\n){4}CORE,,[-\d.]+\n$/,
  );

  // The same bundle as a zip file from a server replaces the folder, which is kept.
  const { zipSync } = await import("npm:fflate@0.8.3");
  const { bundleFiles, demonstrationBundle } = await import("../chat/internals.ts");
  const files = Array.from(
    bundleFiles(demonstrationBundle()),
    ([path, text]) => [`eval_bundle/${path}`, new TextEncoder().encode(text)] as const,
  );
  const zip = zipSync(Object.fromEntries(files));
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(zip),
  );
  const allowed = { permissions: [...permissions, "--allow-net"] };
  const from = ["--from", `http://127.0.0.1:${server.addr.port}/bundle.zip`];
  const wrong = await runScript(
    "core_bundle.ts",
    [...from, "--sha256", "0".repeat(64)],
    own,
    allowed,
  );
  assertEquals(wrong.code, 1);
  assertStringIncludes(wrong.stderr, "wanted the SHA-256 digest 000");
  const got = await runScript("core_bundle.ts", from, own, allowed);
  assertEquals([got.code, got.stderr], [0, ""]);
  assertStringIncludes(got.stdout, `The earlier bundle is now ${own}/eval_bundle-1.`);
  const again = await runScript("base_eval.ts", args, own);
  assertStringIncludes(again.stdout, `CORE ${core}\n`);
});

Deno.test("every script has --help, and needs no permission for it", async () => {
  for (const script of scripts) {
    const { code, stdout, stderr } = await runScript(script, ["--help"], home, { permissions: [] });
    assertEquals([code, stderr], [0, ""], script);
    assertMatch(stdout, /^Usage: deno task /m);
    assertStringIncludes(stdout, "--debug");
    // Defaults are printed as one writes them.
    assertNotMatch(stdout, /\[object /, script);
  }
});

Deno.test("the scripts take nanochat's flags with its defaults", async () => {
  const { stdout } = await runScript("base_train.ts", ["--help"], home);
  const wanted = {
    "depth": 20,
    "aspect-ratio": 64,
    "head-dim": 128,
    "max-seq-len": 2048,
    "window-pattern": "SSSL",
    "num-iterations": -1,
    "target-flops": -1,
    "target-param-data-ratio": 12,
    "device-batch-size": 32,
    "total-batch-size": -1,
    "embedding-lr": 0.3,
    "unembedding-lr": 0.008,
    "weight-decay": 0.28,
    "matrix-lr": 0.02,
    "scalar-lr": 0.5,
    "warmup-steps": 40,
    "warmdown-ratio": 0.65,
    "final-lr-frac": 0.05,
    "resume-from-step": -1,
    "eval-every": 250,
    "eval-tokens": 80 * 524_288,
    "core-metric-every": 2000,
    "core-metric-max-per-task": 500,
    "sample-every": 2000,
    "save-every": -1,
  };
  for (const [name, value] of Object.entries(wanted)) {
    assertMatch(stdout, new RegExp(`--${name} .*\\(default: ${value}\\)`));
  }
});

Deno.test("--help says how long -1 of --save-every is", async () => {
  assertEquals(SAVE_SECONDS, 10 * 60);
  for (const script of ["base_train.ts", "chat_sft.ts"]) {
    const { stdout } = await runScript(script, ["--help"], home, { permissions: [] });
    assertMatch(stdout, /--save-every .*-1 for one every ten minutes/);
  }
});

Deno.test("bad input ends with one line that says what was wanted, and the right code", async (t) => {
  const file = await Deno.makeTempFile();
  const empty = await Deno.makeTempDir();
  const short = await Deno.makeTempDir();
  await Deno.writeTextFile(`${short}/a.txt`, "My fellow citizens");
  await Deno.writeTextFile(`${short}/b.txt`, "thank you");
  const bare = await Deno.makeTempDir();
  const damaged = await makeHome(corpus);
  const tiny = [...tinyFlags, ...data];
  await runScript("base_train.ts", tiny, damaged);
  const model = `${damaged}/base_checkpoints/d2/model_000020.safetensors`;
  await Deno.truncate(model, 1000);

  const cases: {
    what: string;
    script: string;
    args: string[];
    code: number;
    message: string;
    home?: string;
    /** Those of a process; without, it is refused here. */
    permissions?: string[];
  }[] = [
    ...scripts.map((script) => ({
      what: `${script} with an unknown flag`,
      script,
      args: ["--bogus"],
      code: 2,
      message: "--bogus",
    })),
    {
      what: "a depth of 0",
      script: "base_train.ts",
      args: ["--depth", "0"],
      code: 2,
      message: 'Cannot use --depth: wanted a whole number of at least 1, got "0"',
    },
    {
      what: "a depth beyond every limit",
      script: "base_train.ts",
      args: [...data, "--depth", "1000000"],
      code: 2,
      message: "wanted layers to be at most 1000, got 1000000",
    },
    {
      what: "a run that the device has no memory for",
      script: "base_train.ts",
      args: [...data, "--device", "cpu"],
      code: 2,
      message: "What fits: --depth 3, or --device-batch-size 1 --depth 14. " +
        `A small model in minutes: deno task speedrun --data '${corpus}'`,
    },
    {
      what: "a width beyond every limit",
      script: "base_train.ts",
      args: [...tiny, "--aspect-ratio", "1000000", "--model-tag", "new"],
      code: 2,
      message: "wanted width to be at most 1048576, got 2000000",
    },
    {
      what: "a run beyond every limit",
      script: "base_train.ts",
      args: [...tiny, "--num-iterations", "-1", "--target-flops", "1e308", "--model-tag", "new"],
      code: 2,
      message: "wanted a run of at most 9007199254740991 steps, got",
    },
    {
      what: "threads beyond every limit",
      script: "base_train.ts",
      args: [...tiny, "--threads", "1000"],
      code: 2,
      message: 'Cannot use --threads: wanted a whole number from 0 to 256, got "1000"',
    },
    {
      what: "a depth that is no number",
      script: "speedrun.ts",
      args: ["--depth", "deep"],
      code: 2,
      message: 'got "deep"',
    },
    {
      what: "a batch that cannot be divided",
      script: "base_train.ts",
      args: [...tiny, "--total-batch-size", "50", "--model-tag", "new"],
      code: 2,
      message:
        "wanted --total-batch-size to be a multiple of --device-batch-size × --max-seq-len = 2 × 16 = 32",
    },
    {
      what: "rows that cannot begin with a quarter of their length",
      script: "base_train.ts",
      args: [
        ...tiny,
        ..."--max-seq-len 18 --total-batch-size 36 --length-warmup-steps 2 --model-tag new".split(
          " ",
        ),
      ],
      code: 2,
      message: "wanted --max-seq-len as a multiple of 4, got 18",
    },
    {
      what: "an evaluation on less than a row",
      script: "base_train.ts",
      args: [...tiny, "--eval-every", "10", "--eval-tokens", "1", "--model-tag", "new"],
      code: 2,
      message: "Cannot use --eval-tokens 1: wanted at least the 16 tokens of a row, to evaluate on",
    },
    {
      what: "a device that does not exist",
      script: "sample.ts",
      args: ["--device", "tpu"],
      code: 2,
      message: 'wanted auto, cpu, webgpu, got "tpu"',
    },
    {
      what: "a run's name that leads elsewhere",
      script: "base_train.ts",
      args: [...tiny, "--model-tag", "../../x"],
      code: 2,
      message: 'wanted letters, digits, . _ and -, got "../../x"',
    },
    {
      what: "an evaluation that does not exist",
      script: "base_eval.ts",
      args: ["--eval", "quality"],
      code: 2,
      message: 'got "quality"',
    },
    {
      what: "a digest that is none",
      script: "core_bundle.ts",
      args: ["--from", "https://example.com/a.zip", "--sha256", "12"],
      code: 2,
      message: 'wanted 64 hexadecimal digits, got "12"',
    },
    {
      what: "a digest of nothing",
      script: "core_bundle.ts",
      args: ["--sha256", "0".repeat(64)],
      code: 2,
      message: "wanted it with --from",
    },
    {
      what: "a bundle that is to be downloaded from a folder",
      script: "core_bundle.ts",
      args: ["--from", "here"],
      code: 2,
      message: 'wanted nanochat, or a URL of http or https, got "here"',
    },
    {
      what: "no permission to download",
      script: "core_bundle.ts",
      args: ["--from", "https://example.com/a.zip"],
      code: 1,
      message: "--allow-net",
      permissions: [...permissions],
    },
    {
      what: "a bundle that does not exist",
      script: "base_train.ts",
      args: [...tiny, "--bundle", `${empty}/none`, "--model-tag", "new"],
      code: 1,
      message: `Cannot read the bundle ${empty}/none: wanted a folder or a zip file, got none`,
    },
    {
      what: "a published tokenizer that does not exist",
      script: "tok_eval.ts",
      args: [...data, "--against", "gpt2,gpt9"],
      code: 2,
      message: 'wanted none or gpt2, cl100k_base with commas between, got "gpt2,gpt9"',
    },
    {
      what: "no tokenizer to measure",
      script: "tok_eval.ts",
      args: data,
      code: 1,
      message: "Train a tokenizer first",
      home: bare,
    },
    {
      what: "a batch of no sequences",
      script: "infer_bench.ts",
      args: ["--batch-sizes", "1,0"],
      code: 2,
      message: 'wanted whole numbers from 1 up with commas between, got "1,0"',
    },
    {
      what: "no checkpoint to time",
      script: "infer_bench.ts",
      args: [],
      code: 1,
      message: "Train a model first",
      home: bare,
    },
    {
      what: "a vocabulary that is too small",
      script: "tok_train.ts",
      args: [...data, "--vocab-size", "100"],
      code: 2,
      message: 'wanted a whole number from 265 to 2097151, got "100"',
    },
    {
      what: "a vocabulary that is too large",
      script: "tok_train.ts",
      args: [...data, "--vocab-size", "3000000"],
      code: 2,
      message: 'wanted a whole number from 265 to 2097151, got "3000000"',
    },
    {
      what: "a corpus that does not exist",
      script: "tok_train.ts",
      args: ["--data", `${empty}/none`],
      code: 1,
      message: "got nothing there",
    },
    {
      what: "an empty corpus",
      script: "tok_train.ts",
      args: ["--data", empty],
      code: 1,
      message: "got no files",
    },
    {
      what: "a corpus shorter than a batch",
      script: "base_train.ts",
      args: [...tinyFlags, "--data", short, "--model-tag", "new"],
      code: 1,
      message: "wanted 34 or more tokens",
    },
    {
      what: "no checkpoint to sample from",
      script: "sample.ts",
      args: ["--prompt", "We"],
      code: 1,
      message: "Train a model first",
      home: bare,
    },
    {
      what: "no checkpoint to resume from",
      script: "base_train.ts",
      args: ["--resume-from-step", "7", "--depth", "2"],
      code: 2,
      message: 'wanted a run of base, but there is none yet, got "d2"',
      home: bare,
    },
    {
      what: "a truncated checkpoint",
      script: "sample.ts",
      args: ["--prompt", "We"],
      code: 1,
      message: `${model}: wanted`,
      home: damaged,
    },
    {
      what: "a truncated checkpoint to resume from",
      script: "base_train.ts",
      args: ["--resume"],
      code: 1,
      message: `${model}: wanted`,
      home: damaged,
    },
    {
      what: "a folder that cannot be written to",
      script: "tok_train.ts",
      args: [...data, "--vocab-size", "300"],
      code: 1,
      message: `Cannot write to the folder ${file}/tokenizer`,
      home: file,
    },
    {
      what: "a folder of runs that cannot be written to",
      script: "base_train.ts",
      args: tiny,
      code: 1,
      message: `Cannot write to the folder ${file}/base_checkpoints/d2`,
      home: file,
    },
    {
      what: "no permission to write",
      script: "tok_train.ts",
      args: [...data, "--vocab-size", "300"],
      code: 1,
      message: "Requires write access",
      permissions: permissions.filter((name) => name !== "--allow-write"),
    },
    {
      what: "no permission to read the default corpus",
      script: "tok_train.ts",
      args: ["--vocab-size", "300"],
      code: 1,
      message: "--allow-read",
      permissions: permissions.filter((name) => name !== "--allow-read"),
    },
    {
      what: "a seed that is negative",
      script: "sample.ts",
      args: ["--seed", "-4"],
      code: 2,
      message: 'wanted a whole number of at least 0, got "-4"',
    },
  ];
  for (const { what, script, args, code, message, permissions, ...rest } of cases) {
    await t.step(what, async () => {
      const place = rest.home ?? home;
      const outcome = permissions === undefined
        ? await runScriptHere(script, args, place)
        : await runScript(script, args, place, { permissions });
      assertStringIncludes(outcome.stderr, message);
      assertEquals(outcome.code, code);
      assertEquals(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
    });
  }
});

Deno.test("--debug shows where an error came from", async () => {
  const bare = await Deno.makeTempDir();
  const { code, stderr } = await runScript("sample.ts", ["--debug"], bare);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "findModel");
});
