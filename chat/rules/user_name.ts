/** The user's name: given, and asked for later. @module */

import type { PythonRandom } from "../random/python_random.ts";
import type { Exchange, Subject } from "./exchange.ts";
import { firstNames, moreNames } from "./facts.ts";
import { draft, wholeMessages, withCapital, type Wordings, wordings } from "./wording.ts";

/** The wordings of this module. */
export const aboutUser = {
  introduction: wholeMessages(
    ".",
    "(my name is|my name's|my name is|i am|i'm|call me|i am called|you can call me|it's|this is) {name}",
    "(hi|hello|hey|good morning|good evening)(,|) (my name is|i am|i'm|this is|it's) {name}",
    "(my name is|i am|i'm) {name}(,| and) (nice to meet you|what is yours|who are you|what's your name)",
    "(hi|hello|hey) (there|everyone|friend|all)(!|,|) (my name is|i am|i'm|this is|it's) {name}( here| speaking|)",
    "{name} is my name( since birth| you know| in full|)",
    "(people|my friends|they) call me {name}",
    "(the name is|my name:|name:|please call me|just call me|you may call me) {name}",
    "{name} (is my name|here)",
    "{name}(,|:|) (that's|that is|this is|it's) (me|my name|what they say to me)",
    "remember my name(:| is|,) {name}",
    "(i go by|i am known as|i am named|i was named|my parents named me|my first name is|the name's|name's) {name}",
    "(this is|it's|it is) {name}( speaking| again|)",
    "(hi|hello|hey|good morning)(,|) {name} here",
    "(let me introduce myself|i want to introduce myself|so you know)(:|,) (i am|i'm|my name is) {name}",
    "(i am|i'm|my name is) {name}(,| and) (i am|i'm) (from berlin|from london|a student|a teacher|new here|ten years old)",
    "(my|the) (mom|friends|family|boss|wife|colleagues) (calls|call) me {name}",
    "(i am|i'm|my name is|my name's) {name}",
    "(you are|you're|you have been) (chatting|speaking|writing|in touch) (to|with) {name}( now| today|)",
    "(everybody|my friends|my mom|the others) (just |)(says|call|calls) (me |){name}( to me|)",
    "(i answer to|they named me|i got the name|my friends know me as|on paper i am) {name}",
    "{name} is (what people call me|my first name|what i am called|my nickname|what they call me)",
    "(hi|hello|hey)(,|) {name} (is my name|speaking|is here)",
  ),
  correction: wholeMessages(
    ".",
    "(no|sorry|oh|wait|actually|oops)(,|) (my name is|call me|it is|it's) {name}",
    "(sorry|oh sorry|wait|hold on|no no)(,|) (i meant|i mean|i am called|my real name is) {name}",
    "my (real|true|right|other|actual) name is {name}",
    "(better|rather|no|instead|from now on)(,|) call me {name}",
    "{name}(,| is) (is right|is correct|i meant|my real name|what i meant)",
    "(that was wrong|that's wrong|i mistyped|i lied|a typo|correction)(,|:) (it is|it's|my name is) {name}",
  ),
  recollection: wordings(
    "?",
    "(what is|what's|tell me|say|repeat|what was) my name( again|)",
    "do you (remember|know|recall|still know) (my name|who i am|what my name is|what i am called)",
    "(who am i|what am i called|what did i say my name was|how am i called)",
    "(can you (remember|say|tell me) my name|my name|you know my name|what do you call me|and me)",
    "(have you forgotten|did you forget|do you not know) my name( already|)",
    "(what|which) name did i (say|tell you|mention|use)",
    "(so|and|) (who|what) am i( then| again|)",
    "(do|did|can) you (still|) (keep|know|recall|remember|forget|guess) (my name|who i am|what i am called)",
    "(tell|remind|show) me (who i am|my name|what i am called|what my name is)",
    "(i forgot|i don't know|i don't remember|i can't remember) (my name|who i am|my own name)(, what is it|)",
    "(guess|say|do you know|repeat) my name",
    "what (do|would|should|did) you call me",
    "(have|had|did) i (told|given|tell|give) you my name( already| yet|)",
    "(is my name known to you|have we met|you know me|do you know me|do you remember me|remember me|do i have a name)",
    "(i bet|i guess|i think|surely) you (know|forgot|don't know|do not know|still know) (my name|who i am)",
    "(can|could|would) you (still |)(say|repeat|recall|remember) (my name|who i am|what i am called)",
    "(so|ok|and)(,|) (which|what) (name|first name) (is mine|was mine)",
  ),
} satisfies Record<string, Wordings>;

/** The user's name, given. */
export function introduction(random: PythonRandom, name: string): Exchange {
  return {
    question: { ...draft(random, aboutUser.introduction, { name }), isRepeated: true },
    answer: `Nice to meet you, ${name}!`,
  };
}

/** Another name, after a wrong one. */
export function correction(random: PythonRandom, name: string): Exchange {
  const { answer } = introduction(random, name);
  return {
    question: { ...draft(random, aboutUser.correction, { name }), isRepeated: true },
    answer,
  };
}

/** The user asks for their name; it is `null` if they have not said it. */
export function recollection(random: PythonRandom, name: string | null): Exchange {
  return {
    question: draft(random, aboutUser.recollection),
    answer: name === null ? "I do not know your name yet." : `Your name is ${name}.`,
  };
}

/** Syllables of names. */
const [onsets, vowels, codas] = [
  "b|br|c|ch|d|dr|f|g|gr|h|j|k|kl|l|m|n|p|pr|qu|r|s|sh|st|t|th|tr|v|w|y|z|".split("|"),
  "a|e|i|o|u|y|ai|ee|ia|ie|io|oo|ou|é|ö|á|ë|ü|ø".split("|"),
  "||||n|l|r|s|m|t|k|nd|ng|sh|th|x|v|ck|ll|ss".split("|"),
];

/** A name of up to three syllables that hardly anybody has. */
export function inventedName(random: PythonRandom): string {
  const syllables = Array.from(
    { length: 1 + random.randbelow(random.choice([2, 3])) },
    () => random.choice(onsets!) + random.choice(vowels!) + random.choice(codas!),
  );
  return withCapital(syllables.join(""));
}

/** The beginning of one name or word, and the end of another, each of two letters at least. */
export function blend(random: PythonRandom, word: string, other: string): string {
  const beginning = word.slice(0, 1 + random.randbelow(word.length - 1));
  return withCapital(beginning + other.slice(1 + random.randbelow(other.length - 1)));
}

/**
 * The name of a user: a common one, a word, an invented one, or a blend of two, so that models learn to
 * copy names rather than to know them. Some are in lower case, and some have a surname.
 */
export function anyName(random: PythonRandom, { word }: Pick<Subject, "word">): string {
  const common = () => random.choice(random.random() < 0.4 ? firstNames : moreNames);
  const piece = () => random.random() < 0.7 ? common() : word(random);
  const one = () => {
    const kind = random.random();
    if (kind < 0.4) return common();
    if (kind < 0.5) return withCapital(word(random));
    return kind < 0.75 ? inventedName(random) : blend(random, piece(), piece());
  };
  const name = random.random() < 0.06 ? `${one()} ${one()}` : one();
  return random.random() < 0.25 ? name.toLowerCase() : name;
}
