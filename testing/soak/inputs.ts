/** Mutated inputs of what reads texts: the tokenizer, the calculator, conversations and flags. @module */

import { parseFlags, UsageError } from "../../scripts/flags.ts";
import { choice, decimal, integer, list, optional, text, toggle } from "../../scripts/flags.ts";
import { calculate } from "../../gpt/generate/calculator.ts";
import { tinyTokenizer } from "../../gpt/testing/tiny.ts";
import { renderConversation } from "../../tokenizer/mod.ts";
import { damageText, randomText } from "./damage.ts";
import type { Random } from "./random.ts";
import { mayRefuse } from "./refusal.ts";
import { plainTrial, type Trial } from "./trial.ts";

const tokenizer = await tinyTokenizer();

const roundTrip = plainTrial("inputs/tokenizer", (random) => {
  // As an encoder of UTF-8 does, which has no lone surrogates.
  const text = randomText(random, 2000).toWellFormed();
  const decoded = tokenizer.decode(tokenizer.encode(text));
  if (decoded !== text) {
    throw new Error(`wanted ${JSON.stringify(text)}, got ${JSON.stringify(decoded)}`);
  }
  return "equal";
});

const EXPRESSIONS = [
  "(1,000 + 24) / 2",
  "2 ** 100",
  "7 // -2 * 3.5e10",
  "-(-(-(1)))",
  "1e308 * 10",
  "0.1 + 0.2",
  '"strawberry".count("r")',
  "'a\\'b'.count('b')",
  "10 // 0",
  "((((((((((1))))))))))",
];

const calculator = plainTrial("inputs/calculator", (random) => {
  const expression = damageText(random.pick(EXPRESSIONS), random);
  const answer = calculate(expression);
  if (answer === null) return "no answer";
  if (typeof answer !== "string" || /undefined|NaN|Infinity/.test(answer)) {
    throw new Error(`wanted a finite number for ${JSON.stringify(expression)}, got ${answer}`);
  }
  return "an answer";
});

function randomConversation(random: Random): unknown {
  const words = ["system", "user", "assistant", "user", "assistant", "tool", "__proto__"];
  const content = (): unknown =>
    random.chance(0.7)
      ? randomText(random, 60)
      : random.pick([null, 5, [], {}, [{ type: "text", text: "a" }], [{ type: "image" }], [null]]);
  const turns = Array.from({ length: random.below(6) }, (_, i) => ({
    role: random.chance(0.8) ? words[1 + i % 2] : random.pick(words),
    content: content(),
  }));
  return random.chance(0.9)
    ? { messages: turns }
    : random.pick([null, [], {}, "a", { messages: 1 }]);
}

const rendering = plainTrial("inputs/conversations", async (random) =>
  await mayRefuse(() => {
    const conversation = randomConversation(random) as Parameters<typeof renderConversation>[1];
    const maxTokens = random.pick([0, 1, 7, 100, 2048, Infinity]);
    const { ids, mask } = renderConversation(tokenizer, conversation, { maxTokens });
    if (ids.length !== mask.length || ids.length > maxTokens) {
      throw new Error(
        `assert: ${ids.length} ids, ${mask.length} in the mask, at most ${maxTokens}`,
      );
    }
  }));

const flags = {
  steps: integer(20, "Steps"),
  rate: decimal(0.1, "Rate"),
  name: text("a", "Name"),
  kind: choice(["one", "two"], "one", "Kind"),
  files: list("Files", "FILE"),
  limit: optional(integer(1, "Limit")),
  fast: toggle("Fast"),
};

const commandLine = plainTrial("inputs/flags", async (random) => {
  const names = [...Object.keys(flags), "help", "debug", "no-fast", "stepz", "-", ""];
  const args = Array.from({ length: random.below(6) }, () => {
    const value = random.chance(0.5) ? `${random.below(100) - 50}` : randomText(random, 12);
    const name = `${random.pick(["--", "-", ""])}${random.pick(names)}`;
    return random.pick([name, value, `${name}=${value}`]);
  });
  try {
    parseFlags(args, flags);
    return "accepted";
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // The input is quoted, with its lines.
    return await mayRefuse(() => {
      throw new Error(error.message.replaceAll(/\s+/g, " "));
    });
  }
});

export const inputTrials: readonly Trial[] = [roundTrip, calculator, rendering, commandLine];
