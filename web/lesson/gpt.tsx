/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Section 10: a GPT that is trained in the page, in the engine. @module */

import { type JSX, useEffect } from "../deps.ts";
import type { GptProgress } from "../engine/gpt.ts";
import { RANGES } from "../engine/gpt_spec.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { Button, Controls, FilePicker, Slider } from "../parts/controls.tsx";
import { download } from "../parts/download.ts";
import { fixed, nearest } from "../parts/number.ts";
import { type Curve, Plot, type Point } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { reset, slider } from "../state.ts";
import {
  clear,
  device,
  type Event,
  eventsOf,
  goOn,
  latest,
  load,
  message,
  others,
  own,
  restore,
  settings,
  type Shown,
  shown,
  start,
} from "./gpt_run.ts";
import { words } from "./words.ts";

const { gpt: text } = words;
/** The layer whose gradients are shown. */
const layer = slider("gptLayer", text.gradientLayer, 1, [1, RANGES.depth[1], 1]);

const { task, merges, depth, width, context, optimizer, schedule, steps } = settings;
/** What differs from the first settings. */
const presets: Readonly<Record<keyof typeof text.presets, () => void>> = {
  sort: () => {},
  quick: () => [depth.value, width.value, context.value, steps.value] = [1, 32, 32, 100],
  merges: () => [task.value, merges.value] = ["reverse", 64],
  deep: () => [task.value, depth.value, width.value, steps.value] = ["add", 4, 128, 1000],
  sgd: () => [optimizer.value, schedule.value] = ["sgd", "cosine"],
};

/** Something of the last event of a kind, if there is one. */
function lastOf<Kind extends GptProgress["kind"]>(
  run: Shown | null,
  kind: Kind,
  show: (event: Event<Kind>) => string,
): string {
  const last = eventsOf(run, kind).at(-1);
  return last === undefined ? words.network.none : show(last);
}

/** The points of a curve: a value of each event of a kind, over the steps. */
function pointsOf<Kind extends GptProgress["kind"]>(
  run: Shown | null,
  kind: Kind,
  value: (event: Event<Kind>) => number,
): Point[] {
  return eventsOf(run, kind).map((event) => [event.step, value(event)]);
}

/** Bits per byte after the last step: of the training text, smoothed, and of the validation text. */
function bitsOf(run: Shown | null): readonly [training: string, validation: string] {
  const nats = Math.LN2 * (run?.start.bytesPerToken ?? 1);
  return [
    lastOf(run, "step", ({ smoothLoss }) => fixed(smoothLoss / nats, 3)),
    lastOf(run, "evaluation", ({ bitsPerByte }) => fixed(bitsPerByte, 3)),
  ];
}

/** The merges that the tokenizer learned, and what a text looks like in its tokens. */
function Tokens({ start }: { readonly start: Event<"start"> }): JSX.Element {
  const { parameters, vocabSize, bytesPerToken, tokens, merges } = start;
  const show = (token: string) => JSON.stringify(token).slice(1, -1).replaceAll(" ", "·");
  return (
    <>
      <p>{text.about(parameters, vocabSize, bytesPerToken)}</p>
      <details>
        <summary>{text.merged(merges.length)}</summary>
        <p class="tokens">{tokens.map((token, i) => <code key={i}>{show(token)}</code>)}</p>
        <p class="tokens" data-merges>
          {merges.map(([left, right], i) => (
            <code key={i}>{`${show(left)} + ${show(right)} → ${show(left + right)}`}</code>
          ))}
        </p>
      </details>
    </>
  );
}

/** The files of the last checkpoint. */
function Files({ files }: { readonly files: ModelFiles }): JSX.Element {
  return (
    <>
      <p>{text.kept}</p>
      <p class="buttons">
        {[...files].map(([name, file]) => (
          <Button key={name} onClick={() => download(name, file)}>{text.keep(name)}</Button>
        ))}
      </p>
    </>
  );
}

/** What the reader sets. */
function Settings(): JSX.Element {
  return (
    <>
      <p class="buttons" role="group" aria-label={text.preset}>
        {text.preset}
        {(Object.keys(presets) as (keyof typeof presets)[]).map((name) => (
          <Button
            key={name}
            onClick={() => {
              reset(...Object.values(settings));
              presets[name]();
            }}
          >
            {text.presets[name]}
          </Button>
        ))}
      </p>
      <div class="controls">
        <Controls of={[...Object.values(settings), device]} />
      </div>
      {task.value === "own" && (
        <p>
          <label for={own.id}>{text.own}</label>
          <textarea
            id={own.id}
            rows={6}
            value={own.value}
            onInput={(event) => void (own.value = event.currentTarget.value)}
          />
        </p>
      )}
    </>
  );
}

