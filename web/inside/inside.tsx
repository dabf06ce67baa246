/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The view into a model: the way of a token through it, its attention, its stream, its probabilities. @module */

import { type JSX, signal, useEffect, useRef } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { ModelFiles, Opened, Seen } from "../engine/inside.ts";
import { words } from "../words/labs.ts";
import { Bars, TokenStrip, visible } from "../parts/bars.tsx";
import { Button, Controls, FilePicker } from "../parts/controls.tsx";
import { HeatMap, LabeledMap } from "../parts/heat.tsx";
import { fixed, nearest } from "../parts/number.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, setting, slider } from "../state.ts";
import { Ablation, partsOff } from "./ablation.tsx";
import { Compare } from "./compare.tsx";
import { droppedFiles, filesOf, loadSiteModel, siteModel } from "./files.ts";
import { Flow } from "./flow.tsx";
import { sampledWith } from "./probabilities.ts";
import { trained } from "./trained.ts";

const { inside: text } = words;
const look = setting<string>("look", "");
/** The chosen token, from 1; 0 for the last one. */
const at = setting<number>("lookAt", 0);
const layer = setting<number>("lookLayer", 1), head = setting<number>("lookHead", 1);
const temperature = slider("lookTemperature", text.temperature, 1, [0, 2, 0.1]);
const topK = slider("lookTopK", text.topK, 10, [1, 50, 1]);
const device = choice("lookDevice", words.network.device, "auto", words.network.devices);

const hasOwn = signal(false);
const message = signal("");
const opened = signal<Opened | null>(null);
const seen = signal<Seen | null>(null);
/** The tokens that were sampled after the text. */
const written = signal<readonly number[]>([]);

/** The text: the reader's, or one like those that the model was trained on. */
function prompt(): string {
  if (look.value !== "" || opened.value === null) return look.value;
  // The lesson names the texts of a model its task; task train, its data.
  const { task, data } = opened.value.meta.settings;
  return text.prompts[(task ?? data) as keyof typeof text.prompts] ?? text.prompts.other;
}

/** Whether the page's GPT is open, which may be training. */
let follows = false;

/** The last question of each kind. */
const latest = {
  open: new Latest("inside.open", message),
  look: new Latest("inside.look", message),
  write: new Latest("inside.write", message),
};

/** Opens a model; what was sampled from another one goes. */
async function open(files: ModelFiles | Promise<ModelFiles>): Promise<void> {
  follows = files === trained.value;
  message.value = words.network.starting;
  const given = await Promise.resolve(files).catch((error) => void (message.value = error.message));
  if (!given) return;
  forget();
  show(given);
}

function show(files: ModelFiles): void {
  void latest.open.start(files, device.value, (model) => void (opened.value = model));
}

const choose = (files: FileList) => void open(filesOf(files));
const openSite = () => void open(loadSiteModel());

/** Takes back what was sampled. */
function forget(): void {
  latest.write.stop();
  written.value = [];
}

const promptNow = () => ({ text: prompt(), more: written.value, off: partsOff() });

function write(maxTokens: number): void {
  const options = { maxTokens, temperature: temperature.value, topK: topK.value };
  // Each token gets random numbers of its own.
  const seed = written.value.length;
  const input = { prompt: promptNow(), ...options, seed };
  void latest.write.start(input, device.value, (id) => {
    written.value = [...written.value, id];
  });
}

/** A forward pass, and the token that is looked at. */
type Look = { readonly seen: Seen; readonly token: number };

const nameOf = ({ texts }: Seen, id: number) => visible(texts.get(id)!);

/** The values of a token, out of those of all tokens: each has as many. */
function takeRow({ ids }: Seen, token: number, values: Float32Array | Int32Array): number[] {
  const size = values.length / ids.length;
  return [...values.subarray(token * size, (token + 1) * size)];
}

