/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Section 10: a GPT that is trained in the page, in the engine. @module */

import { type JSX, signal } from "../deps.ts";
import { type Run, startTask } from "../engine/client.ts";
import type { GptProgress } from "../engine/gpt.ts";
import type { DeviceChoice } from "../engine/messages.ts";
import { Button, Choice, Slider } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Plot } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { setting } from "../state.ts";
import { words } from "./words.ts";

const { gpt: text } = words;
const task = setting<keyof typeof text.tasks>("task", "sort");
const merges = setting("merges", 0);
const depth = setting("gptDepth", 2),
  width = setting("gptWidth", 64),
  heads = setting<keyof typeof text.headCounts>("heads", "2");
const context = setting("context", 64),
  seed = setting("gptSeed", 1),
  steps = setting("gptSteps", 400);
const device = setting<DeviceChoice>("gptDevice", "auto");
/** Too long for an address. */
const own = signal("");

type Event<Kind extends GptProgress["kind"]> = GptProgress & { readonly kind: Kind };

const run = signal<Run | null>(null);
const isPaused = signal(false);
const message = signal("");
const about = signal<Event<"start"> | null>(null);
const losses = signal<readonly Event<"step">[]>([]);
const bits = signal<number | null>(null);
const samples = signal<readonly Event<"samples">[]>([]);
const files = signal<readonly (readonly [name: string, address: string])[]>([]);

function clear(): void {
  run.value?.stop();
  run.value = null;
  isPaused.value = false;
  message.value = "";
  about.value = bits.value = null;
  losses.value = samples.value = [];
  for (const [, address] of files.value) URL.revokeObjectURL(address);
  files.value = [];
}

function hear(event: GptProgress): void {
  if (event.kind === "start") about.value = event;
  else if (event.kind === "step") losses.value = [...losses.value, event];
  else if (event.kind === "evaluation") bits.value = event.bitsPerByte;
  else if (event.kind === "samples") samples.value = [event, ...samples.value];
  else {
    files.value = [...event.files].map(([name, bytes]) =>
      [name, URL.createObjectURL(new Blob([bytes]))] as const
    );
  }
}

async function start(): Promise<void> {
  clear();
  message.value = words.network.starting;
  const spec = {
    task: task.value,
    own: own.value,
    merges: merges.value,
    depth: depth.value,
    width: width.value,
    heads: Number(heads.value),
    context: context.value,
    seed: seed.value,
    steps: steps.value,
  };
  const mine = startTask("gpt", spec, device.value, {
    onDevice: (description) => void (message.value = description),
    onEvent: (event) => {
      if (run.value === mine) hear(event);
    },
  });
  run.value = mine;
  try {
    await mine.done;
  } catch (error) {
    if (run.value === mine) message.value = error instanceof Error ? error.message : `${error}`;
  }
  if (run.value === mine) run.value = null;
}

function hold(): void {
  if (isPaused.value) run.value?.resume();
  else run.value?.pause();
  isPaused.value = !isPaused.value;
}

/** The widget. */
export function GptWidget(): JSX.Element {
  const now = losses.value.at(-1);
  const per = about.value?.bytesPerToken ?? 1;
  const none = words.network.none;
  return (
    <figure
      aria-labelledby="gpt-title"
      data-losses={losses.value.map(({ loss }) => loss).join()}
    >
      <figcaption id="gpt-title">{text.title}</figcaption>
      <div class="controls">
        <Choice label={text.task} value={task} options={text.tasks} />
        <Slider label={text.merges} value={merges} min={0} max={512} step={64} digits={0} />
        <Slider label={text.depth} value={depth} min={1} max={4} step={1} digits={0} />
        <Slider label={text.width} value={width} min={32} max={128} step={32} digits={0} />
        <Choice label={text.heads} value={heads} options={text.headCounts} />
        <Slider label={text.context} value={context} min={16} max={128} step={16} digits={0} />
        <Slider label={text.seed} value={seed} min={1} max={20} step={1} digits={0} />
        <Slider label={text.steps} value={steps} min={20} max={2000} step={20} digits={0} />
        <Choice label={text.device} value={device} options={words.network.devices} />
      </div>
      {task.value === "own" && (
        <p>
          <label for="own-text">{text.own}</label>
          <textarea
            id="own-text"
            rows={6}
            value={own.value}
            onInput={(event) => void (own.value = event.currentTarget.value)}
          />
        </p>
      )}
      <p class="buttons">
        <Button onClick={start}>{words.network.start}</Button>
        <Button onClick={hold} disabled={run.value === null}>
          {isPaused.value ? words.network.resume : words.network.pause}
        </Button>
        <Button onClick={clear}>{words.actions.reset}</Button>
      </p>
      <p role="status" data-gpt-device>{message.value}</p>
      {about.value !== null && (
        <p>
          {text.about(about.value.parameters, about.value.vocabSize, per)}
          {about.value.merged.length > 0 && <>. {text.merged(about.value.merged)}</>}
        </p>
      )}
      <Rows
        caption={text.title}
        rows={[
          { id: "gptStep", name: text.stepRow, work: "", value: `${now?.step ?? 0}` },
          {
            id: "gptLoss",
            name: text.lossRow,
            work: "",
            value: now === undefined ? none : fixed(now.smoothLoss, 4),
          },
          {
            id: "gptBits",
            name: text.bitsRow,
            work: "",
            value: now === undefined ? none : fixed(now.smoothLoss / Math.LN2 / per, 3),
          },
          {
            id: "gptValidation",
            name: text.validationRow,
            work: "",
            value: bits.value === null ? none : fixed(bits.value, 3),
          },
        ]}
      />
      <Plot
        title={text.plot}
        xName={words.loop.steps}
        yName={words.loop.loss}
        x={[0, steps.value]}
        y={[0, 6]}
        curves={[
          {
            name: text.loss,
            color: "b",
            points: losses.value.map(({ step, loss }) => [step, loss]),
          },
          {
            name: text.smooth,
            color: "a",
            points: losses.value.map(({ step, smoothLoss }) => [step, smoothLoss]),
          },
        ]}
      />
      {samples.value.length > 0 && (
        <Table
          id="gpt"
          caption={text.samples}
          head={text.columns}
          rows={samples.value.map(({ step, texts }) => [
            `${step}`,
            texts.map((one) => one.trim().replaceAll("\n", " ⏎ ")).join(" … "),
          ])}
        />
      )}
      {files.value.length > 0 && (
        <>
          <p>{text.kept}</p>
          <ul>
            {files.value.map(([name, address]) => (
              <li key={name}>
                <a href={address} download={name}>{text.keep(name)}</a>
              </li>
            ))}
          </ul>
        </>
      )}
    </figure>
  );
}
