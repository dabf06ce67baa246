import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { goldenTest, hasGolden, readGoldenJson } from "../../testing/golden.ts";
import { noteDeviation } from "../testing/deviations.ts";
import { goldenModel, goldenTokenizer } from "../testing/golden_chat.ts";
import { type CoreBundle, type CoreTask, readCoreBundle } from "./bundle.ts";
import { answerTask, checkCore, evaluateCore } from "./evaluate.ts";
import {
  commonPrefixLength,
  fewShotPicks,
  promptsFor,
  sequencesFor,
  shuffledTask,
} from "./prompts.ts";

interface GoldenExample {
  index: number;
  picks: number[];
  prompts: string[];
  tokens: number[][];
  start: number[];
  end: number[];
  losses?: number[][];
  prediction?: number;
  predicted?: number[];
  correct: boolean;
}

interface GoldenCore {
  tasks: { label: string; accuracy: number; examples: GoldenExample[] }[];
  results: Record<
    string,
    {
      results: Record<string, number>;
      centered_results: Record<string, number>;
      core_metric: number;
    }
  >;
  cropped_to_48_tokens: Record<string, boolean[]>;
  find_common_length: { sequences: number[][]; direction: "left" | "right"; length: number }[];
}

const bundleFolder = new URL("../../../shared/golden/chat/golden-core-bundle", import.meta.url);

const golden = () => readGoldenJson<GoldenCore>("chat/golden-core");

/** The tasks as they are asked, each with what the original made of it. */
async function eachTask(): Promise<{ task: CoreTask; examples: GoldenExample[] }[]> {
  const { tasks } = await readCoreBundle(bundleFolder);
  return golden().tasks.map(({ label, examples }) => {
    const task = tasks.find((task) => task.label === label);
    if (task === undefined) throw new Error(`no task ${label}`);
    return { task: shuffledTask(task), examples };
  });
}

function assertClose(actual: number, expected: number, message: string): void {
  assert(
    Math.abs(actual - expected) <= 1e-4 * Math.max(1, Math.abs(expected)),
    `${message}: wanted ${expected}, got ${actual}`,
  );
}

goldenTest("few-shot picks, prompts, tokens and scored parts are the original's", async () => {
  const tokenizer = goldenTokenizer();
  for (const { task, examples } of await eachTask()) {
    assertEquals(task.examples.length, examples.length);
    for (const { index, picks, prompts, tokens, start, end } of examples) {
      assertEquals(fewShotPicks(task, index), picks);
      assertEquals(promptsFor(task, index), prompts);
      assertEquals(sequencesFor(task, index, tokenizer), { tokens, start, end });
    }
  }
});

goldenTest("common beginnings and endings are as long as the original finds them", () => {
  for (const { sequences, direction, length } of golden().find_common_length) {
    const ids = direction === "left" ? sequences : sequences.map((row) => row.toReversed());
    assertEquals(commonPrefixLength(ids), length);
  }
});

if (hasGolden) {
  testOnEveryDevice("losses and answers are the original's", async (device) => {
    const tokenizer = goldenTokenizer();
    const model = goldenModel(device);
    for (const { task, examples } of await eachTask()) {
      const answers = await answerTask(model, tokenizer, task);
      for (const [i, { losses, prediction, predicted, correct }] of examples.entries()) {
        const answer = answers[i]!;
        assertEquals(answer.correct, correct, `${task.label} ${i}`);
        assertEquals(answer.prediction, prediction);
        assertEquals(answer.predicted, predicted);
        losses?.flat().forEach((loss, k) => {
          const got = answer.losses!.flat()[k]!;
          noteDeviation("golden-core, losses", device, Math.abs(got - loss));
          assertClose(got, loss, `${task.label} ${i}`);
        });
      }
      const cropped = await answerTask(model, tokenizer, task, { maxTokens: 48 });
      assertEquals(
        cropped.map(({ correct }) => correct),
        golden().cropped_to_48_tokens[task.label],
      );
    }
  });

  testOnEveryDevice("a zip file of the bundle gives the same CORE", async (device) => {
    const { zipSync } = await import("npm:fflate@0.8.3");
    const files: Record<string, Uint8Array> = {
      // Files that a Mac adds to a zip file are no part of the bundle.
      "__MACOSX/eval_bundle/._core.yaml": new Uint8Array(9),
    };
    for (const { dataset_uri: uri } of await bundleEntries()) {
      files[`eval_bundle/eval_data/${uri}`] = await readBundleFile(`eval_data/${uri}`);
    }
    for (const path of ["core.yaml", "eval_meta_data.csv"]) {
      files[`eval_bundle/${path}`] = await readBundleFile(path);
    }
    const zip = `${await Deno.makeTempDir()}/eval_bundle.zip`;
    await Deno.writeFile(zip, zipSync(files));
    const { core } = await evaluateCore(goldenModel(device), goldenTokenizer(), zip);
    assertClose(core, golden().results["-1"]!.core_metric, "core");
  });

  testOnEveryDevice("CORE and the accuracies it is made of are the original's", async (device) => {
    const tokenizer = goldenTokenizer();
    const model = goldenModel(device);
    for (const [most, expected] of Object.entries(golden().results)) {
      const maxPerTask = most === "-1" ? Infinity : Number(most);
      const { results, centered, core } = await evaluateCore(model, tokenizer, bundleFolder, {
        maxPerTask,
      });
      assertEquals(Object.keys(results), Object.keys(expected.results));
      for (const label of Object.keys(results)) {
        assertClose(results[label]!, expected.results[label]!, label);
        assertClose(centered[label]!, expected.centered_results[label]!, label);
      }
      noteDeviation("golden-core, the metric", device, Math.abs(core - expected.core_metric));
      assertClose(core, expected.core_metric, "core");
    }
  });
}