/** The five likeliest next tokens after each layer: the logit lens. */
function Lens({ seen, token }: Look): JSX.Element {
  const { ids, stages } = seen;
  const hasNext = token < ids.length - 1;
  return (
    <Table
      id="lens"
      isNamed
      caption={text.lens(hasNext ? nameOf(seen, ids[token + 1]!) : null)}
      head={[text.stage, text.size, ...(hasNext ? [text.next] : []), ...text.ranks]}
      rows={stages.map(({ size, likely, probabilities, next }, i) => [
        i === 0 ? text.embedding : i === stages.length - 1 ? text.output : text.layer(i),
        fixed(size[token]!, 2),
        ...(hasNext ? [fixed(next[token]!, 3)] : []),
        ...takeRow(seen, token, likely).map((id, rank) => (
          <span key={rank}>
            <b>{nameOf(seen, id)}</b> {fixed(takeRow(seen, token, probabilities)[rank]!, 3)}
          </span>
        )),
      ])}
    />
  );
}

/** The pattern of each head, one of them large, and what the chosen token attends to. */
function Attention({ seen, token }: Look): JSX.Element {
  const { ids, attention } = seen;
  const size = ids.length, names = ids.map((id) => nameOf(seen, id));
  const [atLayer, atHead] = [
    nearest(layer.value, attention.length) - 1,
    nearest(head.value, attention[0]!.length) - 1,
  ];
  const pattern = attention[atLayer]![atHead]!;
  // White is 0.
  const shades = (pattern: Float32Array) => pattern.map((weight) => 0.5 + weight / 2);
  return (
    <div class="pair">
      <div>
        {attention.map((heads, i) => (
          <p class="neurons" key={i} role="group" aria-label={text.layer(i + 1)}>
            {heads.map((one, j) => (
              <Button
                key={j}
                class="map"
                aria-pressed={i === atLayer && j === atHead}
                onClick={() => [layer.value, head.value] = [i + 1, j + 1]}
              >
                <HeatMap title={text.head(i + 1, j + 1)} values={shades(one)} size={size} />
              </Button>
            ))}
          </p>
        ))}
        <LabeledMap
          title={text.pattern(atLayer + 1, atHead + 1)}
          values={shades(pattern)}
          names={names}
          chosen={token}
        />
      </div>
      <div class="tall" tabIndex={0} role="region" aria-label={text.attends}>
        <Bars
          id="attention"
          caption={text.row(atLayer + 1, atHead + 1, names[token]!)}
          bars={names.slice(0, token + 1).map((name, i) => [name, pattern[token * size + i]!])}
        />
      </div>
    </div>
  );
}

/** The probabilities of the next token, under a temperature and top-k, and a button to sample it. */
function Next({ seen, token }: Look): JSX.Element {
  const shares = sampledWith(takeRow(seen, token, seen.logits), temperature.value, topK.value);
  const candidates = takeRow(seen, token, seen.candidates);
  return (
    <>
      <div class="controls">
        <Controls of={[temperature, topK]} />
      </div>
      <Bars
        id="next"
        caption={text.nextOf(nameOf(seen, seen.ids[token]!))}
        bars={shares.slice(0, 10).map((share, i) => [nameOf(seen, candidates[i]!), share])}
      />
      <p class="buttons">
        <Button onClick={() => write(1)}>{text.one}</Button>
        <Button onClick={() => write(32)}>{text.many}</Button>
        <Button
          onClick={() => void (written.value = written.value.slice(0, -1))}
          disabled={written.value.length === 0}
        >
          {text.undo}
        </Button>
      </p>
    </>
  );
}

