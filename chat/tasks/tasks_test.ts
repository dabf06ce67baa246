import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { pythonTest, sharedPython } from "../testing/python.ts";
import type { Conversation } from "../../tokenizer/mod.ts";
import { extractAnswer, gsm8kProblem, isAnsweredRight } from "./gsm8k.ts";
import { extractImports, extractProgram } from "./human_eval.ts";
import { arcProblem, mmluProblem, type MmluRow, renderMultipleChoice } from "./multiple_choice.ts";
import { readRows } from "./rows.ts";
import { simpleSpelling, spellingBee } from "./spelling.ts";
import { listTask, mixTasks, sliceTask, type Task } from "./task.ts";

const say = (content: string): Conversation => ({ messages: [{ role: "user", content }] });
const textsOf = (task: Task) =>
  Array.from({ length: task.length }, (_, i) => task.get(i).messages[0]!.content);

Deno.test("a slice takes the examples of Python's range, and stops at the end", () => {
  const task = listTask("letters", [..."abcdefg"].map(say));
  assertEquals(textsOf(sliceTask(task, { start: 1, stop: 6, step: 2 })), ["b", "d", "f"]);
  assertEquals(textsOf(sliceTask(task, { start: 5, stop: 100 })), ["f", "g"]);
  assertEquals(sliceTask(task, { start: 100 }).length, 0);
  assertThrows(() => sliceTask(task, { step: 0 }), RangeError, "wanted step from 1, got 0");
  assertThrows(() => sliceTask(task, { start: -1 }), RangeError, "wanted start from 0, got -1");
  assertThrows(() => sliceTask(task, { stop: NaN }), RangeError, "wanted stop from 0, got NaN");
  assertThrows(() => sliceTask(task, { stop: 3 }).get(3), RangeError, "from 0 to 2");
  assertThrows(() => task.get(7), RangeError, "example 7 of letters");
});

goldenTest("a mixture shuffles as the original does", () => {
  const { mixture } = readGoldenJson<{
    mixture: { lengths: number[]; index_map: [number, number][] }[];
  }>("chat/golden-random");
  for (const { lengths, index_map } of mixture) {
    const tasks = lengths.map((length, task) =>
      listTask(`${task}`, Array.from({ length }, (_, i) => say(`${task},${i}`)))
    );
    assertEquals(textsOf(mixTasks(tasks)), index_map.map((pair) => pair.join()));
  }
});

interface GoldenEval {
  categorical: Record<string, { messages: unknown; letters: string[] }[]>;
  extract_answer: { text: string; answer: string | null }[];
  gsm8k_parsing: { answer: string; content: unknown }[];
  gsm8k_evaluate: { reference: string | null; response: string; correct: number }[];
  extract_program: { text: string; program: string }[];
  extract_imports: { text: string; imports: string }[];
  render_mc: string;
}

goldenTest("answers, programs and questions are read as the original reads them", () => {
  const golden = readGoldenJson<GoldenEval>("chat/golden-chat-eval");
  for (const { text, answer } of golden.extract_answer) {
    assertEquals(extractAnswer(text), answer, text);
  }
  for (const { answer, content } of golden.gsm8k_parsing) {
    assertEquals(gsm8kProblem({ question: "q", answer }).messages[1]!.content, content);
  }
  for (const { reference, response, correct } of golden.gsm8k_evaluate) {
    const content = [{
      type: "text",
      text: reference === null ? "none" : `#### ${reference}`,
    }] as const;
    const problem: Conversation = { messages: [{ role: "assistant", content }] };
    assertEquals(isAnsweredRight(problem, response), correct === 1, response);
  }
  for (const { text, program } of golden.extract_program) {
    assertEquals(extractProgram(text), program, text);
  }
  for (const { text, imports } of golden.extract_imports) {
    assertEquals(extractImports(text), imports);
  }
  assertEquals(renderMultipleChoice("Which?", ["A", "B"], ["one", "two"]), golden.render_mc);
});

goldenTest("rows of MMLU and GSM8K become the original's conversations", () => {
  const golden = readGoldenJson<{
    raw_rows: {
      mmlu_auxiliary_train: MmluRow[];
      gsm8k_train: { question: string; answer: string }[];
    };
    train_order: { messages: unknown }[];
  }>("chat/golden-sft");
  const known = new Set(golden.train_order.map(({ messages }) => JSON.stringify(messages)));
  const { mmlu_auxiliary_train, gsm8k_train } = golden.raw_rows;
  for (
    const problem of [...mmlu_auxiliary_train.map(mmluProblem), ...gsm8k_train.map(gsm8kProblem)]
  ) {
    assertEquals(known.has(JSON.stringify(problem.messages)), true, JSON.stringify(problem));
  }
});

Deno.test("rows whose answer is not among the choices are refused", () => {
  const choices = { text: ["a", "b"], label: ["1", "2"] };
  assertEquals(arcProblem({ question: "q", choices, answerKey: "2" }).letters, ["1", "2"]);
  assertThrows(() => arcProblem({ question: "q", choices, answerKey: "C" }), RangeError, "got C");
  const row = { question: "q", choices: ["a", "b", "c"], answer: 0 };
  assertThrows(() => mmluProblem(row), RangeError, "a letter for each of 3 choices, got 4");
});

goldenTest("spelling bees ask about the original's words, letters and templates", () => {
  const golden = readGoldenJson<
    Record<"spelling_bee_train" | "spelling_bee_test", Conversation[]> & {
      spelling_words: string[];
      spelling_templates: string[];
    }
  >("chat/golden-random");
  const { spelling_words: words, spelling_templates: templates } = golden;
  for (const split of ["train", "test"] as const) {
    const expected = golden[`spelling_bee_${split}`];
    const task = spellingBee({ words, templates, split, size: expected.length });
    for (const [i, { messages }] of expected.entries()) {
      const ours = task.get(i).messages;
      assertEquals(ours[0], messages[0]);
      const python = (turn: typeof messages[number] | undefined) =>
        typeof turn?.content === "object" &&
        turn.content.filter(({ type }) => type !== "text").map(({ text }) => text);
      assertEquals(python(ours[1]), python(messages[1]));
    }
  }
});

goldenTest("words to spell come in the original's order", () => {
  const golden = readGoldenJson<
    Record<"simple_spelling_train" | "simple_spelling_test", Conversation[]> & {
      spelling_words: string[];
    }
  >("chat/golden-random");
  for (const split of ["train", "test"] as const) {
    const expected = golden[`simple_spelling_${split}`];
    const task = simpleSpelling({ words: golden.spelling_words, split, size: expected.length });
    assertEquals(expected.map((_, i) => task.get(i)), expected);
  }
});

pythonTest("HumanEval is judged by running it, and only if that is allowed", async () => {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  const row = {
    prompt: "def one():\n",
    canonical_solution: "    return 1\n",
    entry_point: "one",
    test: "def check(f):\n    assert f() == 1\n",
  };
  await Deno.writeTextFile(path, JSON.stringify(row));
  await assertRejects(() => readRows("HumanEval", path), TypeError, "wanted --tools python");
  const python = await sharedPython();
  const exam = await readRows("HumanEval", path, { python });
  if (exam.kind !== "generative") throw new Error("expected answers to judge");
  const problem = exam.task.get(0);
  assertEquals(await exam.task.isRight(problem, "def one():\n    return 1"), true);
  assertEquals(await exam.task.isRight(problem, "def one():\n    return 2"), false);
});
