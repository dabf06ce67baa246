/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The opening: the model of section 9 learns to write while the page is looked at. @module */

import type { CharacterStep } from "../../lessons/character_model.ts";
import { type JSX, signal, useEffect } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { Button } from "../parts/controls.tsx";
import { Mark } from "../parts/mark.tsx";
import { fixed } from "../parts/number.ts";
import { words } from "./words.ts";

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

/** What it has written so far, the newest last. */
export function Opening(): JSX.Element {
  useEffect(() => {
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
  }, []);
  const seen = steps.value.slice(0, shown.value);
  const now = seen.at(-1);
  const isRunning = now !== undefined && now.step < STEPS;
  return (
    <div class={isRunning ? "opening running" : "opening"} data-opening={now?.step ?? 0}>
      <Mark />
      <p>{text.about}</p>
      <ol>
        {seen.slice(-WORDS).map(({ step, word }) => <li key={step}>{word || text.nothing}</li>)}
      </ol>
      <p class="work">
        {now === undefined ? text.before : text.at(now.step, STEPS, fixed(now.loss, 2))}
      </p>
      {message.value !== "" && <p>{message.value}</p>}
      {!isRunning && <Button onClick={start}>{now === undefined ? text.start : text.again}</Button>}
    </div>
  );
}
