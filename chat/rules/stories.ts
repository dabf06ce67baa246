/**
 * Requests for stories, for companions of a character, questions about stories, and a check that a story
 * is the requested one.
 *
 * @module
 */

import {
  checkStory,
  isAbout,
  kinds,
  originalities,
  type Part,
  recast,
  type Story,
  tellStory,
  withArticle,
} from "../../stories/mod.ts";
import type { Conversation } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";
import type { GenerativeTask } from "../tasks/task.ts";
import { characterName } from "./character_name.ts";
import { type Exchange, isAnsweredExactly } from "./exchange.ts";
import {
  draft,
  wholeMessages,
  withCapital,
  type Wordings,
  wordings,
  writeCarefully,
} from "./wording.ts";

/**
 * Characters of a story: with its request and four questions, it fits 256 tokens. Some plots, and
 * the questions that only they answer, take 500.
 */
const MAX_LENGTH = 600;

/** The same of each of two stories in a chat. */
const SHORT_LENGTH = 360;

/** Questions of a story, of which three are asked; a document of the corpus has two. */
const QUESTIONS = 4;

/** The share of the requests that name the main character as no common story does, as users may. */
const OTHER_NAME = 0.8;

/** The wordings of this module. */
export const storyWordings = {
  ask: wordings(
    "?",
    "(tell|tell me|write|write me|make up|invent) a( short| nice| funny|) (story|tale) about {character}",
    "(can|could|will|would) you( please|) tell (me |us |)a story about {character}",
    "(i want|i would like|i'd like|i need) (a|to hear a) story about {character}",
    "(do you know|have you got|is there) a story about {character}",
  ),
  askAny: wordings(
    ".",
    "(tell|tell me|write|write me|make up|invent|read me) (a|another|some)( short| nice| funny| little|) (story|tale|fairy tale)",
    "(can|could|will|would) you( please|) tell (me |us |)a( short| nice|) (story|fairy tale)",
    "(i want|i would like|i'd like|i need) (a|to hear a)( good| short|) story",
    "(a |another |one more |)(story|fairy tale|bedtime story)",
    "(do you know|have you got|what about|how about) a( good| nice|) (story|tale)",
  ),
  askAgain: wordings(
    ".",
    "(another one|one more|another|tell me another one|tell another one|again|tell me one more|and another one)",
    "(give|tell|write) me (one more|another one|a new one|a different one)",
    "(do you know|have you got|can i have|could i hear|can you tell me) (another one|one more|a different one)",
    "(i want|i would like|i'd like|let me have|let me hear) (another one|one more|a different one|a new one)",
    "(now|how about|what about) (another one|one more|a different one|a new one|a longer one|a shorter one)",
  ),
  characterName: wordings(
    "?",
    "(what is|what's|what was|) (the {kind}'s name|the name of the {kind})",
    "(what is|what was) the {kind} (called|named)",
    "(which|what) name (does|did) the {kind} (have|go by)",
    "(do you know|tell me|can you tell me|remind me of|i forgot) (the {kind}'s name|the name of the {kind})",
    "the {kind} in (the|your|this|that) story(,|) (what is|what's|what was) (its|the) name",
    "(who is|who was|who's) the {kind}( in the story| in it|)",
  ),
  characterKind: wordings(
    "?",
    "(who is|who's|and who is|who is that|who exactly is) {name}( in the story| in it| again|)",
    "what (kind of|sort of) (animal|creature|person|character|being) (is|was) {name}",
    "(is|was) {name} (a person|an animal|a human|a child) or (what|not|something else)",
    "(tell me|explain|remind me) who {name} (is|was)",
  ),
  storySubject: wordings(
    "?",
    "(what|who|whom) (is|was) (the|this|that|your) (story|tale) about",
    "(who|whom) (did you tell me about|was that about|is it about|was it about)",
    "who (is|was) the (main character|hero|main person)( of the story| in it| in the story|)",
    "(tell me|do you remember|can you say) (who|what|whom) the story (is|was) about",
    "about (whom|who|what) (is|was) (it|the story|this story)",
  ),
  storyEnd: wordings(
    "?",
    "(and then|then what|and what then|and after that|what then|and now)",
    "(continue|go on|keep going|tell me more|more|carry on)( the story| with the story|)",
    "(and |so |)what (happened|happens|came|comes) (next|then|after that|afterwards|in the end)",
    "(is|was) (that|this|it) (all|the end|everything|the whole story|already the end)",
    "(how|and how) (does|did) (it|the story) (end|go on|continue)",
    "(does|will) (it|the story) (go on|continue|have an end)",
  ),
  storyPraise: wholeMessages(
    "!",
    "(nice|good|great|lovely|funny|cute|wonderful|cool) (story|tale)",
    "(what a|that was a|that is a|such a) (nice|good|great|lovely|funny|cute|wonderful) (story|tale)",
    "(i|we|i really) (like|love|liked|loved|enjoyed) (the|this|that|your) (story|tale)",
    "(the|your|this|that) (story|tale) (is|was) (so |very |really |)(nice|good|great|lovely|funny|cute|sweet)",
  ),
  companion: wordings(
    "?",
    "(who|whom) (does|could|might|will) {character} meet",
    "(invent|make up|think of|name) (somebody|someone) (whom|who) {character} (meets|could meet)",
    "who else is in (a|the|your) story about {character}",
    "give {character} a friend",
  ),
} as const satisfies Readonly<Record<string, Wordings>>;

