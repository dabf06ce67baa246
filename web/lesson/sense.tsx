/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Stories, and a program that says which of their sentences make sense. @module */

import { type JSX, signal } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { loadSiteModel, siteModel } from "../inside/files.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { Table } from "../parts/rows.tsx";
import { choice } from "../state.ts";
import { words } from "../words/labs.ts";
import { setPreset, storyteller } from "./gpt.tsx";

const { sense: text, network } = words;
type Teller = keyof typeof text.tellers;
const teller = choice<Teller>("teller", text.teller, "model", text.tellers);
const device = choice("senseDevice", network.device, "auto", network.devices);

/** Stories of each one who tells that are counted. */
const STORIES = 10;

const message = signal("");
const isBusy = signal(false);
/** The story as far as it is told, and what the replay says of it. */
const story = signal("");
const checked = signal<Checked | null>(null);
/** The counts, by teller. */
const counted = signal<readonly (readonly [Teller, Judged])[]>([]);
/** The number of the next story of this visit. */
const seed = signal(1);
const latest = {
  model: new Latest("sense.tell", message),
  others: new Latest("stories.tell", message),
  check: new Latest("stories.check", message),
  judge: new Latest("stories.judge", message),
};
type Checked = Awaited<ReturnType<typeof latest.check.ask>>;
type Judged = Awaited<ReturnType<typeof latest.judge.ask>>;

/** The reader's model of stories, or the one that came with the page. @throws {Error} If there is none. */
async function modelFiles(): Promise<ModelFiles> {
  if (storyteller.value !== null) return storyteller.value;
  if (siteModel().length > 0) return await loadSiteModel();
  throw new Error(text.noModel);
}

/** Lets somebody tell a story, and hears it piece by piece. Returns all of it. */
async function hear(
  teller: Teller,
  seed: number,
  onPiece: (piece: string) => void = () => {},
): Promise<string> {
  let all = "";
  const take = (piece: string) => {
    all += piece;
    onPiece(piece);
  };
  if (teller === "rules" || teller === "counts") {
    await latest.others.start({ teller, seed }, "cpu", take);
  } else {
    const hasAttention = teller === "model";
    const input = { files: await modelFiles(), hasAttention, seed };
    await latest.model.start(input, device.value, take);
  }
  if (all === "") throw new Error(message.value);
  return all;
}

/** Does something that takes a while, and says what went wrong. */
async function busy(work: () => Promise<void>): Promise<void> {
  isBusy.value = true;
  message.value = network.starting;
  try {
    await work();
    message.value = "";
  } catch (error) {
    message.value = (error as Error).message;
  } finally {
    isBusy.value = false;
  }
}

async function tell(): Promise<void> {
  story.value = "";
  checked.value = null;
  const all = await hear(teller.value, seed.value++, (piece) => story.value += piece);
  checked.value = await latest.check.ask(all, "cpu");
}

async function count(): Promise<void> {
  counted.value = [];
  for (const one of Object.keys(text.tellers) as Teller[]) {
    const stories: string[] = [];
    for (let seed = 1; seed <= STORIES; seed++) {
      message.value = text.counting(text.tellers[one], seed, STORIES);
      stories.push(await hear(one, seed));
    }
    counted.value = [...counted.value, [one, await latest.judge.ask(stories, "cpu")]];
  }
}

const share = (x: number) => `${Math.round(100 * x)} %`;

/** Mistakes that are explained; of the others their number is told. */
const EXPLAINED = 6;

/** The story as far as it is told; at its end, each sentence with what the replay says of it. */
function Story(): JSX.Element {
  if (checked.value === null) return <p class="story">{story.value}</p>;
  const { sentences, questions, isWellFormed } = checked.value;
  const wrong = sentences.filter(({ faults }) => faults.length > 0);
  const wrongAnswers = questions.filter(({ answer, wanted }) => answer !== wanted);
  const mistakes = [
    // A sentence that the world knows says most by its mistake.
    ...wrong.toSorted((a, b) => Number(b.event !== undefined) - Number(a.event !== undefined))
      .map(({ text: sentence, faults }) => text.fault(sentence, faults)),
    ...wrongAnswers.map(({ question, wanted }) => text.answer(question, wanted)),
    ...(isWellFormed ? [] : [text.unfinished]),
  ];
  return (
    <>
      <p class="story">
        {sentences.map(({ text, faults }, i) => (
          <span key={i} data-sentence class={faults.length > 0 ? "wrong" : "right"}>
            {`${text} `}
          </span>
        ))}
        {questions.map(({ question, answer, wanted }, i) => (
          <span key={i}>
            <br />
            {question} <span class={answer === wanted ? "right" : "wrong"}>{answer}</span>
          </span>
        ))}
      </p>
      <p role="status">
        {text.verdict(
          [sentences.length - wrong.length, sentences.length],
          [questions.length - wrongAnswers.length, questions.length],
          mistakes.length === 0,
        )}
      </p>
      <ul class="faults">
        {mistakes.slice(0, EXPLAINED).map((mistake, i) => <li key={i}>{mistake}</li>)}
        {mistakes.length > EXPLAINED && <li>{text.more(mistakes.length - EXPLAINED)}</li>}
      </ul>
    </>
  );
}

/** The widget. */
export function SenseWidget(): JSX.Element {
  return (
    <>
      <div class="controls">
        <Controls of={[teller]} />
      </div>
      <p class="buttons">
        <Button class="primary" onClick={() => void busy(tell)} disabled={isBusy.value}>
          {text.tell}
        </Button>
        <Button onClick={() => void busy(count)} disabled={isBusy.value}>
          {text.count(STORIES)}
        </Button>
        <Button
          onClick={() => {
            setPreset("stories");
            document.getElementById("gpt")!.scrollIntoView();
          }}
        >
          {text.train}
        </Button>
      </p>
      <p class="work" data-sense>{message.value}</p>
      <div class="pair">
        <div>
          <Story />
        </div>
        {counted.value.length > 0 && (
          <Table
            id="sense"
            caption={text.caption(STORIES)}
            head={text.columns}
            rows={counted.value.map(([one, { sentences, consistent, novel }]) => [
              text.tellers[one],
              share(sentences),
              share(consistent),
              share(novel),
            ])}
          />
        )}
      </div>
    </>
  );
}
