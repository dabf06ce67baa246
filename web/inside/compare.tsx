/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Two checkpoints on one text, in the view into a model. @module */

import { type JSX, type Signal, signal, useEffect } from "../deps.ts";
import type { ComparedModels } from "../engine/ablation.ts";
import { Latest } from "../engine/client.ts";
import type { ModelFiles, Opened, Prompt } from "../engine/inside.ts";
import type { DeviceChoice } from "../engine/serve_tasks.ts";
import { talkModels } from "../lesson/talk_models.ts";
import { visible } from "../parts/bars.tsx";
import { Button, FilePicker } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Table } from "../parts/rows.tsx";
import { words as text } from "../words/ablation.ts";
import { filesOf } from "./files.ts";
import { trained } from "./trained.ts";

const message = signal("");
const latest = new Latest("inside.compare", message);
const other: Signal<ModelFiles | null> = signal(null);
const compared: Signal<ComparedModels | null> = signal(null);

/** As much surprise as this has the full color. */
const MAX_BITS = 10;

/** The tokens of a text as one of the models has them, by their surprise. */
function Tokens({ label, tokens }: {
  readonly label: string;
  readonly tokens: ComparedModels["models"][number]["tokens"];
}): JSX.Element {
  return (
    <p class="template" role="group" aria-label={label}>
      {tokens.slice(1).map(([token, bits], i) => (
        <code
          key={i}
          class="surprise"
          style={{ "--strength": Math.min(1, bits / MAX_BITS).toFixed(2) }}
          title={fixed(bits, 1)}
        >
          {visible(token)}
        </code>
      ))}
    </p>
  );
}

/** The part of the view that compares the open model with another one. */
export function Compare({ model, prompt, device }: {
  readonly model: Opened;
  readonly prompt: Prompt;
  readonly device: DeviceChoice;
}): JSX.Element {
  const asked = [prompt.text, device].join("\0");
  useEffect(() => {
    const files = other.value;
    if (files === null) return;
    const timer = setTimeout(() => {
      const input = { prompt: { ...prompt, more: [], off: [] }, other: files };
      void latest.start(input, device, (found) => void (compared.value = found));
    }, 100);
    return () => clearTimeout(timer);
  }, [model, other.value, asked]);
  const models = { trained: trained.value, ...talkModels.value };
  const found = compared.value;
  const names = [text.open, text.other];
  return (
    <details>
      <summary>{text.compare}</summary>
      <p class="buttons">
        {(Object.keys(text.sources) as (keyof typeof text.sources)[]).map((name) => (
          <Button
            key={name}
            aria-pressed={models[name] !== null && other.value === models[name]}
            disabled={models[name] === null}
            onClick={() => other.value = models[name]}
          >
            {text.sources[name]}
          </Button>
        ))}
        <FilePicker
          id="otherFiles"
          label={text.files}
          onChoose={(files) => other.value = filesOf(files)}
        />
      </p>
      <p class="work" data-compare>{message.value}</p>
      {found !== null && (
        <>
          <Table
            id="compare"
            isNamed
            caption={text.compared}
            head={text.columns}
            rows={found.models.map(({ outcome: { bitsPerByte, written } }, i) => [
              names[i]!,
              fixed(bitsPerByte, 3),
              <code key={i}>{visible(written) || text.ended}</code>,
            ])}
          />
          {found.models.map(({ tokens }, i) => (
            <div key={i}>
              <p class="work">{text.tokens(names[i]!)}</p>
              <Tokens label={text.tokens(names[i]!)} tokens={tokens} />
            </div>
          ))}
        </>
      )}
    </details>
  );
}
