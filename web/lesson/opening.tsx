/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/**
 * The opening: the model of section 9 learns to write while the page is looked at; on a click the model
 * that comes with the page tells a story.
 *
 * @module
 */

import { type JSX, signal, useEffect } from "../deps.ts";
import { type EventOf, Latest } from "../engine/client.ts";
import { openingLetters } from "../engine/opening_letters.ts";
import { loadSiteModel, siteModel } from "../inside/files.ts";
import { Button } from "../parts/controls.tsx";
import { type Box, Graph } from "../parts/graph.tsx";
import { Mark } from "../parts/mark.tsx";
import { wantsLittleMotion } from "../parts/motion.ts";
import { fixed } from "../parts/number.ts";
import { words } from "../words/lesson.ts";

const { opening: text } = words;
const STEPS = 60;
/** Milliseconds from one step that is shown to the next: it computes faster than one can read. */
const PACE = 130;
/** As many of the last words as are shown. */
const WORDS = 3;
/** Pixels between the letters that were read and those that may follow: lines need room. */
const FALL = 64;

const message = signal("");
const latest = new Latest("letters.opening", message);
/** The steps that have come, and how many of them are shown. */
type Step = EventOf<"letters.opening">;
const steps = signal<readonly Step[]>([]);
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

const { before, next } = openingLetters;

/** A picture of the network: its weights as lines, and what it believes after three letters. */
function Guesses({ step }: { readonly step: Step | undefined }): JSX.Element {
  const shares = step?.shares.map((share) => text.share(share));
  const best = step?.shares.findIndex((share) => share > 0.5);
  return (
    <Graph
      title={text.graph(
        before,
        [...next].map((letter, i) => `${letter} ${shares?.[i] ?? text.unknown}`),
      )}
      columns={[
        [...before].map((letter) => ({ lines: [letter] })),
        [...next].map((letter, i): Box => ({
          lines: [letter, shares?.[i] ?? text.unknown],
          mark: i === best ? "forward" : undefined,
        })),
      ]}
      markOf={() => undefined}
      weightOf={(from, to) => step?.weights[before.indexOf(from)]?.[next.indexOf(to)]}
      fall={FALL}
    />
  );
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
      {pieces.value === null
        ? (
          <>
            <p class="about">
              <Mark />
              {text.about}
            </p>
            <div class="halves">
              <div>
                <p class="work">{text.guess(before)}</p>
                <Guesses step={now} />
              </div>
              <div>
                <p class="work">{text.writes}</p>
                <ol>
                  {seen.slice(-WORDS).map(({ step, word }) => (
                    <li key={step}>{word || text.nothing}</li>
                  ))}
                </ol>
                <p class="work">
                  {now === undefined ? text.before : text.at(now.step, STEPS, fixed(now.loss, 2))}
                </p>
              </div>
            </div>
          </>
        )
        : (
          <>
            <p class="about">
              <Mark />
              {text.aboutStory}
            </p>
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
