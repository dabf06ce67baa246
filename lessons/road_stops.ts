/** The stops of the tour from letters to a GPT: tokens, embeddings, attention, a block, optimizers, overfitting. @module */

import { mergeSteps, Tokenizer } from "../tokenizer/mod.ts";
import { attend, fourWords, type Matrix } from "./attention.ts";
import { ferns, throughBlock, wholeBlock } from "./block.ts";
import { trainCharacterModel } from "./character_model.ts";
import { dinosaurs } from "./dinosaurs.ts";
import { lookUp, sixWords } from "./embedding.ts";
import { inductionHead } from "./induction.ts";
import { positions } from "./positions.ts";
import { columns, formatNumber, paragraph } from "./tour_text.ts";
import { slopeAt, valleyStart } from "./valley.ts";

/** A matrix with names at its sides. */
function named(
  corner: string,
  rows: readonly string[],
  names: readonly string[],
  values: Matrix,
): string[] {
  return columns([
    [corner, ...names],
    ...values.map((row, i) => [rows[i]!, ...row.map((x) => x.toFixed(2))]),
  ]);
}

/** Tokens: the first merges of a sentence. */
export function tokensStop(): string[] {
  const text = "The dinosaur saw the other dinosaurs in the den, and then they all ate there.";
  const steps = [...mergeSteps([text]).take(13)];
  const nameOf = (tokenizer: Tokenizer, id: number) => tokenizer.decode([id]).replaceAll(" ", "_");
  const rows = [0, 1, 2, 3, 4, 12].map((at) => {
    const { merges, pairs: [first] } = steps[at]!;
    const tokenizer = Tokenizer.fromMerges(merges);
    const ids = tokenizer.encode(text);
    const [left, right] = first!.pair.map((id) => nameOf(tokenizer, id));
    return [`${at}`, `${ids.length}`, `${left} + ${right}`, `${first!.count}`];
  });
  return [
    ...paragraph(
      "Letters are a slow way to read, and of whole words there are too many. Tokens are " +
        "pieces that occur often. Byte pair encoding begins with the 256 bytes, counts which " +
        "two tokens stand together most often, and makes one token of them. Then it counts " +
        "again. On this sentence:",
    ),
    "",
    `  ${text}`,
    "",
    ...columns([["merges", "tokens", "next pair", "count"], ...rows], 0),
    "",
    ...paragraph(
      "The first pair is not t and h, but h and e: 'The' has a capital T. An underscore is " +
        "a space. What can go wrong? The model never sees letters again: ask one how many r " +
        "are in 'strawberry'.",
    ),
  ];
}

/** Embeddings and positions: a table, and arrows that turn. */
export function embeddingsStop(): string[] {
  const { words, features, table } = sixWords;
  const { similarities } = lookUp(0);
  return [
    ...paragraph(
      "A token is only a number. It gets a row of numbers from a table: its embedding. Here " +
        "they are made up and have names; training finds them, without names.",
    ),
    "",
    ...columns([
      ["", ...features, "like Rex"],
      ...words.map((word, i) => [
        word,
        ...table[i]!.map((x) => formatNumber(x)),
        similarities[i]!.toFixed(4),
      ]),
    ]),
    "",
    ...paragraph(
      "Where a word stands, its row does not know. So a GPT turns queries and keys by their " +
        "places, as arrows. If both words move on, both arrows turn alike: the score knows " +
        "how far two words are apart, and nothing else.",
    ),
    "",
    ...columns([
      ["query at", "key at", "fast arrow", "slow arrow", "score"],
      ...([[8, 5], [9, 6], [28, 25], [8, 8], [8, 2]] as const).map(([asks, answers]) => {
        const { products, score } = positions([asks, answers]);
        return [`${asks}`, `${answers}`, ...[...products, score].map((x) => x.toFixed(4))];
      }),
    ], 0),
  ];
}

/** Attention in numbers, and a head that copies. */
export function attentionStop(): string[] {
  const { words, inputs, weights } = fourWords;
  const one = attend(inputs, weights, 1).heads[0]!;
  const two = attend(inputs, weights, 2).heads.map(({ pattern }) => pattern[3]!);
  const { alphabet, induction } = inductionHead("dinodi");
  const shares = induction.output.at(-1)!;
  const next = alphabet[shares.indexOf(Math.max(...shares))]!;
  return [
    ...paragraph(
      "'Rex ate ferns. He ...' Who is he? Attention lets a word ask all words before it. " +
        "Three tables of weights turn its numbers into a query (what it looks for), a key " +
        "(what it is) and a value (what it gives). Query times key is the score:",
    ),
    "",
    ...named("scores", words, words, one.scores),
    "",
    ...paragraph(
      "Divided by 2, the root of the numbers of a head, without what comes later, and " +
        "softmaxed, scores become shares. Each row says whom a word reads:",
    ),
    "",
    ...named("shares", words, words, one.pattern),
    "",
    ...paragraph(
      "'He' asks for an animal and for a deed, with one softmax. Two heads have one each:",
    ),
    "",
    ...named("He", ["head 1", "head 2"], words, two),
    "",
    ...paragraph(
      "Two heads, one after the other, can learn from the text that they read: the first " +
        "notes at each place which letter stood before it, the second looks for a place whose " +
        `note is its own letter. After 'dinodi' it copies '${next}': an induction head.`,
    ),
  ];
}