/** The share of those whose main character is of any kind, where that contradicts nothing. */
const ANY_KIND = 0.4;
const allKinds = Object.keys(kinds);

/**
 * Tells a story that a user may ask for. Common stories have a dozen kinds of main characters, and
 * names of one or two tokens; of others, a model has to learn to copy what it was told.
 *
 * @param otherNames The share of the stories whose main character gets another name.
 * @param maxLength Maximum characters.
 */
function tell(
  random: PythonRandom,
  part: Part,
  otherNames = OTHER_NAME,
  maxLength = MAX_LENGTH,
): Story {
  const options = { maxLength, questionCount: QUESTIONS };
  const told = tellStory(() => random.random(), part, options);
  const { kind, name } = told.mainCharacter;
  const otherKind = random.random() < ANY_KIND ? random.choice(allKinds) : kind;
  const otherName = random.random() < otherNames ? characterName(random, told) : name;
  // A name may tell that its owner is a she, or a he; and so may a kind.
  for (const tried of new Set([otherKind, kind])) {
    const other = recast(told, { kind: tried, name: otherName }, part);
    if (other !== null) return other;
  }
  return told;
}

/** The share of requests that leave the name of the main character to the model. */
const UNNAMED = 0.15;
/** The share of requests that leave the whole story to the model. */
const ANY_STORY = 0.12;

/** A question about the main character of a story. */
function askAbout(
  random: PythonRandom,
  { mainCharacter: { kind, name } }: Story,
  question: Wordings,
): Exchange["question"] {
  const called = random.choice(["named", "called"]);
  const character = `${withArticle(kind)} ${called} ${name}`;
  return { ...draft(random, question, { character }), isRepeated: true };
}

