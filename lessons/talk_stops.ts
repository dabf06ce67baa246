/** The stops of the tour after a GPT has read: answering, a tool, reward, serving. @module */

import { type Conversation, mergeSteps, renderConversation, Tokenizer } from "../tokenizer/mod.ts";
import { columns, formatNumber, paragraph } from "./tour_text.ts";

/** The tokens of a conversation, and whether the loss counts each of them. */
function tokensOf(conversation: Conversation): { token: string; learned: boolean }[] {
  const texts = conversation.messages.flatMap(({ content }) =>
    typeof content === "string" ? [content] : content.map(({ text }) => text)
  );
  // Merged until each word is one token.
  const tokenizer = Tokenizer.fromMerges([...mergeSteps(texts)].at(-1)!.merges);
  const { ids, mask } = renderConversation(tokenizer, conversation);
  return ids.map((id, i) => ({
    token: tokenizer.decode([id]).replaceAll(" ", "_"),
    learned: mask[i] === 1,
  }));
}

/** From continuing to answering: the special tokens, and the mask of the loss. */
export function answeringStop(): string[] {
  const rows = tokensOf({
    messages: [
      { role: "user", content: "What does the cow say?" },
      { role: "assistant", content: "Moo!" },
    ],
  }).map(({ token, learned }) => [token, learned ? "learned" : "only read"]);
  return [
    ...paragraph(
      "A GPT goes on with a text: asked a question, it may write another one. A conversation " +
        "is only a text with markers in it, special tokens that no letters can spell. Training " +
        "goes on with such texts, and is called fine-tuning. The loss counts the tokens of the " +
        "assistant only; the others are masked:",
    ),
    "",
    ...columns([["token", "the loss"], ...rows], 2),
  ];
}

/** A tool: who writes which token. */
export function toolStop(): string[] {
  const all = tokensOf({
    messages: [
      { role: "user", content: "What is 27+16?" },
      {
        role: "assistant",
        content: [
          { type: "python", text: "27+16" },
          { type: "python_output", text: "43" },
          { type: "text", text: "27+16 is 43." },
        ],
      },
    ],
  });
  const start = all.findIndex(({ token }) => token === "<|python_start|>");
  const rows = all.slice(start).map(({ token, learned }) => [token, learned ? "model" : "engine"]);
  return [
    ...paragraph(
      "A small GPT is bad at sums. So it writes down what it wants to know, between two " +
        "special tokens. The engine, the program around the model, stops it, computes, and " +
        "puts the result into the text. Then the model goes on, as if it had written that " +
        "itself:",
    ),
    "",
    ...columns([["token", "written by"], ...rows], 2),
  ];
}

/** Reward: the advantages of eight answers. */
export function rewardStop(): string[] {
  const rewards = [1, 0, 0, 1, 0, 0, 0, 0];
  const mean = rewards.reduce((sum, one) => sum + one) / rewards.length;
  const rows = rewards.map((reward, i) => [
    `${i + 1}`,
    `${reward}`,
    formatNumber(reward - mean),
    reward > mean ? "likelier" : "less likely",
  ]);
  return [
    ...paragraph(
      "Now nobody shows it anything. It answers the same question eight times, by chance a " +
        "little differently. A right answer gets the reward 1, a wrong one 0. The advantage " +
        `of an answer is its reward minus the mean, here ${formatNumber(mean)}:`,
    ),
    "",
    ...columns([["answer", "reward", "advantage", "its tokens become"], ...rows], 0),
    "",
    ...paragraph(
      "What can go wrong? If all eight are right, or all are wrong, every advantage is 0, and " +
        "nothing is learned. And a model finds out what is rewarded, not what you meant.",
    ),
  ];
}

/** Serve: three requests that share a batch of two rows. */
export function servingStop(): string[] {
  const requests = [
    { name: "Ada", prompt: 6, tokens: 3 },
    { name: "Bob", prompt: 4, tokens: 6 },
    { name: "Cem", prompt: 6, tokens: 2 },
  ];
  const waiting = requests.map((request) => ({ ...request, cells: request.prompt }));
  let places = [waiting.shift(), waiting.shift()];
  const rows: string[][] = [];
  for (let step = 1; places.some((row) => row !== undefined); step++) {
    for (const row of places) if (row !== undefined) row.cells++;
    const shown = places.map((row) => row === undefined ? "free" : `${row.name}, ${row.cells}`);
    rows.push([`${step}`, ...shown]);
    // A row that is done leaves, and the next request takes its place.
    places = places.map((row) =>
      row !== undefined && row.cells < row.prompt + row.tokens ? row : waiting.shift()
    );
  }
  const alone = requests.reduce((sum, { tokens }) => sum + tokens, 0);
  return [
    ...paragraph(
      "To write one token, a computer reads every weight of the model; to write one for each " +
        "of ten people, it reads them once as well. So they share a batch. Each has a KV " +
        "cache, the keys and values of the tokens so far, so that nothing is computed twice. " +
        "It fills by a cell with each token. Three people and two places, with the cells in use:",
    ),
    "",
    ...columns([["step", "place 1", "place 2"], ...rows], 3),
    "",
    ...paragraph(
      `One after the other, they would take ${alone} steps; together they take ${rows.length}. ` +
        "Cem asks what Ada asked: all cells of the question but the last are copied from hers.",
    ),
  ];
}
