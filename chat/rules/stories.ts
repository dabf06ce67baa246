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
  recast,
  type Story,
  tellStory,
  withArticle,
} from "../../stories/mod.ts";
import type { Conversation, Message } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";
import type { GenerativeTask } from "../tasks/task.ts";
import { characterName } from "./character_name.ts";
import { type Exchange, isAnsweredExactly } from "./exchange.ts";
import { draft, type Wordings, wordings, writeCarefully } from "./wording.ts";

/**
 * Characters of a story: with its request and four questions, it fits 256 tokens. Some plots, and
 * the questions that only they answer, take 500.
 */
const MAX_LENGTH = 600;

/** Questions about a story; a document of the corpus has two. */
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
 */
function tell(
  random: PythonRandom,
  part: "train" | "validation",
  otherNames = OTHER_NAME,
): Story {
  const options = { maxLength: MAX_LENGTH, questionCount: QUESTIONS };
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
const ANY_STORY = 0.1;

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
function request(random: PythonRandom, part: "train" | "validation"): Request {
  const choice = random.random();
  const isNamed = choice >= ANY_STORY + UNNAMED;
  // A name that a model has to invent should be common: of all, the likeliest beginning is a single letter.
  const told = tell(random, part, isNamed ? OTHER_NAME : 0);
  const { mainCharacter } = told;
  if (isNamed) {
    return { question: askAbout(random, told, storyWordings.ask), wanted: mainCharacter, told };
  }
  if (choice < ANY_STORY) {
    return { question: draft(random, storyWordings.askAny), wanted: {}, told };
  }
  const { kind } = mainCharacter;
  const question = draft(random, storyWordings.ask, { character: withArticle(kind) });
  return { question, wanted: { kind }, told };
}

/** A request for a story, followed by questions about it. */
export function story(random: PythonRandom): readonly Exchange[] {
  const { question, told } = request(random, "train");
  const asked = told.questions.map(([question, answer]): Exchange => ({
    question: { text: "{question}", slots: { question }, mark: "?", isRepeated: true },
    answer: answerAsSentence(question, answer),
  }));
  return [{ question, answer: told.text }, ...asked];
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
 * @param heldOut Whether to use the names and pairs that no training story has.
 * @param chat Makes a chat without a story.
 */
export function storyPractice(
  size: number,
  randomOf: (index: number) => PythonRandom,
  heldOut: boolean,
  chat: (random: PythonRandom) => Conversation,
): GenerativeTask<StoryProblem> {
  return {
    name: "stories",
    length: size,
    get: (index) => {
      const random = randomOf(index);
      if (index % 4 === 1) return { wanted: null, ...chat(random) };
      const { question, wanted, told } = request(random, heldOut ? "validation" : "train");
      const messages: readonly Message[] = [
        { role: "user", content: writeCarefully(question) },
        { role: "assistant", content: told.text },
      ];
      if (index % 4 !== 3) return { wanted, messages };
      const [next, answer] = random.choice(told.questions);
      return {
        wanted: null,
        messages: [
          ...messages,
          { role: "user", content: next },
          { role: "assistant", content: answerAsSentence(next, answer) },
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
