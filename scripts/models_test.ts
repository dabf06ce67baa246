import { assertEquals } from "@std/assert";
import { suggestions } from "../chat/mod.ts";
import { type ChosenModel, suggestionsFor } from "./models.ts";

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
