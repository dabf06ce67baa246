/** Questions about words: their opposites, and their letters. @module */

import type { PythonRandom } from "../random/python_random.ts";
import { callCalculator, type Exchange, type Subject } from "./exchange.ts";
import { firstNames, moreNames, numerals, oneWayOpposites, opposites } from "./facts.ts";
import { draft, slotFirst, withCapital, type Wordings, wordings } from "./wording.ts";

const ask =
  "(what is|what's|tell me|give me|name|do you know|can you tell me|i want to know|find|)";

/** The wordings of this module. */
export const aboutWords = {
  opposite: slotFirst(wordings(
    "?",
    "(what is|what's) the opposite of {word}",
    `${ask} the (opposite|contrary|antonym|reverse) (of|to) {word}`,
    "{word}(:|,|) (opposite|antonym|contrary)",
    "{word} and (the|its) (antonym|contrary|reverse)",
    `${ask} (the opposite|an antonym) (of|for) the word {word}`,
    "(the|) opposite( of|) {word}",
    "(which|what) (word|one) (is|means) the opposite of {word}",
    "(do you know|can you tell me|tell me|i forgot) what the opposite of {word} is",
    "(give me|tell me|find|name|i want|say) ((an|the|) (antonym|opposite|opposite word)|the contrary) (of|to) {word}",
    "(what|which word) (means|has) the opposite( meaning|) of {word}",
    "(how do you say|how can i say|what do i say for|what is the word for) the opposite of {word}",
    "(opposites|opposite|antonyms|antonym|contrary|reverse)(:|,| -|?| of| to|) {word}",
    "(contrary|the reverse|the contrary|antonym) (of|to) {word}(, what is it|)",
    "(i am looking for|help me find|do you have) ((an|the) (opposite|antonym)|the contrary) (of|to) {word}",
    "what (would be|do you call) the opposite of {word}",
    "(if it is not|if not|if something is not|not) {word}, (then what|what is it|then it is)",
    "{word}(,|:| has| -) (what is its|what's its|tell me its|name its|what's the) (opposite|antonym|contrary)",
    "(say|tell me|name|give me) a word that means the (opposite|contrary|reverse) of {word}",
    "(i need|i want|i am looking for) the (opposite|contrary|reverse) of {word}",
    "(the|) (direct|true|real|usual) opposite (of|for|to) {word}",
    "{word}(,|:| -|) ((the|its|the exact|the direct|) (opposite|antonym|contrary)|an (opposite|antonym))( word|)( of it| is| would be| please|)",
    "{word} and (the|what is the|what's the) (opposite|contrary|antonym)( of it|)",
    "{word}(,|:|) (which|what) (word|one|thing) is (its|the) (contrary|antonym|reverse|opposite)",
    "{word} (is|means) the (opposite|contrary|reverse|antonym) of (which|which word|what word|which one)",
    "{word} (against|versus|and not|or|but not) what",
    "{word}(,|:|) (i need|i want|give me|say|find|find me|i am looking for) (its|the) (opposite|antonym|contrary)",
  )),
  opposites: wordings(
    "?",
    "(what are|tell me|give me|name|list|find|) the opposites of {words}",
    "(opposites|antonyms|the opposites|opposite) of {words}",
    "(what is|what's) the opposite of {words}",
  ),
  nextOpposite: wordings(
    "?",
    "and( of|) {word}",
    "(what|how) about {word}",
    "{word}",
    "(now|then|and the opposite of|next|also) {word}",
  ),
  spelling: slotFirst(wordings(
    "?",
    "(how do you|how do i|how can i|how would you|how to|how does one) (spell|write) {word}",
    "(spell|spell out|please spell|spell me) {word}",
    "(spell|spell out|please spell) the word {word}",
    "(can|could|will|would) you( please|) (spell|spell out) (the word |){word}( for me|)",
    "how is( the word|) {word} (spelled|spelt|written)",
    "(what is|what's|tell me|give me|) the (spelling|correct spelling) of {word}",
    "(what are|tell me|give me|list|show me|say|name|) the letters (of|in) {word}",
    "(what|which) letters (are in|does|make up|form) {word}",
    "({word}(,|:|) (spelled|letter by letter|spelling|spell it|in letters)|{word} is (spelled|written) how)",
    "{word}(,|:| -|) (spell|write) (it|this|that|this word)( out| slowly| correctly|)",
    "{word}(,|:|) (the|its|all|all its|every|each|single|which|what) (letters|letter)( please| are in it|)",
    "(i want to know|tell me|do you know|show me) how to (spell|write) {word}",
    "(say|write|spell) {word} letter by letter",
    "(break|split|take apart|cut) {word} into( its|) letters",
    "(i want to|i need to|i have to|i must|help me|let me|teach me to|i can't) (spell|write) {word}( correctly|)",
    "(give me|tell me|show me|say) {word} (letter by letter|in single letters|spelled out|in letters)",
    "(how would|how does|how should) (one|someone|a child|i|we) (spell|write) {word}( correctly|)",
    "(the|) (spelling|letters|correct spelling|letters in the word) (of|for) {word}",
    "(i forgot|i don't remember|i am not sure|i never know) how {word} is (spelled|written)",
    "(how|what) (is the spelling|are the letters|do the letters go) (of|in) {word}",
    "(correct|right|proper) (spelling|way to write)( of|:|) {word}",
    "spell it out for me: {word}",
    "(please|) (show|tell|write) me (the letters of|how to spell|how one spells) {word}",
    "{word}(,|:) (how is it|how do you|how do i|how's that) (spelled|spell it|spell that|spelt)",
    "(i keep|i always|my students keep|people keep) (misspelling|getting wrong) {word}(, how is it spelled|, what is right|)",
    "(letters|spelling) (of|for) {word}(,|) (please|in order|separated|with spaces)",
    "(is it|would it be) (okay|all right|too much) to ask you to spell {word}",
    "(which|what) letters do (i|we|you) need (to write|for) {word}",
    "{word} (by|in|as|into|with) (its |single |separate |)letters",
    "(he|she|my daughter|my brother|the kids|my friend) (can't|cannot|could not) (write|spell out|remember how to spell) {word}(,|)( please|) (help|please help|can you help|how is it spelled)( me| her| us|)",
    "(i|we|they) (often|never|sometimes|usually) (misspell|mistype|get wrong|write wrong) {word}(,|:|) (how is it spelled|what are the letters|how do i write it|spell it)",
    "(letters|the letters) (of|in) {word}(,|) (one after the other|each alone|in a row|letter by letter|each by itself)",
    "(would|could|can) you (show|tell|teach) (me|us|her) (how to write|the spelling of|how one spells) {word}",
    "{word}(,|:| -|) (how|how is that|how is it) (spelled|spelt|written)( correctly| right|)",
    "(spell|write|say)(| out| down)( for me| please| now| this| the word|)(:| -|) {word}",
    "(i need|i want|we need|give me|show me) the (letters|spelling)( of| for|)( the word|) {word}",
  )),
  nextSpelling: wordings(
    "?",
    "and {word}",
    "(what|how) about {word}",
    "(now|then|next|also|and now) {word}",
    "{word}",
  ),
  spellings: wordings(
    ".",
    "(spell|spell out|please spell|write|can you spell) {words}",
    "(spell|how do you spell|please spell|can you spell) (these|the|the following|these {count}) words:( |){words}",
    "(how do you spell|how do i spell|spell for me:|spelling of) {words}",
    "(what are the letters of|spell the words) {words}",
    "(spell|spell all of these|spell each of these|letter by letter): {words}",
  ),
  counting: wordings(
    "?",
    "how many {letters} (are|are there|do you see|can you find|do you find) in {word}",
    "how many {letters} (does|does the word) {word} have",
    "(count|count up|please count|can you count) the {letters} in {word}",
    "(how often|how many times) (is|does the letter) {letter}( come| appear| occur| stand|) in {word}",
    "how many {letters} in {word}",
    "(what is|tell me|give me|find|) the number of {letters} in {word}",
    "(how many|number of) times (does |){letter} (appears|appear|is|occurs) in {word}",
    "(do you know|tell me|can you tell me|say) how many {letters} (are in|there are in|are there in) {word}",
    "({word}(:|,|) how many {letters}|in {word}, how many {letters} are there)",
    "how many of the letter {letter} (are in|are there in|do you see in) {word}",
    "(is|are) there (a|an|any|the letter|some) {letter} in {word}",
    "(does|has|do we find in) {word} (have|contain|got) (a|an|any|the letter) {letter}",
    "(i want to know|i need|give me|tell me) the (count|amount) of {letters} (in|inside) {word}",
    "(take|check|read) (the word|) {word} and (tell me|say|count) how many {letters} (it has|there are|are in it)",
    "{letters} in {word}(:|,|) (how many|count|number|how often|count them)",
    "how (often|many times) (do|can) (i|you|we) (see|write|find|count) {letters} in {word}",
    "(number of|count of|amount of|count) {letters} in {word}",
    "what's the {letter} count (of|in|for) {word}",
    "how many {letters} (does it take|are needed|must one type) to (spell|write|type) {word}",
    "how (frequently|commonly) (is|does) (the letter |){letter} (used|found|occur|come) in {word}",
    "(the word |){word}(:|,) (count|how many times do you see|how often do you see) (the|the letter|) {letter}",
    "(look|search) (in|through|inside) {word} (for the letter|for) {letter}(,|:) how many",
    "the letter {letter}(,|:) how often in {word}",
    "(has|does) {word} (contain|hold|have) (any|a lot of|more than one|some) {letters}(,|:|) (how many|count them)",
    "in {word}(,|) how (many {letters}|often the letter {letter}|many times {letter})",
  ),
  length: slotFirst(wordings(
    "?",
    "how many letters (are in|are there in|in|has|are in the word|has the word) {word}",
    "how many letters does (the word |){word} have",
    "(count|count all|please count|can you count) the letters (of|in) (the word |){word}",
    "(the|what is the|what's the|tell me the|) (number|count) of letters in (the word |){word}",
    "how long is the word {word}",
    "(what is|what's|tell me|) the length of (the word |){word}",
    "{word}(,|:| has) how many letters( are in it| has it| are there|)",
    "{word}(,|:|) (number of letters|count its letters|count the letters|its length)",
    "(tell me|do you know|say) how many letters {word} has",
  )),
} satisfies Record<string, Wordings>;

