/** @jsxImportSource npm:preact@11.2.0 */

/** Section 9: the lessons' model of letters, trained in the engine. @module */

import type { CharacterTraining } from "../../lessons/character_model.ts";
import { type JSX, signal, useEffect } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { Bars } from "../parts/bars.tsx";
import { Button, LettersInput } from "../parts/controls.tsx";
import { Table } from "../parts/rows.tsx";
import { setting } from "../state.ts";
import { StepsPlot } from "./loop.tsx";
import { words } from "../words/labs.ts";

const { letters: text, loop } = words;
const training = signal<Omit<CharacterTraining, "model"> | null>(null);
const message = signal("");

const latest = new Latest("letters", message);
/** The reader's letters, of which the last three count. */
const typed = setting<string>("typedLetters", "sau");
const nextMessage = signal("");
const latestNext = new Latest("letters.next", nextMessage);
const next = signal<readonly (readonly [letter: string, share: number])[]>([]);

/** As many of the likeliest letters as are shown. */
const SHOWN = 8;

/** Marks where a word begins and ends. */
const EDGE = ".";

function lookUp(): void {
  const context = typed.value.toLowerCase().padStart(3, EDGE).slice(-3);
  nextMessage.value = "";
  next.value = [];
  void latestNext.start(context, "cpu", (found) => next.value = found);
}

/** The predictions after letters of the reader's own. */
function Own(): JSX.Element {
  // The predictions change as the model learns.
  useEffect(lookUp, [typed.value, training.value]);
  return (
    <>
      <LettersInput of={typed} label={text.own} most={12} />
      {nextMessage.value !== "" && <p role="alert">{text.unknown}</p>}
      {next.value.length > 0 && (
        <Bars
          id="nextLetters"
          caption={text.after(typed.value.slice(-3))}
          bars={next.value.slice(0, SHOWN).map(([letter, share]) => [
            letter === EDGE ? text.end : letter,
            share,
          ])}
        />
      )}
    </>
  );
}

function train(): void {
  message.value = text.training;
  void latest.start({}, "cpu", (event) => void (training.value = event));
}

export function LettersWidget(): JSX.Element {
  const now = training.value;
  return (
    <>
      <Button class="primary" onClick={train} disabled={latest.run.value !== null}>
        {text.start}
      </Button>
      <p role="status">
        {now === null
          ? message.value || text.untrained
          : text.numbers(now.alphabet.length, now.parameters, now.examples)}
      </p>
      {now !== null && (
        <>
          <StepsPlot
            steps={now.losses.length - 1}
            highest={3.5}
            curves={[
              { name: loop.loss, color: "a", points: now.losses.map((loss, i) => [i, loss]) },
            ]}
          />
          <Table
            id="letters"
            head={text.columns}
            rows={now.after.map((word, i) => [
              `${i + 1}`,
              now.before[i] || text.empty,
              word || text.empty,
            ])}
          />
          <Own />
        </>
      )}
    </>
  );
}
