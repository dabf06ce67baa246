import { assert, assertEquals, assertThrows } from "@std/assert";
import { GPT } from "../../gpt/mod.ts";
import { cpuTest, testOnEveryDevice } from "../../testing/every_device.ts";
import { goldenTest, hasGolden, readGoldenJson } from "../../testing/golden.ts";
import { type Conversation, Tokenizer } from "../../tokenizer/mod.ts";
import { isAnsweredRight } from "../tasks/gsm8k.ts";
import type { CategoricalProblem } from "../tasks/multiple_choice.ts";
import { type GenerativeTask, listTask } from "../tasks/task.ts";
import { noteDeviation } from "../testing/deviations.ts";
import { goldenModel, goldenTokenizer } from "../testing/golden_chat.ts";
import { evaluateCategorical } from "./categorical.ts";
import { chatCore } from "./chat_core.ts";
import { evaluateGenerative } from "./generative.ts";
import { passAtK } from "./pass_at_k.ts";

interface GoldenEval {
  categorical: Record<
    string,
    (CategoricalProblem & { logits: number[]; prediction: string; correct: boolean })[]
  >;
  generative: Record<string, (Conversation & { text: string; correct: boolean })[]>;
  accuracies: Record<string, number>;
  chatcore: number;
}

const golden = () => readGoldenJson<GoldenEval>("chat/golden-chat-eval");

if (hasGolden) {
  testOnEveryDevice("letters are chosen with the original's logits", async (device) => {
    const [model, tokenizer] = [goldenModel(device), goldenTokenizer()];
    for (const [name, problems] of Object.entries(golden().categorical)) {
      const answers = await evaluateCategorical(model, tokenizer, listTask(name, problems), {
        batchSize: 2,
      });
      for (const [i, { logits, prediction, correct }] of problems.entries()) {
        assertEquals([answers[i]!.prediction, answers[i]!.correct], [prediction, correct]);
        const largest = Math.max(...logits.map(Math.abs));
        logits.forEach((logit, k) => {
          const deviation = Math.abs(answers[i]!.logits[k]! - logit) / largest;
          noteDeviation("golden-chat-eval, logits", device, deviation);
          assert(deviation <= 1e-4, `${name} ${i}`);
        });
      }
    }
  });

  testOnEveryDevice("greedy answers are the original's, tools included", async (device) => {
    const [model, tokenizer] = [goldenModel(device), goldenTokenizer()];
    for (const [name, problems] of Object.entries(golden().generative)) {
      const task: GenerativeTask = {
        ...listTask<Conversation>(name, problems),
        isRight: isAnsweredRight,
      };
      const answers = await evaluateGenerative(model, tokenizer, task);
      assertEquals(
        answers.map(({ completions }) => completions[0]),
        problems.map(({ text }) => text),
      );
      if (name !== "GSM8K") continue;
      assertEquals(
        answers.map(({ correct }) => correct[0]),
        problems.map(({ correct }) => correct),
      );
    }
  });
}

cpuTest(
  "a question that the model cannot even read is answered wrongly, with nothing",
  async (device) => {
    const tokenizer = await Tokenizer.train(["a rose is a rose"], { vocabSize: 280 });
    const { vocabSize } = tokenizer;
    const shape = {
      sequenceLen: 4,
      nLayer: 1,
      nHead: 1,
      nKvHead: 1,
      nEmbd: 32,
      windowPattern: "L",
    };
    const model = new GPT({ ...shape, vocabSize }, device);
    const messages = [
      { role: "user", content: "Is it a rose? ".repeat(20) },
      { role: "assistant", content: "It is." },
    ] as const;
    const task: GenerativeTask = {
      ...listTask<Conversation>("roses", [{ messages: [...messages] }]),
      isRight: (_problem, text) => text !== "",
    };
    const answers = await evaluateGenerative(model, tokenizer, task, { samples: 2 });
    assertEquals(answers, [{ completions: ["", ""], correct: [false, false] }]);
  },
);

goldenTest("ChatCORE is the original's, and absent while a task is", () => {
  const { accuracies, chatcore } = golden();
  assert(Math.abs(chatCore(accuracies)! - chatcore) < 1e-12);
  assertEquals(chatCore({ MMLU: 0.5 }), null);
});

Deno.test("pass@k is the share of samples of k answers with a right one", () => {
  // C(5, 2) = 10 pairs, of which C(3, 2) = 3 have none of the two right answers.
  assert(Math.abs(passAtK(5, 2, 2) - 0.7) < 1e-12);
  assertEquals(passAtK(5, 0, 3), 0);
  assertEquals(passAtK(5, 3, 3), 1);
  assertEquals(passAtK(1, 1, 1), 1);
  assert(passAtK(1000, 500, 100) <= 1);
  assertThrows(() => passAtK(2, 1, 3), RangeError, "got 1 of 2");
});