/** The opposite of a word. */
export function opposite(random: PythonRandom): Exchange {
  const [word, other] = pairOfOpposites(random);
  return {
    question: { ...draft(random, aboutWords.opposite, { word }), isRepeated: true },
    answer: `The opposite of ${word} is ${other}.`,
  };
}

/** The opposites of two to five words, in one answer. */
export function manyOpposites(random: PythonRandom): Exchange {
  const pairs = Array.from({ length: 2 + random.randbelow(4) }, () => pairOfOpposites(random));
  const words = listOf(pairs.map(([word]) => word), random);
  return {
    question: draft(random, aboutWords.opposites, { words }),
    answer: `The opposite ${pairs.map(([word, other]) => `of ${word} is ${other}`).join(", ")}.`,
  };
}

/** The opposites of two words: "And of big?" */
export function twoOpposites(random: PythonRandom): readonly Exchange[] {
  const second = opposite(random);
  return [opposite(random), {
    ...second,
    question: draft(random, aboutWords.nextOpposite, second.question.slots),
  }];
}

function pairOfOpposites(random: PythonRandom): readonly [string, string] {
  const pair = random.choice([...opposites, ...oneWayOpposites]);
  const isOneWay = oneWayOpposites.includes(pair);
  return isOneWay || random.random() < 0.5 ? pair : [pair[1], pair[0]];
}

