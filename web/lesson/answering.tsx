/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** From continuing to answering: the chat template, its loss mask, and fine-tuning in the page. @module */

import {
  type MessagePart,
  renderConversation,
  SPECIAL_TOKENS,
  SPLIT_PATTERN,
  Tokenizer,
} from "../../tokenizer/mod.ts";
import { type JSX, signal, useEffect } from "../deps.ts";
import { exampleConversations } from "../engine/animals.ts";
import type { AnsweringProgress, Compared } from "../engine/answering.ts";
import { Latest } from "../engine/client.ts";
import type { GptProgress } from "../engine/gpt.ts";
import { readingSpec } from "../engine/gpt_spec.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { trained } from "../inside/trained.ts";
import { visible } from "../parts/bars.tsx";
import { Button, Controls } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import type { Point } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, setting, slider } from "../state.ts";
import { words as text } from "../words/answering.ts";
import { words } from "../words/labs.ts";
import { StepsPlot } from "./loop.tsx";
import { recallTalkModels, setTalkModels, talkModels } from "./talk_models.ts";

const { network } = words;
const example = choice("talkExample", text.example, "animal", text.examples);
const steps = slider("talkSteps", text.steps, 200, [40, 800, 40]);
/** Where the sections on answering compute. */
export const talkDevice = choice("talkDevice", network.device, "auto", network.devices);
const question = setting<string>("talkQuestion", "");

const message = signal("");
const latest = {
  read: new Latest("talk.read", message),
  learn: new Latest("talk.learn", message),
  compare: new Latest("talk.compare", message),
};
/** Whether a training runs, of both parts. */
const isBusy = signal(false);
/** Whether the reader stopped it: what went wrong is told otherwise. */
let isStopped = false;
/** How far reading is, and what teaching has told so far. */
const readSteps = signal(0);
const progress = signal<readonly AnsweringProgress[]>([]);
const compared = signal<readonly Compared[]>([]);
/** The tokenizer of the model; before there is one, each byte is a token. */
const tokenizer = signal(
  new Tokenizer({
    pattern: SPLIT_PATTERN,
    tokens: Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    specialTokens: new Map(SPECIAL_TOKENS.map((name, i) => [name, 256 + i])),
  }),
);
const isTrained = signal(false);

/** Takes the tokenizer out of the files of a model. */
async function takeTokenizer(files: ModelFiles): Promise<void> {
  const file = [...files].find(([name]) => name.startsWith("tokenizer_"))?.[1];
  if (file === undefined) return;
  tokenizer.value = Tokenizer.fromJSON(await file.text());
  isTrained.value = true;
}

/** The GPT that the reader trained in its own section, if it has read about animals to the end. */
async function ownReader(): Promise<ModelFiles | null> {
  const files = trained.value;
  const file = [...files ?? []].find(([name]) => name.startsWith("meta_"))?.[1];
  if (files === null || file === undefined) return null;
  const { settings, state, steps } = JSON.parse(await file.text());
  return settings.task === "animals" && state.step === steps ? files : null;
}

/** The model that reads, which may have been stopped. */
let partial: ModelFiles | null = null;

/** Lets a model read, unless there is one that has. Returns `null` if that was stopped, or failed. */
async function read(): Promise<ModelFiles | null> {
  const known = talkModels.value.read ?? await ownReader();
  if (known !== null) return known;
  const hear = (event: GptProgress) => {
    if (event.kind === "step") readSteps.value = event.step;
    if (event.kind === "files") partial = event.files;
  };
  const input = partial === null ? { spec: readingSpec } : { from: partial, own: "" };
  await latest.read.start(input, talkDevice.value, hear);
  if (readSteps.value < readingSpec.steps) return null;
  setTalkModels({ read: partial });
  return partial;
}

