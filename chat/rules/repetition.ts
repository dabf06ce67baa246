/**
 * Texts that the user wants repeated. Names, numbers and words in other answers must be copied
 * token by token as well; here most of an answer is a copy, so few examples teach it.
 *
 * @module
 */

import type { PythonRandom } from "../random/python_random.ts";
import type { Exchange, Subject } from "./exchange.ts";
import { anyName } from "./user_name.ts";
import { draft, slotFirst, wholeMessages, type Wordings } from "./wording.ts";

/** The wordings of this module. */
export const aboutRepeating = {
  repetition: slotFirst(wholeMessages(
    ".",
    "(repeat|repeat after me|please repeat|can you repeat|echo|now repeat|copy)(:|) {text}",
    "(repeat|copy|echo|read back)( this| after me| the following| these words| my words|): {text}",
    "(i say|i said|i am saying|i wrote|i typed|i just said)(:|) {text}",
    "what (did i (say|write|type)|do you (read|hear))(:|) {text}",
    "(please|can you|could you) (repeat|echo|read back|copy)( this|)(:|) {text}",
    "(listen and repeat|read and repeat|dictation|echo test|copy test|memory test)(:|) {text}",
    "{text}(:|,| -) (repeat|copy|echo|say) (it|that|this|them|me|this text|after me)( please|)",
    "{text}(:|,| -) (what did i (say|write|type)|now you|your turn|echo|repeat|copy|please repeat)",
  )),
} satisfies Record<string, Wordings>;

const MAX_PIECES = 8;

/** A text, repeated. */
export function repetition(random: PythonRandom, subject: Subject): Exchange {
  const text = anyText(random, subject);
  return {
    question: { ...draft(random, aboutRepeating.repetition, { text }), isRepeated: true },
    answer: `You said: ${text}.`,
  };
}

/** One to eight unrelated words, names and numbers, so that none can be guessed from the others. */
function anyText(random: PythonRandom, subject: Subject): string {
  const piece = () => {
    const kind = random.random();
    if (kind < 0.7) return subject.word(random);
    if (kind < 0.85) return anyName(random, subject);
    return `${random.randbelow(random.choice([10, 100, 1000, 10_000]))}`;
  };
  const pieces = Array.from({ length: 1 + random.randbelow(MAX_PIECES) }, piece);
  return pieces.join(random.choice([" ", " ", ", "]));
}
