/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/**
 * The opening: the model of section 9 learns to write while the page is looked at; on a click the model
 * that comes with the page tells a story.
 *
 * @module
 */

import type { CharacterStep } from "../../lessons/character_model.ts";
import { type JSX, signal, useEffect } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { loadSiteModel, siteModel } from "../inside/files.ts";
import { Button } from "../parts/controls.tsx";
import { Mark } from "../parts/mark.tsx";
import { wantsLittleMotion } from "../parts/motion.ts";
import { fixed } from "../parts/number.ts";
import { words } from "../words/lesson.ts";

const { opening: text } = words;
const STEPS = 60;
/** Milliseconds from one step that is shown to the next: it computes faster than one can read. */
const PACE = 130;
/** As many of the last words as are shown. */
const WORDS = 4;

const message = signal("");
const latest = new Latest("letters.opening", message);
/** The steps that have come, and how many of them are shown. */
const steps = signal<readonly CharacterStep[]>([]);
const shown = signal(0);

function start(): void {
  steps.value = [];
  shown.value = 0;
  void latest.start({ steps: STEPS }, "cpu", (step) => void (steps.value = [...steps.value, step]));
  const timer = setInterval(() => {
    if (shown.value < steps.value.length) shown.value++;
    if (shown.value === STEPS || message.value !== "") clearInterval(timer);
  }, PACE);
}

/** Milliseconds from one piece of a story to the next. */
const STORY_PACE = 45;

const hasModel = signal(false);
const problem = signal("");
const telling = new Latest("sense.tell", problem);
const isTelling = signal(false);
/** The pieces of the story that have come, and how many of them are shown; `null` before the click. */
const pieces = signal<readonly string[] | null>(null);
const read = signal(0);
/** The number of the next story. */
const seed = signal(1);

async function tellStory(): Promise<void> {
  pieces.value = [];
  read.value = 0;
  isTelling.value = true;
  const timer = setInterval(() => {
    if (read.value < (pieces.value?.length ?? 0)) read.value++;
    else if (!isTelling.value) clearInterval(timer);
  }, STORY_PACE);
  try {
    const input = { files: await loadSiteModel(), hasAttention: true, seed: seed.value++ };
    await telling.start(input, "auto", (piece) => {
      pieces.value = [...pieces.value ?? [], piece];
    });
  } catch (error) {
    problem.value = (error as Error).message;
  } finally {
    isTelling.value = false;
  }
}

/** The story as far as it is shown. */
function Story(): JSX.Element {
  const shown = pieces.value!.slice(0, read.value).join("");
  const rest = isTelling.value || pieces.value!.length > 0 ? text.waking : problem.value;
  return <p class="story">{shown || rest}</p>;
}

/** The text written so far, the newest last. */
export function Opening(): JSX.Element {
  useEffect(() => {
    hasModel.value = siteModel().length > 0;
    if (!wantsLittleMotion()) start();
  }, []);
  const seen = steps.value.slice(0, shown.value);
  const now = seen.at(-1);
  const isRunning = now !== undefined && now.step < STEPS;
  return (
    <div class={isRunning ? "opening running" : "opening"} data-opening={now?.step ?? 0}>
      <Mark />
      {pieces.value === null
        ? (
          <>
            <p>{text.about}</p>
            <ol>
              {seen.slice(-WORDS).map(({ step, word }) => <li key={step}>{word || text.nothing}
              </li>)}
            </ol>
            <p class="work">
              {now === undefined ? text.before : text.at(now.step, STEPS, fixed(now.loss, 2))}
            </p>
          </>
        )
        : (
          <>
            <p>{text.aboutStory}</p>
            <Story />
          </>
        )}
      {message.value !== "" && <p>{message.value}</p>}
      <p class="buttons">
        {!isRunning && (
          <Button
            onClick={() => {
              pieces.value = null;
              start();
            }}
          >
            {now === undefined ? text.start : text.again}
          </Button>
        )}
        {hasModel.value && (
          <Button
            class="primary"
            onClick={() => void tellStory()}
            disabled={isTelling.value}
          >
            {text.story}
          </Button>
        )}
      </p>
    </div>
  );
}
