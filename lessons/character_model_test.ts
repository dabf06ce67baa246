import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { CharacterModel, trainCharacterModel } from "./character_model.ts";
import { dinosaurs } from "./dinosaurs.ts";
import { checkGradient, numericalGradient } from "../autograd/gradcheck.ts";

/** Trained once for all tests. */
const trained = trainCharacterModel();

Deno.test("the cross-entropy of an untrained model is ln of the vocabulary size", () => {
  const model = new CharacterModel(dinosaurs);
  assertAlmostEquals(model.loss(dinosaurs).data, Math.log(model.alphabet.length), 1e-12);
});

Deno.test("training lowers the loss at every step, and is deterministic", () => {
  const { losses, parameters, alphabet, examples, before, after } = trained;
  assertEquals(parameters, 3 * alphabet.length ** 2);
  assertEquals(examples, (dinosaurs.join(".") + ".").length);
  losses.slice(1).forEach((loss, i) => assert(loss < losses[i]!, `turn ${i + 1}: ${loss}`));
  assert(losses.at(-1)! < 0.9, `${losses.at(-1)}`);
  assertEquals([before.length, after.length], [8, 8]);
  const again = trainCharacterModel({ steps: 2 });
  assertEquals(again.losses, losses.slice(0, 2));
  assertEquals(again.before, before);
});

Deno.test("pairs of letters in samples come from the training words after training, not before", () => {
  const pieces = new Set(dinosaurs.flatMap((word) => {
    const letters = `.${word}.`;
    return [...letters.slice(1)].map((letter, i) => letters[i]! + letter);
  }));
  const known = (words: readonly string[]): number => {
    const pairs = words.flatMap((word) => [...word.slice(1)].map((next, i) => word[i]! + next));
    return pairs.filter((pair) => pieces.has(pair)).length / pairs.length;
  };
  const { before, after } = trained;
  assert(known(before) < 0.5, `${known(before)}`);
  assert(known(after) > 0.85, `${known(after)}`);
});

Deno.test("the gradient of every weight of a small model matches finite differences", () => {
  const words = ["aba", "b"];
  const run = (numbers: ArrayLike<number>): { model: CharacterModel; loss: number } => {
    const model = new CharacterModel(words);
    model.parameters().forEach((parameter, i) => parameter.data = numbers[i]!);
    const loss = model.loss(words);
    loss.backward();
    return { model, loss: loss.data };
  };
  const numbers = Array.from({ length: 27 }, (_, i) => Math.sin(i));
  const gradient = run(numbers).model.parameters().map(({ grad }) => grad);
  checkGradient(gradient, numericalGradient((x) => run(x).loss, numbers));
});

Deno.test("a letter outside the alphabet is refused", () => {
  const error = assertThrows(() => new CharacterModel(["ab"]).scores(".?a"), RangeError);
  assertEquals(
    error.message,
    'Cannot score the letter after ".?a": wanted 3 letters out of ".ab", got "?" as letter 2',
  );
});

Deno.test("the model learns other words, with other steps, learning rates and seeds", () => {
  const options = { words: ["aba", "b"], learningRate: 1, steps: 30 };
  const { alphabet, parameters, examples, losses, after } = trainCharacterModel(options);
  assertEquals([alphabet, parameters, examples], [[".", "a", "b"], 27, 6]);
  assertAlmostEquals(losses[0]!, Math.log(3), 1e-12);
  assert(losses.length === 30 && losses.at(-1)! < losses[0]!, `${losses.at(-1)}`);
  const slower = trainCharacterModel({ ...options, learningRate: 0.1 });
  assert(slower.losses.at(-1)! > losses.at(-1)!);
  const other = trainCharacterModel({ ...options, seed: 2 });
  assertEquals(other.losses, losses);
  assert(other.after.join() !== after.join());
});

Deno.test("training without words is an error", () => {
  const error = assertThrows(() => trainCharacterModel({ words: [] }), RangeError);
  assertEquals(
    error.message,
    "Cannot train the character model: wanted at least 1 word, got none",
  );
});
