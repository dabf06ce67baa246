/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Section 10: a GPT that is trained in the page, in the engine. @module */

import { type JSX, type Signal, signal, useEffect } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { GptProgress, GptTask } from "../engine/gpt.ts";
import { type GptSpec, MOST } from "../engine/gpt_spec.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { Button, Controls, FilePicker, Slider } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { type Curve, Plot } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, setting, slider } from "../state.ts";
import { forget, keep, recall } from "../store.ts";
import { words } from "./words.ts";

const { gpt: text } = words;
const task = choice("task", text.task, "sort", text.tasks);
const merges = slider("merges", text.merges, 0, [0, MOST.merges, 64]);
const depth = slider("gptDepth", text.depth, 2, [1, MOST.depth, 1]);
const width = slider("gptWidth", text.width, 64, [32, MOST.width, 32]);
const heads = choice("heads", text.heads, "2", text.headCounts);
const context = slider("context", text.context, 64, [16, MOST.context, 16]);
const optimizer = choice("gptOptimizer", text.optimizer, "muon", text.optimizers);
const rate = choice("gptRate", text.rate, "1.0", text.learningRates);
const schedule = choice("schedule", text.schedule, "trapezoid", text.schedules);
const steps = slider("gptSteps", text.steps, 400, [20, MOST.steps, 20]);
const seed = slider("gptSeed", text.seed, 1, [1, MOST.seed, 1]);
const all = [task, merges, depth, width, heads, context, optimizer, rate, schedule, steps, seed];
const device = choice("gptDevice", text.device, "auto", words.network.devices);
const own = setting<string>("ownText", "");
/** The layer whose gradients are shown. */
const layer = setting("gptLayer", 1);

/** What differs from the first settings. */
const presets: Readonly<Record<keyof typeof text.presets, () => void>> = {
  sort: () => {},
  quick: () => [depth.value, width.value, context.value, steps.value] = [1, 32, 32, 100],
  merges: () => [task.value, merges.value] = ["reverse", 64],
  deep: () => [task.value, depth.value, width.value, steps.value] = ["add", 4, 128, 1000],
  sgd: () => [optimizer.value, schedule.value] = ["sgd", "cosine"],
};

type Event<Kind extends GptProgress["kind"]> = GptProgress & { readonly kind: Kind };

/** A run, as far as it went. */
interface Shown {
  readonly start: Event<"start">;
  readonly losses: readonly (readonly [step: number, loss: number, smooth: number])[];
  readonly validation: readonly (readonly [step: number, bits: number])[];
  readonly gradients: readonly (readonly [step: number, norms: ReadonlyMap<string, number>])[];
  readonly samples: readonly Event<"samples">[];
  /** The last share of right answers. */
  readonly accuracy: number | null;
  /** Its last checkpoint. */
  readonly files: ModelFiles | null;
}

const message = signal("");
const latest = new Latest("gpt", message);
const shown = signal<Shown | null>(null);
/** Earlier runs, to compare with. */
const others = signal<readonly Shown[]>([]);
/** The files of the model that was trained last. */
export const trained: Signal<ModelFiles | null> = signal(null);

function spec(): GptSpec {
  return {
    task: task.value,
    own: own.value,
    merges: merges.value,
    depth: depth.value,
    width: width.value,
    heads: Number(heads.value),
    context: context.value,
    optimizer: optimizer.value,
    rate: Number(rate.value),
    schedule: schedule.value,
    seed: seed.value,
    steps: steps.value,
  };
}