/** The view of a forward pass. */
function View({ seen, model, isFixed }: {
  readonly seen: Seen;
  readonly model: Opened;
  readonly isFixed: boolean;
}): JSX.Element {
  const { ids, stages, smear, gates } = seen;
  const token = at.value === 0 ? ids.length - 1 : nearest(at.value, ids.length) - 1;
  const { next } = stages.at(-1)!;
  const names = ids.map((id) => nameOf(seen, id));
  const bits = ids.map((_, i) => i === 0 ? 0 : -Math.log2(next[i - 1]!));
  const withGates = gates.flatMap((gate, i) => gate === null ? [] : [[i + 1, gate] as const]);
  return (
    <>
      <h3>{text.tokens}</h3>
      <TokenStrip
        label={text.tokens}
        chosen={token}
        onChoose={(i) => void (at.value = i === ids.length - 1 ? 0 : i + 1)}
        tokens={ids.map((id, i) => [
          names[i]!,
          text.token(names[i]!, id, i === 0 ? null : fixed(bits[i]!, 1)),
          bits[i]!,
        ])}
      />
      <Rows
        of="inside"
        rows={[
          ["token", text.chosen, names[token]!],
          [
            "surprise",
            text.surprise,
            token === 0 ? words.network.none : fixed(bits[token]!, 2),
            token === 0 ? "" : `−log₂ ${fixed(next[token - 1]!, 4)}`,
          ],
        ]}
      />
      <h3>{text.flow.title}</h3>
      <Flow seen={seen} token={token} model={model} isLinked={!isFixed} onWrite={() => write(1)} />
      <h3>{text.attention}</h3>
      <Attention seen={seen} token={token} />
      <h3>{text.lensTitle}</h3>
      <Lens seen={seen} token={token} />
      <h3>{text.probabilities}</h3>
      <Next seen={seen} token={token} />
      <h3>{text.gatesTitle}</h3>
      <div class="tall">
        <Table
          id="gates"
          caption={text.gates}
          head={[text.chosen, text.smear, ...withGates.map(([layer]) => text.layer(layer))]}
          rows={names.map((name, i) => [
            name,
            i === 0 ? words.network.none : fixed(smear[i - 1]!, 3),
            ...withGates.map(([, gate]) =>
              takeRow(seen, i, gate).map((x) => fixed(x, 2)).join(" ")
            ),
          ])}
        />
      </div>
    </>
  );
}

/** Where a model may come from. */
function Sources(): JSX.Element {
  return (
    <>
      <p class="buttons">
        <Button onClick={() => void open(trained.value!)} disabled={trained.value === null}>
          {text.openTrained}
        </Button>
        {hasOwn.value && <Button onClick={openSite}>{text.openSite}</Button>}
      </p>
      <details>
        <summary>{text.another}</summary>
        <p class="buttons">
          <FilePicker id="insideFiles" label={text.openFiles} onChoose={choose} />
          <FilePicker id="insideFolder" label={text.openFolder} isFolder onChoose={choose} />
        </p>
        <p>{text.drop}</p>
        <Controls of={[device]} />
      </details>
    </>
  );
}

/** The widget. */
export function InsideWidget({ isFixed = false }: {
  /** Whether the model that comes with the page is the only one. @default {false} */
  readonly isFixed?: boolean;
}): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    hasOwn.value = siteModel().length > 0;
    if (!hasOwn.value) return;
    // As the dashboard's links to a run's model ask for.
    if (location.search === "?open") return openSite();
    const watcher = new IntersectionObserver(([entry]) => {
      if (!entry!.isIntersecting) return;
      watcher.disconnect();
      if (opened.value === null && latest.open.run.value === null) openSite();
    });
    watcher.observe(element.current!);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    if (follows && trained.value !== null) show(trained.value);
  }, [trained.value]);
  const asked = [prompt(), written.value.join(), partsOff().join(), device.value].join("\0");
  useEffect(() => {
    if (opened.value === null) return;
    const timer = setTimeout(
      () => void latest.look.start(promptNow(), device.value, (found) => void (seen.value = found)),
      100,
    );
    return () => clearTimeout(timer);
  }, [opened.value, asked]);
  const model = opened.value;
  return (
    <div
      ref={element}
      data-ids={written.value.join()}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        if (event.dataTransfer !== null) void open(droppedFiles(event.dataTransfer));
      }}
    >
      {!isFixed && <Sources />}
      <p role="status" data-inside>{message.value}</p>
      {model !== null && (
        <>
          <p>{text.about(model)}</p>
          <p>
            <label for={look.id}>{text.prompt}</label>
            <textarea
              id={look.id}
              rows={2}
              value={prompt()}
              onInput={(event) => {
                look.value = event.currentTarget.value;
                forget();
              }}
            />
          </p>
        </>
      )}
      {model !== null && seen.value !== null && (
        <View model={model} isFixed={isFixed} seen={seen.value} />
      )}
      {model !== null && <Ablation model={model} prompt={promptNow()} device={device.value} />}
      {model !== null && !isFixed && (
        <Compare model={model} prompt={promptNow()} device={device.value} />
      )}
    </div>
  );
}
