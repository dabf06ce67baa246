/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Overfitting: the page's GPT on 20 sentences and on 2,000. @module */

import { effect, type JSX, signal, untracked } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { SentencesLook } from "../engine/overfitting.ts";
import { Button, RangeInput, Slider } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Table } from "../parts/rows.tsx";
import { slider } from "../state.ts";
import { words as text } from "../words/overfitting.ts";
import { StepsPlot } from "./loop.tsx";

/** The runs, in order: how many sentences each reads, and its weight decay. */
const runs = {
  few: { count: 20, weightDecay: 0 },
  decay: { count: 20, weightDecay: 2 },
  many: { count: 2000, weightDecay: 0 },
} as const;
type RunName = keyof typeof runs;
const names = Object.keys(runs) as RunName[];
/** Sentences to train on, and to keep back. */
const SENTENCES = 2100;
const HIGHEST = 6.5;

const steps = slider("overSteps", text.steps, 200, [20, 400, 20]);
/** The step whose model is shown; the last one if it is larger. */
const at = signal(Infinity);
const message = signal("");
const isBusy = signal(false);
const looks = signal<Readonly<Partial<Record<RunName, readonly SentencesLook[]>>>>({});
const known = signal<readonly string[]>([]);
const latest = new Latest("overfitting", message);
const sentences = new Latest("stories.sentences", message);

/** Stops the runs that were started last: they end later than that, and change nothing any more. */
let current = new AbortController();

effect(() => {
  void steps.value;
  untracked(stop);
});

function stop(): void {
  current.abort();
  latest.stop();
  isBusy.value = false;
  message.value = "";
  looks.value = {};
  at.value = Infinity;
}

async function start(): Promise<void> {
  stop();
  const { signal: stopped } = current = new AbortController();
  isBusy.value = true;
  message.value = text.reading;
  try {
    if (known.value.length === 0) known.value = await sentences.ask(SENTENCES, "cpu");
    for (const name of names) {
      if (stopped.aborted) return;
      const input = { sentences: known.value, ...runs[name], steps: steps.value };
      const run = latest.start(input, "cpu", (look) => {
        looks.value = { ...looks.value, [name]: [...looks.value[name] ?? [], look] };
        message.value = text.training(text.runs[name]);
      });
      await run;
      // An engine that failed has said why.
      if (looks.value[name]?.at(-1)?.step !== steps.value) return;
    }
    message.value = "";
  } catch (error) {
    if (!stopped.aborted) message.value = (error as Error).message;
  } finally {
    if (!stopped.aborted) isBusy.value = false;
  }
}

/** The look with the lowest loss on sentences that were kept back. */
function lowestOf(run: readonly SentencesLook[]): SentencesLook {
  return run.reduce((best, look) => look.heldOut < best.heldOut ? look : best);
}

/** The look at the chosen step, or the last one before it. */
const lookOf = (run: readonly SentencesLook[]) =>
  run.findLast(({ step }) => step <= at.value) ?? run[0]!;

const isCopy = (name: RunName, sentence: string) =>
  known.value.slice(0, runs[name].count).includes(sentence.trim());

/** A run: its two curves, and what its model writes. */
function Run({ name, run }: {
  readonly name: RunName;
  readonly run: readonly SentencesLook[];
}): JSX.Element {
  const look = lookOf(run);
  const lowest = lowestOf(run);
  return (
    <div class="written">
      <h3>{text.runs[name]}</h3>
      <StepsPlot
        title={text.plot(text.runs[name])}
        yName={text.bits}
        steps={steps.value}
        highest={HIGHEST}
        curves={[
          { name: text.own, color: "a", points: run.map(({ step, training }) => [step, training]) },
          {
            name: text.heldOut,
            color: "b",
            points: run.map(({ step, heldOut }) => [step, heldOut]),
          },
          {
            name: text.best,
            color: "c",
            look: "dots",
            points: [[lowest.step, lowest.heldOut]],
          },
        ]}
      />
      <p class="work">{text.writes(text.runs[name], look.step)}</p>
      <ul data-writes={name}>
        {look.texts.map((sentence, i) => (
          <li key={i}>
            <span>{sentence}</span>
            {isCopy(name, sentence) && <em>{text.copy}</em>}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The widget. */
export function OverfittingWidget(): JSX.Element {
  const all = looks.value;
  const done = names.flatMap((name) => {
    const run = all[name];
    return run === undefined ? [] : [{ name, run }];
  });
  const few = all.few, last = all.many?.at(-1);
  const isDone = last?.step === steps.value;
  return (
    <>
      <Slider of={steps} />
      <p class="buttons">
        <Button class="primary" onClick={() => void start()} disabled={isBusy.value}>
          {text.start}
        </Button>
        <Button onClick={stop} disabled={!isBusy.value}>{text.stop}</Button>
        <Button
          onClick={() => at.value = lowestOf(few!).step}
          disabled={few === undefined}
        >
          {text.lowest}
        </Button>
        <Button onClick={() => at.value = Infinity} disabled={few === undefined}>{text.end}</Button>
      </p>
      <p role="status" data-overfitting>
        {message.value ||
          (isDone
            ? text.status(fixed(few!.at(-1)!.heldOut, 2), fixed(last.heldOut, 2))
            : text.waiting)}
      </p>
      {done.length > 0 && (
        <RangeInput
          id="overStep"
          label={text.step}
          value={Math.min(at.value, steps.value)}
          range={[0, steps.value, 10]}
          onValue={(value) => at.value = value}
        />
      )}
      <div class="trio">{done.map((one) => <Run key={one.name} {...one} />)}</div>
      {done.length > 0 && (
        <Table
          id="overfitting"
          isNamed
          caption={text.table}
          head={text.columns}
          rows={done.map(({ name, run }) => {
            const { training, heldOut, texts } = lookOf(run);
            const lowest = lowestOf(run);
            const copies = texts.filter((sentence) => isCopy(name, sentence)).length;
            return [
              text.runs[name],
              fixed(training, 3),
              fixed(heldOut, 3),
              text.lowestAt(fixed(lowest.heldOut, 3), lowest.step),
              text.copies(copies, texts.length),
            ];
          })}
        />
      )}
    </>
  );
}