/** The losses of the run that is shown, and of those before it. */
function Losses({ now }: { readonly now: Shown | null }): JSX.Element {
  const nats = now === null ? 0 : Math.LN2 * now.start.bytesPerToken;
  const smoothed = (one: Shown | null) => pointsOf(one, "step", ({ smoothLoss }) => smoothLoss);
  const validation = pointsOf(now, "evaluation", ({ bitsPerByte }) => bitsPerByte * nats);
  const curves: Curve[] = [
    { name: text.loss, color: "b", points: pointsOf(now, "step", ({ loss }) => loss) },
    ...others.value.map((one, i): Curve => ({
      name: text.run(one.start.spec),
      color: i % 2 === 0 ? "d" : "c",
      points: smoothed(one),
    })),
    { name: text.validation, color: "c", points: validation, isDots: true },
    { name: text.smooth, color: "a", points: smoothed(now) },
  ];
  const ends = [...others.value, ...now === null ? [] : [now]].map(({ start }) => start.spec.steps);
  return (
    <Plot
      title={text.plot}
      xName={words.loop.steps}
      yName={words.loop.loss}
      x={[0, Math.max(...ends.length === 0 ? [steps.value] : ends)]}
      y={[0, 6]}
      curves={curves}
    />
  );
}

/** How large the gradients of a layer are: of its matrices now, of its halves over the steps. */
function Gradients({ now }: { readonly now: Shown }): JSX.Element {
  const { depth, steps } = now.start.spec;
  const at = nearest(layer.value, depth);
  const names = Object.keys(text.matrices) as (keyof typeof text.matrices)[];
  const normsOf = (norms: ReadonlyMap<string, number>, half = "") =>
    names.filter((name) => name.startsWith(half)).flatMap((name) => {
      const norm = norms.get(`transformer.h.${at - 1}.${name}.weight`);
      return norm === undefined ? [] : [[name, norm] as const];
    });
  const normOf = (half: string) =>
    pointsOf(
      now,
      "gradients",
      ({ norms }) => Math.hypot(...normsOf(norms, half).map(([, norm]) => norm)),
    );
  const curves: Curve[] = [
    { name: text.attention, color: "a", points: normOf("attn") },
    { name: text.mlp, color: "b", points: normOf("mlp") },
  ];
  const highest = Math.max(...curves.flatMap(({ points }) => points.map(([, norm]) => norm)));
  return (
    <>
      <h3>{text.gradients(at)}</h3>
      <Slider of={layer} most={depth} />
      <Plot
        title={text.gradientsPlot(at)}
        xName={words.loop.steps}
        yName={text.gradientNorm}
        x={[0, steps]}
        y={[0, 1.2 * highest]}
        curves={curves}
      />
      <Table
        id="gradients"
        label={text.gradients(at)}
        head={text.gradientColumns}
        rows={normsOf(eventsOf(now, "gradients").at(-1)!.norms).map((
          [name, norm],
        ) => [text.matrices[name], fixed(norm, 5)])}
      />
    </>
  );
}

/** The widget. */
export function GptWidget(): JSX.Element {
  useEffect(() => void restore(), []);
  const now = shown.value;
  const step = eventsOf(now, "step").at(-1)?.step ?? now?.start.step ?? 0;
  const [training, validation] = bitsOf(now);
  const samples = eventsOf(now, "samples").reverse();
  const run = latest.run.value;
  const files = run === null ? eventsOf(now, "files")[0]?.files : undefined;
  const canGoOn = now !== null && files !== undefined && step < now.start.spec.steps;
  return (
    <figure
      aria-labelledby="gpt-title"
      data-losses={eventsOf(now, "step").map(({ loss }) => loss).join()}
    >
      <figcaption id="gpt-title">{text.title}</figcaption>
      <Settings />
      <p class="buttons">
        <Button onClick={start}>{words.network.start}</Button>
        {run !== null
          ? <Button onClick={() => run("stop")}>{words.network.pause}</Button>
          : <Button onClick={() => goOn()} disabled={!canGoOn}>{words.network.resume}</Button>}
        <Button onClick={() => goOn(1)} disabled={!canGoOn}>{text.one}</Button>
        <Button onClick={clear}>{words.actions.reset}</Button>
        <FilePicker id="gptFiles" label={text.load} onChoose={(files) => void load(files)} />
      </p>
      <p role="status" data-gpt-device>{message.value}</p>
      {now !== null && <Tokens start={now.start} />}
      <Rows
        caption={text.title}
        rows={[
          ["gptStep", text.stepRow, `${step}`],
          ["gptLoss", text.lossRow, lastOf(now, "step", ({ smoothLoss }) => fixed(smoothLoss, 4))],
          ["gptBits", text.bitsRow, training],
          ["gptValidation", text.validationRow, validation],
          [
            "gptAccuracy",
            text.accuracyRow,
            lastOf(now, "measurement", ({ values }) => `${Math.round(100 * values.share!)} %`),
          ],
        ]}
      />
      <Losses now={now} />
      {now !== null && eventsOf(now, "gradients").length > 0 && <Gradients now={now} />}
      {others.value.length > 0 && (
        <Table
          id="runs"
          caption={text.runs}
          head={text.runColumns}
          rows={[...others.value, ...now === null ? [] : [now]].map((one) => [
            text.run(one.start.spec),
            `${eventsOf(one, "step").at(-1)?.step ?? 0}`,
            ...bitsOf(one),
          ])}
        />
      )}
      {samples.length > 0 && (
        <Table
          id="gpt"
          caption={text.samples}
          head={text.columns}
          rows={samples.map(({ step, texts }) => [
            `${step}`,
            texts.map((one) => one.trim().replaceAll("\n", " ⏎ ")).join(" … "),
          ])}
        />
      )}
      {files !== undefined && <Files files={files} />}
    </figure>
  );
}
