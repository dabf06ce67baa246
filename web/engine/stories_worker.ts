/** The small world of the stories, in a worker of its own: its tables are needed by two sections only. @module */

import {
  type CheckedStory,
  checkStory,
  documentOf,
  examinationStories,
  judge,
  type Judgment,
  KnownText,
  NGram,
  seededRandom,
} from "../../stories/mod.ts";
import { serveTasks } from "./serve_tasks.ts";
import { storiesText, storySentences } from "./stories_text.ts";

/** Words that the counts look at, with the one that they predict. */
const ORDER = 4;

const documents = () => storiesText().split("\n\n");
let counts: NGram | null = null;
let known: KnownText | null = null;

const tasks = {
  /** The training text of a GPT of the page. */
  "stories.text": async function* (_device: null, _input: null) {
    yield storiesText();
  },
  /** Sentences of stories, each of them once. */
  "stories.sentences": async function* (_device: null, count: number) {
    yield storySentences(count);
  },
  /** A story of the rules, or of counts of words. */
  "stories.tell": async function* (
    _device: null,
    { teller, seed }: { readonly teller: "rules" | "counts"; readonly seed: number },
  ) {
    if (teller === "rules") yield documentOf(examinationStories(1, seed)[0]!);
    else yield (counts ??= new NGram(ORDER, documents())).write(seededRandom(seed));
  },
  /** Replays a story. */
  "stories.check": async function* (_device: null, story: string) {
    const { sentences, questions, isWellFormed }: CheckedStory = checkStory(story);
    yield { sentences, questions, isWellFormed };
  },
  /** Replays many of them, and counts. */
  "stories.judge": async function* (_device: null, stories: readonly string[]) {
    known ??= new KnownText(documents());
    yield judge(stories, known) satisfies Judgment;
  },
};
export type StoriesTasks = typeof tasks;

serveTasks(tasks, () => Promise.resolve(null));