/** Lets a model read, teaches it to answer, and asks both what they make of questions. */
export async function trainToAnswer(): Promise<void> {
  isBusy.value = true;
  isStopped = false;
  message.value = network.starting;
  compared.value = [];
  progress.value = [];
  try {
    const base = await read();
    if (base === null) {
      if (isStopped) message.value = text.stopped;
      return;
    }
    await takeTokenizer(base);
    const input = { base, steps: steps.value, seed: 1 };
    await latest.learn.start(input, talkDevice.value, (event) => {
      progress.value = [...progress.value, event];
      if (event.kind === "files") setTalkModels({ taught: event.files, rewarded: null });
    });
    await compare(text.questions);
  } finally {
    isBusy.value = false;
  }
}

function stop(): void {
  isStopped = true;
  latest.read.run.value?.("stop");
  latest.learn.run.value?.("stop");
}

/** Asks both models; questions that were asked before stay. */
async function compare(questions: readonly string[]): Promise<void> {
  const { read: before, taught: after } = talkModels.value;
  if (before === null) return;
  await latest.compare.start({ before, after, questions }, talkDevice.value, (event) => {
    compared.value = [...compared.value, event];
  });
}

async function restore(): Promise<void> {
  const kept = await recallTalkModels();
  if (kept === null || isBusy.value) return;
  talkModels.value = kept;
  if (kept.read !== null) await takeTokenizer(kept.read);
  if (kept.taught !== null) message.value = text.restored;
}

/** The events of a kind. */
function eventsOf<Kind extends AnsweringProgress["kind"]>(kind: Kind) {
  return progress.value.filter((event): event is AnsweringProgress & { kind: Kind } =>
    event.kind === kind
  );
}

/** How far the training is, for every section that needs it. */
function status(): string {
  const exam = eventsOf("exam").at(-1);
  const step = eventsOf("step").at(-1)?.step;
  if (isBusy.value) {
    if (step !== undefined) return text.learning(step, steps.value);
    return readSteps.value > 0 && talkModels.value.read === null
      ? text.reading(readSteps.value, readingSpec.steps)
      : message.value;
  }
  if (exam !== undefined && exam.step === steps.value) {
    return text.done(Math.round(QUESTIONS * exam.animals), QUESTIONS);
  }
  return message.value || text.untrained;
}

/** The questions about animals that no conversation mentions. */
const QUESTIONS = 12;

/** A button that trains the model, in a section that needs one. */
export function NeedsAnswerer(): JSX.Element {
  return (
    <>
      <p>{text.needs}</p>
      <p class="buttons">
        <Button class="primary" onClick={() => void trainToAnswer()} disabled={isBusy.value}>
          {text.train}
        </Button>
      </p>
      <p class="work">{isBusy.value ? status() : message.value}</p>
    </>
  );
}

/** A conversation token by token: which ones are special, and which ones the model learns to write. */
function Template(): JSX.Element {
  const one = tokenizer.value;
  const { ids, mask } = renderConversation(one, exampleConversations[example.value]);
  const special = new Set(one.specialTokens.values());
  return (
    <>
      <p class="template" role="group" aria-label={text.template}>
        {ids.map((id, i) => (
          <code
            key={i}
            class={`${special.has(id) ? "special" : ""} ${mask[i] === 1 ? "learned" : ""}`}
          >
            {special.has(id) ? one.decode([id]).slice(2, -2) : visible(one.decode([id]))}
          </code>
        ))}
      </p>
      <ul class="legend">
        <li class="template">
          <code class="learned">{text.learned}</code>
        </li>
        <li class="template">
          <code>{text.given}</code>
        </li>
        <li class="template">
          <code class="special">{text.special}</code>
        </li>
      </ul>
      <p data-template>
        {text.counts(ids.length, mask.filter((one) => one === 1).length, isTrained.value)}
      </p>
    </>
  );
}

