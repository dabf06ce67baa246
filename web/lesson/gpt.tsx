/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A GPT that is trained in the page, in the engine. The browser keeps the run. @module */

import {
  computed,
  forget,
  type JSX,
  keep,
  type ReadonlySignal,
  recall,
  type Signal,
  signal,
  useEffect,
} from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { GptProgress, GptTask } from "../engine/gpt.ts";
import { RANGES } from "../engine/gpt_spec.ts";
import { isRight } from "../engine/texts.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { filesOf } from "../inside/files.ts";
import { trained } from "../inside/trained.ts";
import { Button, Controls, FilePicker, Slider } from "../parts/controls.tsx";
import { download } from "../parts/download.ts";
import { fixed, nearest } from "../parts/number.ts";
import type { Curve, Point } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, setting, slider, valuesOf } from "../state.ts";
import { StepsPlot } from "./loop.tsx";
import { savePage } from "./save_page.ts";
import { words } from "../words/labs.ts";

const { gpt: text, loop, network } = words;

/** The settings, besides the reader's own text and the device. */
const settings = {
  task: choice("task", text.task, "sort", text.tasks),
  merges: slider("merges", text.merges, 0, [0, RANGES.merges[1], 64]),
  depth: slider("gptDepth", text.depth, 2, [1, RANGES.depth[1], 1]),
  width: slider("gptWidth", text.width, 64, [32, RANGES.width[1], 32]),
  heads: choice("heads", text.heads, "2", text.headCounts),
  context: slider("context", text.context, 64, [16, RANGES.context[1], 16]),
  optimizer: choice("gptOptimizer", network.optimizer, "muon", text.optimizers),
  rate: choice("gptRate", loop.rate, "1.0", text.learningRates),
  schedule: choice("schedule", text.schedule, "trapezoid", text.schedules),
  steps: slider("gptSteps", network.steps, 400, [20, RANGES.steps[1], 20]),
  seed: slider("gptSeed", network.seed, 1, [1, RANGES.seed[1], 1]),
};
const device = choice("gptDevice", network.device, "auto", network.devices);
const own = setting<string>("ownText", "");
/** The layer whose gradients are shown. */
const layer = slider("gptLayer", text.gradientLayer, 1, [1, RANGES.depth[1], 1]);

const { task, merges, depth, width, heads, context, optimizer, schedule, steps } = settings;
/** Named settings, as changes to the defaults. */
const presets: Readonly<Record<keyof typeof text.presets, () => void>> = {
  sort: () => {},
  // Right in 20 of 20 answers, after a third of the time of the first preset.
  quick: () => [width.value, context.value, steps.value] = [32, 32, 200],
  merges: () => [task.value, merges.value] = ["reverse", 64],
  deep: () => [task.value, depth.value, width.value, steps.value] = ["add", 4, 128, 1000],
  sgd: () => [optimizer.value, schedule.value] = ["sgd", "cosine"],
  // Half an hour of reading in a minute or two: then most sentences are sentences.
  stories: () => {
    [task.value, merges.value, heads.value] = ["stories", 512, "4"];
    [width.value, context.value, steps.value] = [96, 128, 600];
  },
};

/** Sets all that the reader can set to one of the presets. */
export function setPreset(name: keyof typeof presets): void {
  reset(...Object.values(settings));
  presets[name]();
}

type Event<Kind extends GptProgress["kind"]> = GptProgress & { readonly kind: Kind };

/** The events of a run so far; of its starts and its checkpoints only the last ones. */
type Run = readonly GptProgress[];

const message = signal("");
const latest = new Latest("gpt", message);
const storiesText = new Latest("stories.text", message);
const shown: Signal<Run> = signal([]);
/** Earlier runs, to compare with. */
const others: Signal<readonly Run[]> = signal([]);
const MAX_OTHERS = 6;

/** The model that was trained last, if it was trained on stories. */
export const storyteller: ReadonlySignal<ModelFiles | null> = computed(() =>
  startOf(shown.value)?.spec.task === "stories" ? trained.value : null
);

/** The events of a kind, in order. */
function eventsOf<Kind extends GptProgress["kind"]>(run: Run, kind: Kind): Event<Kind>[] {
  return run.filter((event): event is Event<Kind> => event.kind === kind);
}

