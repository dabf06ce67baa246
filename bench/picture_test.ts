import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CheckpointMeta, GPTConfig } from "../gpt/mod.ts";
import { untrained } from "../gpt/train/run.ts";
import { pictureOf } from "./picture.ts";

const digest = { bytes: 0, sha256: "" };
const modelConfig: GPTConfig = {
  sequenceLen: 256,
  vocabSize: 256,
  nLayer: 4,
  nHead: 2,
  nKvHead: 2,
  nEmbd: 64,
  windowPattern: "L",
};
const meta: CheckpointMeta = {
  format: "nanodino-checkpoint-1",
  savedAt: "2026-01-01T00:00:00Z",
  modelConfig,
  settings: { totalBatchSize: 2048 },
  state: { ...untrained, step: 3, seconds: 65, bitsPerByte: 1.8072 },
  steps: 3,
  files: { model: digest, tokenizer: digest },
};
const metrics = [
  { kind: "evaluation", step: 0, bitsPerByte: 3 },
  ...[8, 6, 5].map((loss, step) => ({ kind: "step", step, loss, smoothLoss: loss + 1 })),
];

Deno.test("the picture has both curves, the sample in lines of whole words, and the facts of the run", () => {
  const sample = "We <b>must</b> not be afraid of long sentences, which are wrapped.";
  const svg = pictureOf({ meta }, metrics, sample);
  const curves = [...svg.matchAll(/<polyline[^>]* points="([^"]*)"/g)];
  assertEquals(curves.map(([, points]) => points!.split(" ").length), [3, 3]);
  const lines = [...svg.matchAll(/monospace">([^<]*)</g)].map(([, line]) => line!);
  assertEquals(lines, [
    "We &lt;b&gt;must&lt;/b&gt; not be afraid of long sentences, which",
    "are wrapped.",
  ]);
  assertStringIncludes(svg, "0.3 million parameters · 3 steps · 6,144 tokens");
  assertStringIncludes(svg, "trained in 1:05 · 1.807 bits per byte");
  assert(!svg.includes("<b>"));
});

Deno.test("a run that was never evaluated has a picture, too", () => {
  const state = { ...meta.state, bitsPerByte: null };
  assert(!pictureOf({ meta: { ...meta, state } }, metrics, "We").includes("bits per byte"));
});

Deno.test("a story is marked sentence by sentence, with what is wrong, and its questions", () => {
  const story =
    "Once upon a time, there was a shy fox named Tom. Tom owned a red kite. She ran away." +
    "\nWhat did Tom own? A red kite.\nWho was Tom? A bear.";
  const ofStories = { meta: { ...meta, settings: { ...meta.settings, data: "stories" } } };
  const svg = pictureOf(ofStories, [...metrics, { step: 2, questionsRight: 0.5 }], story);
  assertStringIncludes(svg, '<tspan font-weight="bold">Tom</tspan> owned a red kite.');
  const lines = [...svg.matchAll(/monospace">(.*?)<\/text>/g)]
    .map(([, line]) => line!.replaceAll(/<\/?tspan[^>]*>/g, ""));
  assertEquals(lines, [
    "✓ Once upon a time, there was a shy fox named Tom.",
    "✓ Tom owned a red kite.",
    "✗ She ran away.",
    "  → no such sentence",
    "",
    "✓ What did Tom own? A red kite.",
    "✗ Who was Tom? A bear.",
  ]);
  assertEquals([...svg.matchAll(/<polyline|<circle/g)].length >= 3, true);
});