/** A sentence of a story that introduces somebody else than the first one, and has no pronoun for that one. */
const INTRODUCTION =
  /(?<=[.?!]"? )(?!He |She )[^.?!"]*\ban? [\w-]+ \w+ named \p{Lu}\p{L}*[^.?!"]*\./u;

/** "Give a dragon named Tom a friend.": the sentence by which a story introduces one. */
export function companion(random: PythonRandom): Exchange {
  while (true) {
    const told = tell(random, "train");
    const [answer] = INTRODUCTION.exec(told.text) ?? [];
    if (answer === undefined) continue;
    return { question: askAbout(random, told, storyWordings.companion), answer };
  }
}

/** A request for a story. */
interface Request {
  readonly question: Exchange["question"];
  /** The main character as far as the request says. */
  readonly wanted: Partial<Story["mainCharacter"]>;
  /** A story that is right. */
  readonly told: Story;
}

/** "Tell me a story.", perhaps "about a dragon", perhaps "named Tom". */
function request(
  random: PythonRandom,
  part: Part,
  maxLength: number,
): Request {
  const choice = random.random();
  if (choice < ANY_STORY) {
    const { askAny, askAgain } = storyWordings;
    return requestAny(random, part, random.choice([askAny, askAgain]), maxLength);
  }
  const isNamed = choice >= ANY_STORY + UNNAMED;
  // A name that the model has to invent is a common one, as below.
  const told = tell(random, part, isNamed ? OTHER_NAME : 0, maxLength);
  const { mainCharacter } = told;
  if (isNamed) {
    return { question: askAbout(random, told, storyWordings.ask), wanted: mainCharacter, told };
  }
  const { kind } = mainCharacter;
  const question = draft(random, storyWordings.ask, { character: withArticle(kind) });
  return { question, wanted: { kind }, told };
}

/**
 * A request that leaves the whole story to the model. A name that it has to invent should be common: of all
 * names, the likeliest beginning is a single letter.
 */
function requestAny(
  random: PythonRandom,
  part: Part,
  wordings: Wordings,
  maxLength: number,
): Request {
  return {
    question: draft(random, wordings),
    wanted: {},
    told: tell(random, part, 0, maxLength),
  };
}

/** A request for a story, and four questions about it, one of which any story answers. */
export function story(random: PythonRandom, part: Part): readonly Exchange[] {
  const requested = request(random, part, MAX_LENGTH);
  return [tellOf(requested), ...questionsAbout(random, requested)];
}

/** A request for a short story and a question about it, then one for another one and a question about that. */
export function twoStories(random: PythonRandom): readonly Exchange[] {
  return [
    request(random, "train", SHORT_LENGTH),
    requestAny(random, "train", storyWordings.askAgain, SHORT_LENGTH),
  ].flatMap((each) => [tellOf(each), random.choice(questionsAbout(random, each))]);
}

/** The request with its story. */
function tellOf({ question, told }: Request): Exchange {
  return { question, answer: told.text };
}

/**
 * Four questions about a story, one of which any story answers. Two of those taught models to answer "Who helped
 * Tom?" as they answer "Who is Tom?": of 300 questions, eight fewer were right.
 */
function questionsAbout(random: PythonRandom, { told }: Request): Exchange[] {
  const asked = random.sample(told.questions, Math.min(3, told.questions.length)).map((
    [question, answer],
  ): Exchange => ({
    question: { text: "{question}", slots: { question: withinSentence(question) }, mark: "?" },
    answer: answerAsSentence(question, answer),
  }));
  const questions = [...asked, random.choice(aboutAny(random, told))];
  random.shuffle(questions);
  return questions;
}

/** Questions that any story answers, as people ask them. */
function aboutAny(random: PythonRandom, { mainCharacter: { kind, name } }: Story): Exchange[] {
  const { characterName, characterKind, storySubject, storyEnd, storyPraise } = storyWordings;
  const main = withCapital(withArticle(kind));
  return [
    { question: draft(random, characterName, { kind }), answer: `It was ${name}.` },
    { question: draft(random, characterKind, { name }), answer: `${main}.` },
    { question: draft(random, storySubject), answer: `${main} named ${name}.` },
    { question: draft(random, storyEnd), answer: "That is the end of the story." },
    { question: draft(random, storyPraise), answer: "Thank you!" },
  ];
}

/** A question as it stands within a sentence: "who helped Tom". */
function withinSentence(question: string): string {
  return question[0]!.toLowerCase() + question.slice(1).replace(/\?$/, "");
}

/**
 * Puts an answer that is a name into a sentence: "It was Tom." The token of a name after a space is the
 * one that the story has, so that the model only has to copy it; a name without a space before it is
 * another token.
 */
function answerAsSentence(question: string, answer: string): string {
  if (!/^(Who|Whose) /.test(question) || /^An? /.test(answer)) return answer;
  return `It ${question.endsWith(" now?") ? "is" : "was"} ${answer}`;
}

/** A conversation that ends with a story, or with the one right answer to a question. */
interface StoryProblem extends Conversation {
  /** The main character as far as the request says; `null` for a question. */
  readonly wanted: Request["wanted"] | null;
}

/**
 * Requests for stories to practice on, and as two of four problems a question about a story and a chat
 * without one, whose answers are shown: a model that practices nothing but stories forgets how to answer,
 * and where it answers wrong each time, sampled answers teach it nothing. A story is right if it is about the
 * requested character and does not contradict itself; an answer, if it is the one that the story or the chat
 * gives. Right stories earn half of their reward by what they have that others of the group have not: if all
 * had the same reward, a model would soon tell the one that is safest.
 *
 * @param size The number of problems.
 * @param randomOf The random numbers of a problem.
 * @param part Whether to use the names and pairs that no training story has.
 * @param shown Makes a chat without a story, and one about a story.
 */
export function storyPractice(
  size: number,
  randomOf: (index: number) => PythonRandom,
  part: Part,
  shown: readonly [
    chat: (random: PythonRandom) => Conversation,
    about: (random: PythonRandom) => Conversation,
  ],
): GenerativeTask<StoryProblem> {
  return {
    name: "stories",
    length: size,
    get: (index) => {
      const random = randomOf(index);
      if (index % 2 === 1) return { wanted: null, ...shown[(index >> 1) & 1]!(random) };
      const { question, wanted, told } = request(random, part, MAX_LENGTH);
      return {
        wanted,
        messages: [
          { role: "user", content: writeCarefully(question) },
          { role: "assistant", content: told.text },
        ],
      };
    },
    isRight,
    isShown: ({ wanted }) => wanted === null,
    rewardsOf: (problem, completions) => {
      const right = completions.map((completion) => isRight(problem, completion));
      if (problem.wanted !== null) return shareByOriginality(completions, right);
      return right.map(Number);
    },
  };
}

/** Rewards of stories: 0 for a wrong one, and 1 on average for right ones, half of it by what others have not. */
function shareByOriginality(stories: readonly string[], right: readonly boolean[]): number[] {
  const shares = originalities(stories.map(withoutNames)).map((share, i) => right[i] ? share : 0);
  const average = shares.reduce((sum, share) => sum + share, 0) / right.filter(Boolean).length;
  return shares.map((share) => share === 0 ? 0 : (1 + share / average) / 2);
}

/** A made-up name is no merit: a model that is praised for it soon cannot copy what it made up. */
function withoutNames(story: string): string {
  return story.replace(/\p{Lu}\p{L}*/gu, "N");
}

function isRight({ wanted, messages }: StoryProblem, completion: string): boolean {
  return wanted === null
    ? isAnsweredExactly({ messages }, completion)
    : !completion.includes("\n") && isAbout(checkStory(completion), wanted);
}