/** A block: what each part adds to the residual stream. */
export function blockStop(): string[] {
  const { features, next } = ferns;
  const { stream, added } = throughBlock();
  const without = [
    { name: "all parts", parts: wholeBlock },
    { name: "no norm", parts: { ...wholeBlock, norm: false } },
    { name: "no attention", parts: { ...wholeBlock, attention: false } },
    { name: "no MLP", parts: { ...wholeBlock, mlp: false } },
    { name: "ReLU, not squared", parts: { ...wholeBlock, square: false } },
  ];
  return [
    ...paragraph(
      "Think of a river: the residual stream. Attention and an MLP look at it, and each " +
        "adds something. Nothing in it is ever replaced.",
    ),
    "",
    "  x = x + attention(norm(x))",
    "  x = x + mlp(norm(x))",
    "",
    ...named(
      "He",
      ["embedding", "+ attention", "= river", "+ MLP", "= river"],
      features,
      [stream[0], added[0], stream[1], added[1], stream[2]],
    ),
    "",
    ...paragraph(
      "An animal that ate is full: the MLP puts both together by ReLU squared. Switch parts " +
        "off, and see who knew what:",
    ),
    "",
    ...columns([
      ["'Rex ate ferns. He ...'", ...next],
      ...without.map(({ name, parts }) => [
        name,
        ...throughBlock(parts).next[2].map((share) => share.toFixed(2)),
      ]),
    ]),
  ];
}

/** The optimizer: a valley that is steep one way and flat the other. */
export function optimizerStop(): string[] {
  const momentum = 0.85;
  const descend = (lr: number, kept: number) => {
    let { steep, flat } = valleyStart;
    let [rollsAcross, rollsAlong] = [0, 0];
    const places = [{ steep, flat }];
    for (let step = 1; step <= 60; step++) {
      const { gradient } = slopeAt({ steep, flat });
      rollsAcross = kept * rollsAcross + gradient.steep;
      rollsAlong = kept * rollsAlong + gradient.flat;
      [steep, flat] = [steep - lr * rollsAcross, flat - lr * rollsAlong];
      places.push({ steep, flat });
    }
    return places;
  };
  const [plain, ball] = [descend(0.018, 0), descend(0.012, momentum)];
  return [
    ...paragraph(
      "How far do you step? In a valley that is steep one way and flat the other, a step " +
        "that is right for the steep way is too short for the flat one. SGD bounces from wall " +
        `to wall. Momentum rolls on: m = ${momentum} * m + g; w = w - lr * m.`,
    ),
    "",
    ...columns([
      ["step", "SGD: steep", "flat", "loss", "Momentum: steep", "flat", "loss"],
      ...[0, 1, 2, 5, 20, 60].map((step) => [
        `${step}`,
        ...[plain, ball].flatMap((places) => {
          const { steep, flat } = places[step]!;
          return [steep, flat, slopeAt({ steep, flat }).loss].map((x) => formatNumber(x, 3));
        }),
      ]),
    ]),
    "",
    ...paragraph(
      "Adam gives each weight a step of its own, divided by how large its gradients are. " +
        "Muon looks at a whole matrix, and makes its singular values equal: it moves as far " +
        "in every direction. Both want a schedule: large steps first, small ones at the end.",
    ),
  ];
}

/** Overfitting: letters of a few names, by heart. */
export function overfittingStop(): string[] {
  const few = dinosaurs.slice(0, 4);
  const known = new Set(few.join(""));
  const others = dinosaurs.slice(4).filter((name) => [...name].every((one) => known.has(one)));
  const rows = [1, 3, 10, 30, 100].map((steps) => {
    const { model, losses } = trainCharacterModel({ words: few, steps: steps + 1 });
    return [`${steps}`, losses.at(-1)!.toFixed(3), model.loss(others).data.toFixed(3)];
  });
  return [
    ...paragraph(
      "A model with many weights and little to read learns the answers by heart. Keep some " +
        "text back, and never train on it: its loss is the test loss. Where it turns and " +
        `rises, rules end. The model of letters, on ${few.length} names alone:`,
    ),
    "",
    ...columns([["step", "what it reads", "never seen"], ...rows]),
    "",
    ...paragraph(
      "Early stopping keeps the step with the lowest test loss; weight decay pulls all " +
        "weights a little towards 0. Both make it less bad. More to read makes it good.",
    ),
  ];
}
