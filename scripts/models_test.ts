import { assertEquals } from "@std/assert";
import { suggestions } from "../chat/suggestions.ts";
import {
  assistantNameOf,
  type ChosenModel,
  nameOf,
  nameTaught,
  resumeCommand,
  suggestionsFor,
} from "./models.ts";

Deno.test("questions of the synthetic conversations are suggested for models trained on them only", () => {
  const ask = (stage: ChosenModel["stage"], settings: Record<string, string | null>) =>
    suggestionsFor({ stage, meta: { settings } as ChosenModel["meta"] });
  const none = { task: null, conversations: null };
  assertEquals(ask("sft", none), suggestions);
  assertEquals(ask("sft", { ...none, task: "spelling:9,rules:20" }), suggestions);
  assertEquals(ask("rl", { task: "counting" }), suggestions);
  assertEquals(ask("base", none), []);
  assertEquals(ask("sft", { ...none, task: "spelling:9" }), []);
  assertEquals(ask("sft", { ...none, conversations: "mine.jsonl" }), []);
});

Deno.test("the name of a model is the one that its conversations gave it, if they did", () => {
  const ask = (stage: ChosenModel["stage"], settings: Record<string, string | null>) =>
    assistantNameOf({ stage, meta: { settings } as ChosenModel["meta"] });
  const taught = { task: "rules:20", conversations: null };
  assertEquals(ask("sft", { ...taught, name: "Rex" }), "Rex");
  assertEquals(ask("sft", taught), null);
  assertEquals(ask("sft", { task: "spelling:9", name: "Rex" }), null);
  assertEquals(ask("base", { ...taught, name: "Rex" }), null);
});

Deno.test("the name of another program's model names a folder", () => {
  const here = Deno.cwd().split("/").at(-1)!.replace(/[^\w.-]+/g, "-");
  for (
    const [from, name] of [
      ["models/qwen.gguf", "qwen"],
      ["hf:org/Some-Model@main", "Some-Model"],
      ["./my model/", "my-model"],
      ["/models/.hidden", "hidden"],
      [".", here],
      ["x/..", here],
      ["/models/模型", "model"],
    ] as const
  ) assertEquals(nameOf(from), name, from);
});

Deno.test("a model is examined under the name that it was taught, and adapters are not resumed", () => {
  const meta = (settings: ChosenModel["meta"]["settings"]) => ({ settings }) as ChosenModel["meta"];
  const named = (settings: ChosenModel["meta"]["settings"]) => nameTaught({ meta: meta(settings) });
  assertEquals([named({ name: "Rex" }), named({}), nameTaught(null)], ["Rex", "Dino", "Dino"]);
  const commandFor = (loraRank: number) =>
    resumeCommand({ stage: "sft", tag: "t", meta: meta({ loraRank }) });
  assertEquals(commandFor(0), "deno task chat_sft --resume --model-tag t");
  assertEquals(commandFor(8), null);
});