const readBundleFile = (path: string) => Deno.readFile(`${bundleFolder.pathname}/${path}`);

/** The tasks as `core.yaml` lists them. */
async function bundleEntries(): Promise<{ dataset_uri: string }[]> {
  const { parse } = await import("npm:yaml@2.9.1");
  return parse(new TextDecoder().decode(await readBundleFile("core.yaml"))).icl_tasks;
}

/** Writes a bundle of one task and one example, with some files changed. */
async function writeBundle(changes: Record<string, string | null> = {}): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/eval_data`);
  const files: Record<string, string | null> = {
    "core.yaml": [
      "icl_tasks:",
      "- label: colors # a comment",
      "  dataset_uri: colors.jsonl",
      "  num_fewshot: [0]",
      "  icl_task_type: multiple_choice",
    ].join("\n"),
    "eval_meta_data.csv": 'Eval Task,Random baseline,Description\ncolors,50,"two\nlines, quoted"\n',
    "eval_data/colors.jsonl": '{"query": "The sky is", "choices": ["blue", "loud"], "gold": 0}\n',
    ...changes,
  };
  for (const [path, text] of Object.entries(files)) {
    if (text !== null) await Deno.writeTextFile(`${folder}/${path}`, text);
  }
  return folder;
}

Deno.test("a bundle is read with its baselines and the default delimiter", async () => {
  const { tasks }: CoreBundle = await readCoreBundle(await writeBundle());
  assertEquals(tasks, [{
    label: "colors",
    type: "multiple_choice",
    fewShot: 0,
    delimiter: " ",
    baseline: 0.5,
    examples: [{ query: "The sky is", choices: ["blue", "loud"], gold: 0 }],
  }]);
});

Deno.test("a zip file is read like the folder that it contains", async () => {
  const { zipSync } = await import("npm:fflate@0.8.3");
  const folder = await writeBundle();
  const files: Record<string, Uint8Array> = {};
  for (const path of ["core.yaml", "eval_meta_data.csv", "eval_data/colors.jsonl"]) {
    files[`eval_bundle/${path}`] = await Deno.readFile(`${folder}/${path}`);
  }
  const zip = `${folder}/bundle.zip`;
  await Deno.writeFile(zip, zipSync(files));
  assertEquals(await readCoreBundle(zip), await readCoreBundle(folder));
});

Deno.test("a zip file that unpacks to too much is refused before it is unpacked", async () => {
  const { zipSync } = await import("npm:fflate@0.8.3");
  const folder = await writeBundle();
  const files: Record<string, Uint8Array> = {};
  for (const path of ["core.yaml", "eval_meta_data.csv", "eval_data/colors.jsonl"]) {
    files[path] = await Deno.readFile(`${folder}/${path}`);
  }
  const path = `${folder}/bundle.zip`;
  await Deno.writeFile(path, zipSync({ ...files, "eval_data/zeros": new Uint8Array(3e7) }));
  await assertRejects(
    () => readCoreBundle(path),
    Error,
    `Cannot read ${path}: wanted a zip file that unpacks to at most `,
  );
  // A file that says it is smaller than it is gives no more than it says.
  const zip = zipSync({ ...files, "eval_data/colors.jsonl": new Uint8Array(1e6).fill(32) });
  const headers = new DataView(zip.buffer);
  for (let at = 0; at < zip.length - 46; at++) {
    const isEntry = headers.getUint32(at, true) === 0x02014b50;
    if (isEntry && headers.getUint32(at + 24, true) === 1e6) headers.setUint32(at + 24, 10, true);
  }
  await Deno.writeFile(path, zip);
  await assertRejects(() => readCoreBundle(path), Error, "colors.jsonl");
});

Deno.test("paths lead to files of the bundle, and what is wrong takes one line", async () => {
  const entry = (uri: string, label = '"colors"') =>
    `icl_tasks:\n- {label: ${label}, dataset_uri: ${JSON.stringify(uri)}, num_fewshot: [0], ` +
    "icl_task_type: multiple_choice}";
  const outside = [
    "../../../../etc/passwd",
    "/etc/passwd",
    "a/../../core.yaml",
    "..\\a",
    "C:a",
    "",
  ];
  const settings: [string, string][] = [
    ...outside.map((uri): [string, string] => [
      entry(uri),
      `wanted dataset_uri as a path below eval_data, got ${JSON.stringify(uri)}`,
    ]),
    [entry("a\nb"), 'below eval_data, got "a\\nb"'],
    [entry("colors.jsonl", '"a\\nb"'), 'wanted a label of one line, got "a\\nb"'],
    ["a: [1", "at line 1, column 6"],
    ["- a\nb", "at line 2, column 1"],
    ["a: 1\na: 2", "Map keys must be unique at line 2, column 1"],
    ["x: *y", "Unresolved alias"],
  ];
  for (const [yaml, message] of settings) {
    const folder = await writeBundle({ "core.yaml": yaml });
    const error = await assertRejects(() => readCoreBundle(folder), Error, message);
    assertEquals(error.message.split("\n").length, 1, error.message);
  }
});

Deno.test("faults of a bundle are named with file and line", async () => {
  const cases: [Record<string, string | null>, string][] = [
    [{ "core.yaml": null }, "core.yaml: the bundle lacks it"],
    [{ "eval_data/colors.jsonl": null }, "colors.jsonl: the bundle lacks it"],
    [{ "core.yaml": "icl_tasks: 3" }, "wanted a list icl_tasks"],
    [{ "eval_meta_data.csv": "Eval Task,Random baseline\n" }, "wanted a Random baseline of colors"],
    [{ "eval_data/colors.jsonl": "" }, "wanted examples, got none"],
    [
      {
        "core.yaml": "icl_tasks:\n- {label: colors, dataset_uri: colors.jsonl, num_fewshot: [1], " +
          "icl_task_type: multiple_choice}",
      },
      "colors.jsonl: wanted more than 1 examples",
    ],
    [{ "eval_data/colors.jsonl": "\n{" }, "colors.jsonl, line 2"],
    [
      { "eval_data/colors.jsonl": '{"query": "a"}' },
      "line 1: wanted choices as a list of strings, got nothing",
    ],
    [{ "eval_data/colors.jsonl": '{"query": 1}' }, "wanted query as a string"],
    [
      { "eval_data/colors.jsonl": '{"query": "a", "choices": ["b"], "gold": 1}' },
      "line 1: wanted gold from 0 to 0, got 1",
    ],
  ];
  for (const [changes, message] of cases) {
    const folder = await writeBundle(changes);
    await assertRejects(() => readCoreBundle(folder), Error, message);
  }
  await assertRejects(() => readCoreBundle("no/such/bundle"), Error, "wanted a folder or a zip");
  const url = "https://example.com/bundle.zip";
  await assertRejects(() => readCoreBundle(url), Error, `deno task core_bundle --from ${url}`);
  const noZip = await Deno.makeTempFile();
  await Deno.writeTextFile(noZip, "this is no zip file");
  await assertRejects(() => readCoreBundle(noZip), Error, `Cannot read ${noZip}`);
});

Deno.test("an example whose few shots or scored part cannot be had is refused", () => {
  const encode = (text: string) => [0, ...new TextEncoder().encode(text)];
  const tokenizer = { encode, documentStart: 0 };
  const task: CoreTask = {
    label: "count",
    type: "language_modeling",
    delimiter: " ",
    baseline: 0,
    fewShot: 1,
    examples: [{ context: "one two", continuation: "three" }],
  };
  assertThrows(() => promptsFor(task, 0), RangeError, "wanted 1 others, got 0");
  const two = { ...task, examples: [...task.examples, ...task.examples] };
  checkCore({ tasks: [two] });
  for (const [tasks, most] of [[[two], 1], [[two, task], Infinity]] as const) {
    assertThrows(
      () => checkCore({ tasks }, most),
      RangeError,
      "wanted at least 2 examples of count, which shows 1 before the one that is asked, got 1",
    );
  }
  const alone = { ...task, fewShot: 0 };
  assertEquals(sequencesFor(alone, 0, tokenizer).start, [8]);
  assertThrows(() => sequencesFor(alone, 0, tokenizer, 5), RangeError, "to fit into 5 tokens");
});
