/** @jsxImportSource npm:preact@11.2.0 */

/** Section 9: the lessons' model of letters, trained in the engine. @module */

import type { CharacterTraining } from "../../lessons/character_model.ts";
import { type JSX, signal } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { Button } from "../parts/controls.tsx";
import { Table } from "../parts/rows.tsx";
import { StepsPlot } from "./loop.tsx";
import { words } from "./words.ts";

const { letters: text, loop } = words;
const training = signal<CharacterTraining | null>(null);
const message = signal("");

const latest = new Latest("letters", message);

function train(): void {
  message.value = text.training;
  void latest.start({}, "cpu", (event) => void (training.value = event));
}

export function LettersWidget(): JSX.Element {
  const now = training.value;
  return (
    <>
      <Button onClick={train} disabled={latest.run.value !== null}>{text.start}</Button>
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
        </>
      )}
    </>
  );
}