function hear(event: GptProgress): void {
  if (event.kind === "start") {
    const upTo = ([step]: readonly [number, ...unknown[]]) => step <= event.step;
    const { losses = [], validation = [], gradients = [], samples = [] } = shown.value ?? {};
    shown.value = {
      start: event,
      losses: losses.filter(upTo),
      validation: validation.filter(upTo),
      gradients: gradients.filter(upTo),
      samples,
      accuracy: shown.value?.accuracy ?? null,
      files: shown.value?.files ?? null,
    };
    return;
  }
  const now = shown.value!;
  if (event.kind === "step") {
    const { step, loss, smoothLoss } = event;
    shown.value = { ...now, losses: [...now.losses, [step, loss, smoothLoss]] };
  } else if (event.kind === "evaluation") {
    const others = now.validation.filter(([step]) => step !== event.step);
    shown.value = { ...now, validation: [...others, [event.step, event.bitsPerByte]] };
  } else if (event.kind === "gradients") {
    shown.value = { ...now, gradients: [...now.gradients, [event.step, event.norms]] };
  } else if (event.kind === "samples") {
    shown.value = { ...now, samples: [event, ...now.samples] };
  } else if (event.kind === "accuracy") {
    shown.value = { ...now, accuracy: event.share };
  } else {
    trained.value = event.files;
    shown.value = { ...now, files: event.files };
    // A page that was opened in private may keep nothing.
    keep("gpt", { format: FORMAT, shown: shown.value, others: others.value }).catch(() => {});
  }
}

/** Changes with what is kept, so that a page does not read what another version of it kept. */
const FORMAT = 2;

async function begin(task: GptTask): Promise<void> {
  message.value = words.network.starting;
  await latest.start(task, device.value, hear);
}

/** Makes room for another run; the one that is shown stays to compare with. */
function leave(): void {
  latest.stop();
  if (shown.value !== null && shown.value.losses.length > 0) {
    others.value = [...others.value, { ...shown.value, files: null }].slice(-MAX_OTHERS);
  }
  shown.value = null;
}

const MAX_OTHERS = 6;

function start(): void {
  leave();
  void begin({ spec: spec() });
}

async function load(list: FileList): Promise<void> {
  leave();
  const files = new Map(Array.from(list, (file) => [file.name, file]));
  await begin({ from: files, own: own.value, steps: 0 });
  if (shown.value === null) return;
  shown.value = { ...shown.value, files };
  trained.value = files;
}

/** Goes on from the last files: all steps that are left, or some. */
function goOn(steps?: number): void {
  const { start, files } = shown.value!;
  void begin({ from: files!, own: start.spec.own, ...(steps === undefined ? {} : { steps }) });
}

function clear(): void {
  latest.stop();
  shown.value = trained.value = null;
  message.value = "";
  others.value = [];
  forget("gpt").catch(() => {});
}

async function restore(): Promise<void> {
  const kept = await recall<{ format?: number; shown: Shown; others: readonly Shown[] }>("gpt");
  if (kept === undefined || latest.run.value !== null) return;
  if (kept.format !== FORMAT) {
    clear();
    message.value = text.stale;
    return;
  }
  ({ shown: shown.value, others: others.value } = kept);
  trained.value = kept.shown.files;
  message.value = text.restored;
}