/** A word, spelled. */
export function spelling(random: PythonRandom, subject: Subject): Exchange {
  const word = asked(random, subject);
  return {
    question: {
      ...draft(random, aboutWords.spelling, { word: quoted(random, word) }),
      isRepeated: true,
    },
    answer: spelled(word),
  };
}

/** A word, spelled, and then another: "And stone?" */
export function twoSpellings(random: PythonRandom, subject: Subject): readonly Exchange[] {
  const second = spelling(random, subject);
  return [spelling(random, subject), {
    ...second,
    question: {
      ...draft(random, aboutWords.nextSpelling, second.question.slots),
      isRepeated: true,
    },
  }];
}

/**
 * Two to eight words, spelled in one answer. Spelling needs more examples than anything else, since
 * every token has its own letters; this way the same number of tokens holds more of them.
 */
export function spellings(random: PythonRandom, subject: Subject): Exchange {
  const words = Array.from({ length: 2 + random.randbelow(7) }, () => asked(random, subject));
  const slots = { words: listOf(words, random), count: numerals[words.length]! };
  return {
    question: { ...draft(random, aboutWords.spellings, slots), isRepeated: true },
    answer: words.map(spelled).join(", "),
  };
}

/** How many of a letter are in a word: counted by the calculator. */
export function counting(random: PythonRandom, subject: Subject): Exchange {
  const word = subject.word(random);
  const letter = random.random() < 0.9
    ? random.choice(word)
    : random.choice("abcdefghijklmnopqrstuvwxyz");
  // Spelled, as a word has other tokens in the question, depending on what stands before it.
  const expression = `' ${spelled(word)}'.count('${letter}')`;
  const letters = random.choice([letter, letter, `${letter}'s`, `${letter}s`, `letters ${letter}`]);
  const slots = { word: quoted(random, word), letter, letters };
  return {
    question: { ...draft(random, aboutWords.counting, slots), isRepeated: true },
    answer: callCalculator(
      expression,
      (count) => `There ${count === "1" ? "is" : "are"} ${count} ${letter} in it.`,
    ),
  };
}

/** How many letters a word has: counted by the calculator. */
export function length(random: PythonRandom, subject: Subject): Exchange {
  const word = subject.word(random);
  // There is a space before each letter.
  const expression = `' ${spelled(word)}'.count(' ')`;
  return {
    question: {
      ...draft(random, aboutWords.length, { word: quoted(random, word) }),
      isRepeated: true,
    },
    answer: callCalculator(expression, (count) => `There are ${count} letters in it.`),
  };
}

/** Words in a sentence: `hot, big and old`. */
function listOf(words: readonly string[], random: PythonRandom): string {
  const last = random.choice([", ", " and ", ", and "]);
  return `${words.slice(0, -1).join(", ")}${last}${words.at(-1)!}`;
}

/** A word to spell, sometimes with a capital letter, and sometimes a name. */
function asked(random: PythonRandom, { word }: Subject): string {
  const text = word(random);
  const kind = random.random();
  if (kind < 0.03) return random.choice([...firstNames, ...moreNames]);
  return kind < 0.06 ? withCapital(text) : text;
}

/** A word in a question, in quotes now and then. */
function quoted(random: PythonRandom, word: string): string {
  if (random.random() >= 0.04) return word;
  const quote = random.choice(["'", '"']);
  return `${quote}${word}${quote}`;
}

function spelled(word: string): string {
  return [...word].join(" ");
}