const startOf = (run: Run) => eventsOf(run, "start")[0];

function hear(event: GptProgress): void {
  // A run that goes on takes back what came after its first step, and repeats what it said then.
  const isOld = ({ kind, step }: GptProgress) =>
    event.kind === "start"
      ? kind === "start" || step > event.step
      : kind === event.kind && (kind === "files" || step === event.step);
  shown.value = [...shown.value.filter((one) => !isOld(one)), event];
  if (event.kind !== "files") return;
  trained.value = event.files;
  // A page that was opened in private may keep nothing.
  keep(KEPT, { format: FORMAT, shown: shown.value, others: others.value }).catch(() => {});
}

/** The key in the browser's store, which other sites at this address may share. */
const KEPT = "nanodino gpt";
/** Changes with what is kept, so that a page does not read what another version of it kept. */
const FORMAT = 4;

async function begin(task: GptTask): Promise<void> {
  message.value = network.starting;
  await latest.start(task, device.value, hear);
}

/** Makes room for another run; the one that is shown stays to compare with. */
function leave(): void {
  latest.stop();
  if (eventsOf(shown.value, "step").length > 0) {
    const left = shown.value.filter(({ kind }) => kind !== "files");
    others.value = [...others.value, left].slice(-MAX_OTHERS);
  }
  shown.value = [];
}

/** The text that comes with a run: stories, which are told elsewhere, or the reader's. */
async function textOf(task: unknown): Promise<string> {
  return task === "stories" ? await storiesText.ask(null, "cpu") : own.value;
}

/** Starts a run as the reader set it. */
async function start(): Promise<void> {
  leave();
  const set = valuesOf(settings);
  const [heads, rate] = [Number(set.heads), Number(set.rate)];
  message.value = network.starting;
  await begin({ spec: { ...set, own: await textOf(set.task), heads, rate } });
}

/** Goes on with a checkpoint of the reader's. */
async function load(list: FileList): Promise<void> {
  leave();
  const files = filesOf(list);
  const meta = [...files].find(([name]) => /^meta_\d+\.json$/.test(name))?.[1];
  // Files that cannot be read are refused by the engine, in a sentence.
  const { settings } = await meta?.text().then(JSON.parse).catch(() => null) ?? {};
  await begin({ from: files, own: await textOf(settings?.task), steps: 0 });
  const loaded = startOf(shown.value);
  if (loaded !== undefined) hear({ kind: "files", step: loaded.step, files });
}

/** Goes on from the last files: all steps that are left, or some. */
function goOn(steps?: number): void {
  const { files } = eventsOf(shown.value, "files")[0]!;
  const { own } = startOf(shown.value)!.spec;
  void begin({ from: files, own, ...(steps === undefined ? {} : { steps }) });
}

/** Forgets all runs. */
function clear(): void {
  latest.stop();
  trained.value = null;
  message.value = "";
  shown.value = others.value = [];
  forget(KEPT).catch(() => {});
}

/** Shows the run that the browser kept. */
async function restore(): Promise<void> {
  type Kept = { format?: number; shown: Run; others: readonly Run[] };
  const kept = await recall<Kept>(KEPT).catch(() => undefined);
  if (kept === undefined || latest.run.value !== null) return;
  if (kept.format !== FORMAT) {
    clear();
    message.value = text.stale;
    return;
  }
  ({ shown: shown.value, others: others.value } = kept);
  trained.value = eventsOf(kept.shown, "files")[0]?.files ?? null;
  message.value = text.restored;
}

/** Something of the last event of a kind, if there is one. */
function lastOf<Kind extends GptProgress["kind"]>(
  run: Run,
  kind: Kind,
  show: (event: Event<Kind>) => string,
): string {
  const last = eventsOf(run, kind).at(-1);
  return last === undefined ? network.none : show(last);
}

/** The points of a curve: a value of each event of a kind, over the steps. */
function pointsOf<Kind extends GptProgress["kind"]>(
  run: Run,
  kind: Kind,
  value: (event: Event<Kind>) => number,
): Point[] {
  return eventsOf(run, kind).map((event) => [event.step, value(event)]);
}