/** Nats a token as bits a byte. */
const bitsPerByte = (loss: number, { start }: Shown) => loss / Math.LN2 / start.bytesPerToken;

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
  const download = (name: string, file: Blob) => {
    const address = URL.createObjectURL(file);
    Object.assign(document.createElement("a"), { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
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
              reset(...all);
              presets[name]();
            }}
          >
            {text.presets[name]}
          </Button>
        ))}
      </p>
      <div class="controls">
        <Controls of={[...all, device]} />
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
  const curves: Curve[] = [
    {
      name: text.loss,
      color: "b",
      points: now?.losses.map(([step, loss]) => [step, loss] as const) ?? [],
    },
    ...others.value.map(({ start, losses }, i): Curve => ({
      name: text.run(start.spec),
      color: i % 2 === 0 ? "d" : "c",
      points: losses.map(([step, , smooth]) => [step, smooth] as const),
    })),
    {
      name: text.validation,
      color: "c",
      points: now?.validation.map(([step, bits]) => [step, bits * nats] as const) ?? [],
      isDots: true,
    },
    {
      name: text.smooth,
      color: "a",
      points: now?.losses.map(([step, , smooth]) => [step, smooth] as const) ?? [],
    },
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
  const { gradients, start: { spec: { depth } } } = now;
  const at = Math.min(layer.value, depth);
  const names = Object.keys(text.matrices) as (keyof typeof text.matrices)[];
  const normsOf = (norms: ReadonlyMap<string, number>, half = "") =>
    names.filter((name) => name.startsWith(half)).flatMap((name) => {
      const norm = norms.get(`transformer.h.${at - 1}.${name}.weight`);
      return norm === undefined ? [] : [[name, norm] as const];
    });
  const curve = (name: string, half: string, color: Curve["color"]): Curve => ({
    name,
    color,
    points: gradients.map(([step, norms]) => [
      step,
      Math.hypot(...normsOf(norms, half).map(([, norm]) => norm)),
    ]),
  });
  const curves = [curve(text.attention, "attn", "a"), curve(text.mlp, "mlp", "b")];
  const highest = Math.max(...curves.flatMap(({ points }) => points.map(([, norm]) => norm)));
  return (
    <>
      <Slider label={text.gradientLayer} value={layer} min={1} max={depth} step={1} digits={0} />
      <Plot
        title={text.gradientsPlot}
        xName={words.loop.steps}
        yName={text.gradientNorm}
        x={[0, now.start.spec.steps]}
        y={[0, highest]}
        curves={curves}
      />
      <Table
        id="gradients"
        caption={text.gradients}
        head={text.gradientColumns}
        rows={normsOf(gradients.at(-1)![1]).map((
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
  const [step, , smooth] = now?.losses.at(-1) ?? [now?.start.step ?? 0];
  const none = words.network.none;
  const [, bits] = now?.validation.at(-1) ?? [];
  const run = latest.run.value, isRunning = run !== null;
  const canGoOn = !isRunning && now !== null && now.files !== null && step < now.start.spec.steps;
  return (
    <figure
      aria-labelledby="gpt-title"
      data-losses={now?.losses.map(([, loss]) => loss).join() ?? ""}
    >
      <figcaption id="gpt-title">{text.title}</figcaption>
      <Settings />
      <p class="buttons">
        <Button onClick={start}>{words.network.start}</Button>
        {isRunning
          ? <Button onClick={() => run?.stop()}>{words.network.pause}</Button>
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
          ["gptLoss", text.lossRow, smooth === undefined ? none : fixed(smooth, 4)],
          [
            "gptBits",
            text.bitsRow,
            smooth === undefined ? none : fixed(bitsPerByte(smooth, now!), 3),
          ],
          ["gptValidation", text.validationRow, bits === undefined ? none : fixed(bits, 3)],
          [
            "gptAccuracy",
            text.accuracyRow,
            now?.accuracy == null ? none : `${Math.round(100 * now.accuracy)} %`,
          ],
        ]}
      />
      <Losses now={now} />
      {now !== null && now.gradients.length > 0 && <Gradients now={now} />}
      {others.value.length > 0 && (
        <Table
          id="runs"
          caption={text.runs}
          head={text.runColumns}
          rows={[...others.value, ...now === null ? [] : [now]].map((one) => [
            text.run(one.start.spec),
            `${one.losses.at(-1)?.[0] ?? 0}`,
            one.losses.length === 0 ? none : fixed(bitsPerByte(one.losses.at(-1)![2], one), 3),
            one.validation.length === 0 ? none : fixed(one.validation.at(-1)![1], 3),
          ])}
        />
      )}
      {now !== null && now.samples.length > 0 && (
        <Table
          id="gpt"
          caption={text.samples}
          head={text.columns}
          rows={now.samples.map(({ step, texts }) => [
            `${step}`,
            texts.map((one) => one.trim().replaceAll("\n", " ⏎ ")).join(" … "),
          ])}
        />
      )}
      {!isRunning && now !== null && now.files !== null && <Files files={now.files} />}
    </figure>
  );
}
