import { assert, assertEquals, assertRejects } from "@std/assert";
import { openCheckpoint, openDevice, type TrainingEvent } from "../../gpt/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { ChatSession } from "../session.ts";
import { documentConversations } from "../tasks/documents.ts";
import { prepareTiny } from "../testing/fine_tuning.ts";
import { ConversationLoader } from "./conversation_loader.ts";
import { DocumentsFirst } from "./documents_first.ts";
import { prepareFineTuning } from "./fine_tune.ts";

const documents = [
  {
    name: "rivers.md",
    text: "# Rivers\nThe Nile is long and slow.\n\n# Lakes\nLake Baikal is deep.",
  },
  { name: "hills.txt", text: "There is no hill in this land." },
];
const task = documentConversations(documents, 40);
const tokenizer = await Tokenizer.train(
  documents.map(({ text }) => `${text} Tell me about What do you know about`.repeat(20)),
  { vocabSize: 330 },
);

Deno.test("batches of whole documents come first, then conversations, and both resume exactly", async () => {
  const rows = { tokenizer, batchSize: 2, sequenceLength: 32 };
  const conversations = () => new ConversationLoader({ ...rows, task, seed: 3 });
  const options = () => ({
    ...rows,
    documents,
    batches: 3,
    conversations: conversations(),
    seed: 3,
  });
  const loader = await DocumentsFirst.open(options());
  const batches = [];
  for (let i = 0; i < 6; i++) batches.push(await loader.take());
  for (const [i, { inputs, targets }] of batches.entries()) {
    const hasTurns = inputs.includes(tokenizer.special("<|user_start|>"));
    assertEquals([hasTurns, targets.includes(-1)], [i >= 3, i >= 3], `batch ${i}`);
  }
  for (const at of [0, 2, 4]) {
    const state = JSON.parse(JSON.stringify(batches[at]!.state));
    const resumed = await DocumentsFirst.open({
      ...options(),
      conversations: new ConversationLoader({ ...rows, task, seed: 3, state: state.conversations }),
      state,
    });
    for (const batch of batches.slice(at + 1)) assertEquals(await resumed.take(), batch);
  }
  const { state } = batches[1]!;
  const other = { ...options(), documents: documents.slice(1), state };
  await assertRejects(() => DocumentsFirst.open(other), Error, "Cannot resume the data loader");
});

Deno.test("a model speaks of documents that it was fine-tuned with, also after a stop", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const tiny = { task, tokenizer, nLayer: 2, nEmbd: 64 };
  const options = await prepareTiny(device, tiny, {
    totalBatchSize: 128,
    numIterations: 40,
    saveEvery: 10,
    documents: { texts: documents, epochs: 20 },
  });
  const stop = new AbortController();
  const first = await prepareFineTuning({ ...options, signal: stop.signal });
  assert(first.documentSteps > 4 && first.numIterations === first.documentSteps + 40);
  for await (const event of first.run()) if (event.kind === "checkpoint") stop.abort();
  const checkpoint = await openCheckpoint(options.folder);
  await assertRejects(
    () => prepareFineTuning({ ...options, checkpoint, resume: true, documents: undefined }),
    Error,
    "wanted a run without documents, got the other kind",
  );
  const rest = await prepareFineTuning({ ...options, checkpoint, resume: true });
  let end: TrainingEvent | null = null;
  for await (const event of rest.run()) end = event;
  assert(end?.kind === "end" && end.finished);
  using session = new ChatSession(rest.model, tokenizer);
  let answer = "";
  const sampling = { temperature: 0, topK: 0, maxTokens: 40, seed: 1 };
  for await (const { text } of session.answer("Tell me about Lakes.", sampling)) answer += text;
  assertEquals(answer, "Lake Baikal is deep.");
  await device.close();
});