/** Bits per byte after the last step: of the training text, smoothed, and of the validation text. */
function bitsOf(run: Run): readonly [training: string, validation: string] {
  const nats = Math.LN2 * (startOf(run)?.bytesPerToken ?? 1);
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

/** Gives the model of a run as one page that holds it. */
async function saveRun(run: Run, files: ModelFiles): Promise<void> {
  const { spec: { task, steps } } = startOf(run)!;
  const step = eventsOf(run, "files")[0]!.step;
  const problem = await savePage({
    id: text.tasks[task],
    stage: "base",
    origin: text.origin(step, steps),
    examples: [],
    facts: [[text.validationRow, bitsOf(run)[1]]],
  }, files);
  message.value = problem || message.value;
}

/** The files of the last checkpoint. */
function Files({ run, files }: { readonly run: Run; readonly files: ModelFiles }): JSX.Element {
  return (
    <>
      <p class="buttons">
        <Button class="primary" onClick={() => void saveRun(run, files)}>{text.savePage}</Button>
        {text.savePageHelp}
      </p>
      <p>{text.kept}</p>
      <p class="buttons">
        {[...files].map(([name, file]) => (
          <Button key={name} onClick={() => download(name, file)}>{text.keep(name)}</Button>
        ))}
      </p>
    </>
  );
}

/** The controls of the settings. */
function Settings(): JSX.Element {
  return (
    <>
      <p class="buttons" role="group" aria-label={text.preset}>
        {text.preset}
        {(Object.keys(presets) as (keyof typeof presets)[]).map((name) => (
          <Button
            key={name}
            onClick={() => setPreset(name)}
          >
            {text.presets[name]}
          </Button>
        ))}
      </p>
      <div class="controls">
        <Controls of={[task]} />
      </div>
      <details>
        <summary>{text.allSettings}</summary>
        <div class="controls">
          <Controls of={[...Object.values(settings).filter((one) => one !== task), device]} />
        </div>
        <FilePicker id="gptFiles" label={text.load} onChoose={(files) => void load(files)} />
      </details>
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

/** The runs that are compared: those before, and the one that is shown. */
const compared = () => [...others.value, shown.value].filter(({ length }) => length > 0);

/** The losses of the run that is shown, and of those before it. */
function Losses({ now }: { readonly now: Run }): JSX.Element {
  const nats = Math.LN2 * (startOf(now)?.bytesPerToken ?? 1);
  const smoothed = (one: Run) => pointsOf(one, "step", ({ smoothLoss }) => smoothLoss);
  const validation = pointsOf(now, "evaluation", ({ bitsPerByte }) => bitsPerByte * nats);
  const curves: Curve[] = [
    { name: text.loss, color: "b", points: pointsOf(now, "step", ({ loss }) => loss) },
    ...others.value.map((one, i): Curve => ({
      name: text.run(startOf(one)!.spec),
      color: i % 2 === 0 ? "d" : "c",
      points: smoothed(one),
    })),
    { name: text.validation, color: "c", points: validation, look: "dots" },
    { name: text.smooth, color: "a", points: smoothed(now) },
  ];
  const ends = compared().map((one) => startOf(one)!.spec.steps);
  return (
    <StepsPlot
      title={text.plot}
      steps={Math.max(...ends.length === 0 ? [steps.value] : ends)}
      highest={6}
      curves={curves}
    />
  );
}

/** How large the gradients of a layer are: of its matrices now, of its halves over the steps. */
function Gradients({ now }: { readonly now: Run }): JSX.Element {
  const { depth, steps } = startOf(now)!.spec;
  const at = nearest(layer.value, depth);
  const normsOf = ({ norms }: Event<"gradients">, half = "") =>
    Object.entries(text.matrices).flatMap(([name, title]) => {
      const norm = norms.get(`transformer.h.${at - 1}.${name}.weight`);
      return norm === undefined || !name.startsWith(half) ? [] : [{ title, norm }];
    });
  const sizeOf = (half: string) =>
    pointsOf(
      now,
      "gradients",
      (event) => Math.hypot(...normsOf(event, half).map(({ norm }) => norm)),
    );
  const curves: Curve[] = [
    { name: text.attention, color: "a", points: sizeOf("attn") },
    { name: text.mlp, color: "b", points: sizeOf("mlp") },
  ];
  const highest = Math.max(...curves.flatMap(({ points }) => points.map(([, norm]) => norm)));
  return (
    <details>
      <summary>{text.gradientsTitle}</summary>
      <Slider of={layer} most={depth} />
      <StepsPlot
        title={text.gradientsPlot(at)}
        yName={text.gradientNorm}
        steps={steps}
        highest={1.2 * highest}
        curves={curves}
      />
      <Table
        id="gradients"
        label={text.gradients(at)}
        head={text.gradientColumns}
        rows={normsOf(eventsOf(now, "gradients").at(-1)!)
          .map(({ title, norm }) => [title, fixed(norm, 5)])}
      />
    </details>
  );
}

/** As many of the last samples as are shown at once. */
const SAMPLES = 8;

/** The last samples, line by line: right, wrong, or without a rule to check. */
function Written({ now }: { readonly now: Run }): JSX.Element {
  const last = eventsOf(now, "samples").at(-1);
  const task = startOf(now)?.spec.task;
  const lines = last?.texts.flatMap((one) => {
    const all = one.trim().split("\n");
    // The last line may not have come to its end.
    return all.length > 1 ? all.slice(0, -1) : all;
  }) ?? [];
  return (
    <div class="written">
      <h3>{text.writes}</h3>
      <p class="work">{last === undefined ? text.nothingYet : text.after(last.step)}</p>
      <ul>
        {lines.slice(0, SAMPLES).map((line, i) => {
          const right = task === undefined ? null : isRight(task, line);
          const look = right === null ? "" : right ? "right" : "wrong";
          return (
            <li key={i} class={look}>
              <code>{line}</code>
              {right !== null && (
                <span role="img" aria-label={right ? text.right : text.wrong}>
                  {right ? "✓" : "✗"}
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

/** The widget. */
export function GptWidget(): JSX.Element {
  useEffect(() => void restore(), []);
  const now = shown.value;
  const begun = startOf(now);
  const step = eventsOf(now, "step").at(-1)?.step ?? begun?.step ?? 0;
  const [training, validation] = bitsOf(now);
  const samples = eventsOf(now, "samples").reverse();
  const run = latest.run.value;
  const files = run === null ? eventsOf(now, "files")[0]?.files : undefined;
  const canGoOn = files !== undefined && step < (begun?.spec.steps ?? 0);
  return (
    <div data-losses={eventsOf(now, "step").map(({ loss }) => loss).join()}>
      <Settings />
      <p class="buttons">
        <Button class="primary" onClick={() => void start()}>{network.start}</Button>
        {run !== null
          ? <Button onClick={() => run("stop")}>{network.pause}</Button>
          : <Button onClick={() => goOn()} disabled={!canGoOn}>{network.resume}</Button>}
        <Button onClick={() => goOn(1)} disabled={!canGoOn}>{text.one}</Button>
        <Button onClick={clear}>{words.actions.reset}</Button>
      </p>
      <p role="status" data-gpt-device>{message.value}</p>
      <div class="pair">
        <div>
          <Losses now={now} />
        </div>
        <Written now={now} />
      </div>
      {begun !== undefined && <Tokens start={begun} />}
      <Rows
        of="gpt"
        rows={[
          ["gptStep", loop.step, `${step}`],
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
      {eventsOf(now, "gradients").length > 0 && <Gradients now={now} />}
      {others.value.length > 0 && (
        <Table
          id="runs"
          caption={text.runs}
          head={text.runColumns}
          rows={compared().map((one) => [
            text.run(startOf(one)!.spec),
            `${eventsOf(one, "step").at(-1)?.step ?? 0}`,
            ...bitsOf(one),
          ])}
        />
      )}
      {samples.length > 0 && (
        <details>
          <summary>{text.samples}</summary>
          <Table
            id="gpt"
            label={text.samples}
            head={text.columns}
            rows={samples.map(({ step, texts }) => [
              `${step}`,
              texts.map((one) => one.trim().replaceAll("\n", " ⏎ ")).join(" … "),
            ])}
          />
        </details>
      )}
      {files !== undefined && <Files run={now} files={files} />}
    </div>
  );
}
