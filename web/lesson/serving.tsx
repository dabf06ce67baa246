/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Serve: three requests, a batch for two, and the KV cache as rows that fill and free. @module */

import { computed, effect, type JSX, signal, untracked, useEffect } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { Served } from "../engine/serving.ts";
import { visible } from "../parts/bars.tsx";
import { Button, Controls, Slider } from "../parts/controls.tsx";
import { wantsLittleMotion } from "../parts/motion.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, slider } from "../state.ts";
import { words as text } from "../words/serving.ts";
import { NeedsAnswerer, talkDevice } from "./answering.tsx";
import { savePage } from "./save_page.ts";
import { answerer, talkModels } from "./talk_models.ts";

const first = choice("serveFirst", text.first, "cow", text.questions);
const second = choice("serveSecond", text.second, "sum", text.questions);
const arrives = slider("serveArrives", text.arrives, 3, [0, 12, 1]);
const keeps = choice("serveKeeps", text.keeps, "yes", text.keepsCaches);
/** The step that is shown; 0 before the first one. */
const step = slider("serveStep", text.step, 0, [0, 120, 1]);

const message = signal("");
const latest = new Latest("talk.serve", message);
const served = signal<Served | null>(null);
const isPlaying = signal(false);

/** A step is shown so long, in milliseconds. */
const PACE = 350;

// A recording belongs to its questions.
effect(() => {
  first.value, second.value, arrives.value, keeps.value, answerer.value;
  untracked(() => {
    latest.stop();
    served.value = null;
    isPlaying.value = false;
  });
});

async function serve(): Promise<void> {
  const files = answerer.value;
  if (files === null) return;
  const questions = [
    { question: text.questions[first.value], arrives: 0 },
    { question: text.questions[second.value], arrives: arrives.value },
    { question: text.questions[first.value], arrives: arrives.value },
  ];
  served.value = null;
  const input = { files, questions, keepsCaches: keeps.value === "yes" };
  await latest.start(input, talkDevice.value, (all) => {
    served.value = all;
    step.value = 0;
    // Readers who want no motion move the slider.
    isPlaying.value = !wantsLittleMotion();
  });
}

/** The step that is shown, as far as there are steps. */
const at = computed(() => Math.min(step.value, served.value?.steps.length ?? 0));

function play(): void {
  if (at.value === served.value!.steps.length) step.value = 0;
  isPlaying.value = !isPlaying.value;
}

/** Requests by their numbers, in the colors of curves. */
const looks = ["first", "second", "third"] as const;

/** Every token so far, in the order in which they came. */
function Stream({ all }: { readonly all: Served }): JSX.Element {
  const written = all.steps.slice(0, at.value).flatMap(({ tokens }) => tokens);
  return (
    <p class="template stream" role="group" aria-label={text.stream}>
      {written.map(({ request, text: token }, i) => (
        <code key={i} class={looks[request]!} title={text.from(request + 1)}>
          <small>{request + 1}</small> {visible(token.replace(/^<\|(\w+)\|>$/, "$1"))}
        </code>
      ))}
    </p>
  );
}

/** The KV cache of a request after the step that is shown. */
function Cache({ all, request }: { readonly all: Served; readonly request: number }): JSX.Element {
  const now = all.steps[at.value - 1];
  const held = now?.caches.find((one) => one.request === request);
  if (held === undefined) {
    const hasWritten = all.steps.slice(0, at.value).some(({ tokens }) =>
      tokens.some((one) => one.request === request)
    );
    const arrived = [0, arrives.value, arrives.value][request]! <= at.value && at.value > 0;
    const phase = hasWritten ? text.freed : arrived ? text.waits : text.later;
    return <li class="cache">{text.free(request + 1, phase)}</li>;
  }
  const { phase, position, capacity } = held;
  const name = text.cache(request + 1, text.phases[phase], position, capacity);
  return (
    <li class={`cache ${looks[request]} ${phase}`} data-cache={`${phase} ${position} ${capacity}`}>
      {name}
      <span class="cells" aria-hidden="true">
        {Array.from(
          { length: capacity },
          (_, i) => <span key={i} class={i < position ? "full" : ""} />,
        )}
      </span>
    </li>
  );
}

/** The steps of the batch, one at a time. */
function Steps({ all }: { readonly all: Served }): JSX.Element {
  const count = all.steps.length;
  useEffect(() => {
    if (!isPlaying.value) return;
    if (at.value === count) return void (isPlaying.value = false);
    const timer = setTimeout(() => step.value = at.value + 1, PACE);
    return () => clearTimeout(timer);
  }, [isPlaying.value, at.value]);
  const now = all.steps[at.value - 1];
  const alone = all.requests.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0);
  const rows = new Set(now?.tokens.map(({ request }) => request)).size;
  return (
    <>
      <Slider of={step} most={count} />
      <p role="status">
        {at.value === count
          ? text.done(count, alone)
          : text.now(at.value, count, rows, now?.tokens.length ?? 0)}
      </p>
      <ul class="caches" aria-label={text.caches}>
        {all.requests.map((_, request) => <Cache key={request} all={all} request={request} />)}
      </ul>
      <Stream all={all} />
      <Rows
        of="serving"
        rows={[
          ["serveTogether", text.togetherRow, `${count}`],
          ["serveAlone", text.aloneRow, `${alone}`],
        ]}
      />
      <Table
        id="served"
        caption={text.table}
        head={text.columns}
        rows={all.requests.map(({ promptTokens, cachedTokens, generatedTokens }, i) => [
          `${i + 1}`,
          `${promptTokens}`,
          `${cachedTokens}`,
          `${generatedTokens}`,
        ])}
      />
    </>
  );
}

/** Saves the model as a page that answers. */
async function save(): Promise<void> {
  const card = text.card(talkModels.value.rewarded !== null);
  message.value = await savePage(card, answerer.value!) || message.value;
}

/** The widget. */
export function ServingWidget(): JSX.Element {
  const all = served.value;
  return (
    <>
      <div class="controls">
        <Controls of={[first, second, arrives, keeps]} />
      </div>
      {answerer.value === null ? <NeedsAnswerer /> : (
        <>
          <p class="buttons">
            <Button class="primary" onClick={() => void serve()}>{text.start}</Button>
            {all !== null && (
              <Button onClick={play}>{isPlaying.value ? text.stop : text.play}</Button>
            )}
          </p>
          {all === null
            ? <p class="work" data-serving>{message.value || text.untrained}</p>
            : <Steps all={all} />}
          <p class="buttons">
            <a class="button primary" href="chat.html">{text.chat}</a>
            <Button onClick={() => void save()}>{text.savePage}</Button>
            {text.savePageHelp}
          </p>
        </>
      )}
    </>
  );
}
