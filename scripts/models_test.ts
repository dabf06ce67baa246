import { assertEquals } from "@std/assert";
import { suggestions } from "../chat/mod.ts";
import { type ChosenModel, suggestionsFor } from "./models.ts";

Deno.test("what conversations made by rule teach is suggested to ask, and to no other model", () => {
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
