/**
 * Run by a test as ranks: three steps of reinforcement, the first of which teaches rank 0 nothing,
 * and the last of which shows one answer.
 * Each rank writes what happened, and its parameters, into a file in a folder.
 *
 * @module
 */

import { openRanks } from "../../gpt/mod.ts";
import { prepareReinforcement } from "../rl/reinforce.ts";
import { letters, reinforceLetters } from "./letters.ts";

const ranks = await openRanks("auto");
const { rank } = ranks ?? { rank: 0 };
const options = await reinforceLetters({
  // Every answer to the first question is right.
  task: {
    ...letters,
    isRight: (problem, completion) =>
      problem.messages[0]!.content === "0" || letters.isRight(problem, completion),
    isShown: ({ messages }) => messages[0]!.content === "4",
  },
  numIterations: 3,
  examplesPerStep: 2,
  evalEvery: 3,
  parallel: ranks ?? undefined,
}, 1 + rank);
const { model, run } = await prepareReinforcement(options);
const events: unknown[] = [];
for await (const event of run()) {
  if (event.kind === "step") events.push({ ...event, seconds: 0 });
  if (event.kind === "evaluation") events.push(event);
}
const parameters: number[] = [];
for (const parameter of model.parameters().values()) parameters.push(...await parameter.data());
await Deno.writeTextFile(`${Deno.args[0]}/${rank}.json`, JSON.stringify({ events, parameters }));
ranks?.close();
Deno.exit();