/** The parts of an answer: text, and what the calculator was asked and said. */
export function Answer({ parts }: { readonly parts: readonly MessagePart[] }): JSX.Element {
  return (
    <>
      {parts.map(({ type, text }, i) =>
        type === "text"
          ? <span key={i}>{text}</span>
          : <code key={i}>{type === "python" ? `[${text}` : ` = ${text}] `}</code>
      )}
    </>
  );
}

const share = (x: number | undefined) =>
  x === undefined ? network.none : `${Math.round(100 * x)} %`;

/** The curves and numbers of teaching. */
function Progress(): JSX.Element {
  const taken = eventsOf("step");
  const exams = eventsOf("exam");
  const shares = (of: "animals" | "sums") => exams.map((exam): Point => [exam.step, exam[of]]);
  const last = taken.at(-1);
  const isRead = talkModels.value.read !== null;
  return (
    <>
      <div class="pair">
        <div>
          <StepsPlot
            title={text.lossPlot}
            steps={steps.value}
            highest={Math.max(3, ...taken.slice(0, 5).map(({ loss }) => loss))}
            curves={[
              {
                name: words.gpt.loss,
                color: "b",
                points: taken.map(({ step, loss }) => [step, loss]),
              },
              {
                name: words.gpt.smooth,
                color: "a",
                points: taken.map(({ step, smoothLoss }) => [step, smoothLoss]),
              },
            ]}
          />
        </div>
        <div>
          <StepsPlot
            title={text.sharePlot}
            yName={text.share}
            steps={steps.value}
            highest={1.1}
            curves={[
              { name: text.animals, color: "c", points: shares("animals") },
              { name: text.sums, color: "d", points: shares("sums") },
            ]}
          />
        </div>
      </div>
      <Rows
        of="answering"
        rows={[
          ["talkRead", text.readingRow, `${isRead ? readingSpec.steps : readSteps.value}`],
          ["talkStep", text.learningRow, `${last?.step ?? 0}`],
          ["talkLoss", text.lossRow, last === undefined ? network.none : fixed(last.smoothLoss, 4)],
          ["talkAnimals", text.animalsRow, share(exams.at(-1)?.animals)],
          ["talkSums", text.sumsRow, share(exams.at(-1)?.sums)],
        ]}
      />
    </>
  );
}

/** The widget. */
export function AnsweringWidget(): JSX.Element {
  useEffect(() => void restore(), []);
  const { read: base, taught } = talkModels.value;
  return (
    <div data-talk-losses={eventsOf("step").map(({ loss }) => loss).join()}>
      <div class="controls">
        <Controls of={[example]} />
      </div>
      <Template />
      <p class="buttons">
        <Button class="primary" onClick={() => void trainToAnswer()} disabled={isBusy.value}>
          {taught === null ? text.train : text.again}
        </Button>
        <Button onClick={stop} disabled={!isBusy.value}>{text.stop}</Button>
      </p>
      <details>
        <summary>{words.gpt.allSettings}</summary>
        <div class="controls">
          <Controls of={[steps, talkDevice]} />
        </div>
      </details>
      <p role="status">{status()}</p>
      {(progress.value.length > 0 || readSteps.value > 0) && <Progress />}
      {base !== null && (
        <form
          class="own-letters"
          onSubmit={(event) => {
            event.preventDefault();
            if (question.value.trim() !== "") void compare([question.value.trim()]);
          }}
        >
          <label for={question.id}>{text.own}</label>
          <input
            id={question.id}
            type="text"
            maxLength={60}
            autocomplete="off"
            value={question.value}
            onInput={(event) => question.value = event.currentTarget.value}
          />
          <button type="submit" disabled={isBusy.value}>{text.ask}</button>
        </form>
      )}
      {compared.value.length > 0 && (
        <Table
          id="compared"
          isNamed
          caption={text.compare}
          head={text.columns}
          rows={compared.value.map(({ question, before, after }, i) => [
            question,
            <span key={i}>{`${before.trim()} …`}</span>,
            after === null ? network.none : <Answer key={i} parts={after} />,
          ])}
        />
      )}
    </div>
  );
}
