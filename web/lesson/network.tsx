/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Section 8: a network that learns points in the plane, in the engine. @module */

import { effect, type JSX, signal, untracked, useEffect, useRef } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { NetworkProgress, NetworkSpec } from "../engine/network.ts";
import {
  bounds,
  type Feature,
  features,
  GRID,
  makePoints,
  type Point,
  SMALL_GRID,
} from "../engine/points.ts";
import { Button, Controls, RangeInput } from "../parts/controls.tsx";
import { HeatMap } from "../parts/heat.tsx";
import { decimal, fixed } from "../parts/number.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, setting, slider, valuesOf } from "../state.ts";
import { StepsPlot } from "./loop.tsx";
import { NetworkGraph, type Neuron, type Weight } from "./network_graph.tsx";
import { words } from "../words/labs.ts";

const { loop, network: text } = words;
const settings = {
  set: choice("set", text.set, "spiral", text.sets),
  layers: slider("layers", text.layers, 2, [1, 4, 1]),
  width: slider("width", text.width, 8, [1, 12, 1]),
  activation: choice("activation", text.activation, "tanh", text.activations),
  optimizer: choice("optimizer", text.optimizer, "adamw", text.optimizers),
  rate: choice("rate", loop.rate, "0.02", text.learningRates),
  noise: slider("noise", text.noise, 0, [0, 0.3, 0.02]),
  seed: slider("seed", text.seed, 1, [1, 20, 1]),
  steps: slider("steps", text.steps, 800, [20, 2000, 20]),
  pace: choice("pace", text.pace, "watch", text.paces),
  device: choice("device", text.device, "auto", text.devices),
};
const { set, layers, width, activation, noise, seed, steps, device } = settings;
const all = Object.values(settings);
/** The reader's points. */
const own = setting<string>("points", "");

/** The inputs, as a list with commas, so that a link has it. */
const seen = setting<string>("inputs", "x,y");

/** The inputs that are chosen: at least one. */
function inputsNow(): readonly Feature[] {
  const chosen = seen.value.split(",");
  const found = (Object.keys(features) as Feature[]).filter((name) => chosen.includes(name));
  return found.length > 0 ? found : ["x", "y"];
}

function toggleInput(name: Feature): void {
  const now = inputsNow();
  const next = now.includes(name) ? now.filter((one) => one !== name) : [...now, name];
  if (next.length > 0) seen.value = next.join();
}

/** The class of the next point that is placed: a touch has no Shift. */
const brush = signal<0 | 1>(1);

/** The neuron that the reader points at. */
const looked = signal<Neuron | null>(null);
const isPaused = signal(false);
const message = signal("");
const latest = new Latest("network", message);
/** Shows the network before it is trained; where it cannot, a start says why. */
const untrained = new Latest("network.open", signal(""));
/** Whether the widget has come into view: before that, nothing is computed. */
let isSeen = false;
/** The events of the run that is shown. */
const events = signal<readonly NetworkProgress[]>([]);
const cross = signal<readonly [number, number]>([0, 0]);

/** The reader's points, from the text that is in the address. */
function ownPoints(): Point[] {
  return own.value.split(",").filter((part) => part !== "").map((part) => {
    const [x = 0, y = 0, label] = part.split("/").map(Number);
    return [x, y, label === 1 ? 1 : 0];
  });
}

function spec(): NetworkSpec {
  const { layers, width, rate, pace, device: _device, ...others } = valuesOf(settings);
  const hidden = Array.from({ length: layers }, () => width);
  const features = inputsNow();
  const seconds = { watch: 8, slow: 30, fast: 0 }[pace];
  return { ...others, own: ownPoints(), features, hidden, learningRate: Number(rate), seconds };
}

function clear(): void {
  latest.stop();
  untrained.stop();
  isPaused.value = false;
  message.value = "";
  events.value = [];
}

function start(): void {
  clear();
  message.value = text.starting;
  void latest.start(spec(), device.value, (event) => {
    events.value = [...events.value, event];
  });
}

/** Pauses, or goes on; `one` goes on to the next picture only. */
function hold(one: boolean): void {
  latest.run.value?.(one ? "step" : isPaused.value ? "resume" : "pause");
  isPaused.value = one || !isPaused.value;
}

/** Goes back to the network as it is before the first step. */
function showUntrained(): void {
  clear();
  const asked = spec();
  if (!isSeen || asked.set === "own" && asked.own.length === 0) return;
  void untrained.start(asked, device.value, (event) => void (events.value = [event]));
}

// A surface of other points would be none of these, and another network has not learned it.
effect(() => {
  set.value, seed.value, own.value, noise.value, seen.value;
  layers.value, width.value, activation.value;
  untracked(showUntrained);
});

function place(x: number, y: number, label: 0 | 1): void {
  if (set.value !== "own") return;
  const point = [x.toFixed(2), y.toFixed(2), label].join("/");
  own.value = own.value === "" ? point : `${own.value},${point}`;
}

/** Where the arrow keys move the cross. */
const moves: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-0.05, 0],
  ArrowRight: [0.05, 0],
  ArrowUp: [0, 0.05],
  ArrowDown: [0, -0.05],
};

function move(event: KeyboardEvent): void {
  const [x, y] = cross.value;
  const by = moves[event.key];
  if (by !== undefined) cross.value = [clamp(x + by[0]), clamp(y + by[1])];
  else if (event.key === "0" || event.key === "1") place(x, y, event.key === "1" ? 1 : 0);
  else return;
  event.preventDefault();
}

const clamp = (x: number) => Math.max(-1, Math.min(1, x));

/** The points, over the map of outputs. */
function Points({ points }: { readonly points: readonly Point[] }): JSX.Element {
  const [least, most] = bounds(set.value);
  const [x, y] = cross.value;
  const isOwn = set.value === "own";
  const radius = 0.013 * (most - least);
  return (
    <svg
      class="points"
      viewBox={`${least} ${-most} ${most - least} ${most - least}`}
      role={isOwn ? "application" : "img"}
      aria-label={isOwn ? text.place : text.map}
      tabindex={isOwn ? 0 : undefined}
      onKeyDown={isOwn ? move : undefined}
      onClick={({ currentTarget, clientX, clientY, shiftKey }) => {
        const { left, top, width } = currentTarget.getBoundingClientRect();
        const scale = (most - least) / width;
        const label = shiftKey ? 1 - brush.value as 0 | 1 : brush.value;
        place(least + scale * (clientX - left), most - scale * (clientY - top), label);
      }}
    >
      {isOwn
        ? points.map(([x, y, label], i) => (
          <circle key={i} class={`label${label}`} cx={x} cy={-y} r={radius} />
        ))
        // Many points are one line of dots each: the page is smaller by that.
        : [0, 1].map((label) => (
          <path
            key={label}
            class={`dots label${label}`}
            stroke-width={decimal(2 * radius, 3)}
            d={points.filter((point) => point[2] === label)
              .map(([x, y]) => `M${decimal(x, 2)} ${decimal(-y, 2)}h0`).join("")}
          />
        ))}
      {isOwn && <path class="cross" d={`M${x - 0.06} ${-y}h.12M${x} ${-y - 0.06}v.12`} />}
    </svg>
  );
}

/** The controls of the reader's own points. */
function OwnPoints(): JSX.Element {
  return (
    <>
      <p>{text.place}</p>
      <p class="buttons" role="group" aria-label={text.brush}>
        {([1, 0] as const).map((label) => (
          <Button
            key={label}
            class={`brush label${label}`}
            aria-pressed={brush.value === label}
            onClick={() => brush.value = label}
          >
            {text.brushes[label]}
          </Button>
        ))}
        <Button
          onClick={() => own.value = own.value.split(",").slice(0, -1).join(",")}
          disabled={own.value === ""}
        >
          {text.back}
        </Button>
        <Button onClick={() => own.value = ""} disabled={own.value === ""}>{text.clear}</Button>
      </p>
    </>
  );
}

/** Toggles of the inputs. */
function Inputs(): JSX.Element {
  const now = inputsNow();
  return (
    <p class="buttons" role="group" aria-label={text.features}>
      {text.features}
      {(Object.keys(features) as Feature[]).map((name) => (
        <Button
          key={name}
          aria-pressed={now.includes(name)}
          onClick={() => toggleInput(name)}
        >
          {text.featureNames[name]}
        </Button>
      ))}
    </p>
  );
}

const changed = {
  target: setting<number>("changeTarget", 0),
  source: setting<number>("changeSource", 0),
};
const change = new Latest("network.change", message);
/** Whether the reader changes weights. */
const isChanging = signal(false);

/** The weight that the reader may change. */
function chosenWeight(sizes: readonly number[]): Weight | null {
  if (!isChanging.value) return null;
  let [layer, to] = [0, changed.target.value];
  while (layer < sizes.length - 2 && to >= sizes[layer + 1]!) to -= sizes[++layer]!;
  return { layer, from: changed.source.value, to };
}

/** Offers a weight to be changed. */
function chooseWeight(sizes: readonly number[], { layer, from, to }: Weight): void {
  const before = sizes.slice(1, layer + 1).reduce((sum, count) => sum + count, 0);
  [changed.target.value, changed.source.value] = [before + to, from];
  isChanging.value = true;
}

/** A weight of the network, on a slider. */
function Weights(
  { now, sizes }: { readonly now: NetworkProgress; readonly sizes: readonly number[] },
): JSX.Element {
  const inputs = inputsNow().map((name) => text.featureNames[name]);
  const targets = sizes.slice(1).flatMap((count, layer) =>
    Array.from({ length: count }, (_, neuron) => ({
      layer,
      neuron,
      name: layer === sizes.length - 2 ? text.outputName : text.hiddenName(layer + 1, neuron + 1),
    }))
  );
  const target = targets[Math.min(changed.target.value, targets.length - 1)]!;
  const { layer, neuron } = target;
  const sources = Array.from(
    { length: sizes[layer]! },
    (_, i) => layer === 0 ? inputs[i]! : text.hiddenName(layer, i + 1),
  );
  const input = Math.min(changed.source.value, sources.length - 1);
  const weight = now.weights[layer]![neuron * sources.length + input]!;
  const select = (one: typeof changed.target, label: string, names: readonly string[]) => (
    <div class="choice">
      <label for={one.id}>{label}</label>
      <select
        id={one.id}
        value={`${Math.min(one.value, names.length - 1)}`}
        onChange={(event) => one.value = Number(event.currentTarget.value)}
      >
        {names.map((name, i) => <option key={i} value={`${i}`}>{name}</option>)}
      </select>
    </div>
  );
  return (
    <>
      <p class="work">{text.changeHelp}</p>
      <div class="controls">
        {select(changed.target, text.target, targets.map(({ name }) => name))}
        {select(changed.source, text.source, sources)}
        <RangeInput
          id="changeWeight"
          label={text.weight}
          value={weight}
          range={[-4, 4, 0.1]}
          onValue={(value) => {
            const input = changed.source.value;
            void change.start(
              { layer, neuron, input: Math.min(input, sources.length - 1), value, step: now.step },
              device.value,
              (event) => void (events.value = [...events.value, event]),
            );
          }}
        />
      </div>
    </>
  );
}

/** The mean squared error of what a network says of points. */
function lossOf({ outputs }: NetworkProgress, points: readonly Point[]): number {
  const errors = points.map(([, , label], i) => (outputs[i]! - label) ** 2);
  return errors.reduce((sum, error) => sum + error, 0) / points.length;
}

/** Shows an untrained network when its element first comes into view, unless there is a trained one. */
function watchFirstView(element: Element): () => void {
  const watcher = new IntersectionObserver(([entry]) => {
    if (!entry!.isIntersecting) return;
    watcher.disconnect();
    isSeen = true;
    if (latest.run.value === null && events.value.length === 0) showUntrained();
  });
  watcher.observe(element);
  return () => watcher.disconnect();
}

/** The output at each place: of the whole network, or of the neuron that the reader looks at. */
function OutputMap(
  { now, maps, points }: {
    readonly now: NetworkProgress | undefined;
    readonly maps: readonly (readonly (Float32Array | null)[])[];
    readonly points: readonly Point[];
  },
): JSX.Element {
  const at = now === undefined ? null : looked.value;
  const large = at === null
    ? { values: now?.map ?? null, size: GRID }
    : { values: maps[at.layer]?.[at.i] ?? null, size: SMALL_GRID };
  return (
    <div>
      <HeatMap title={text.map} {...large} isSmooth>
        <Points points={points} />
      </HeatMap>
      <p class="work">{at === null ? text.mapOf : text.neuron(at.layer + 1, at.i)}</p>
    </div>
  );
}

/** The losses of all steps so far. */
const lossesNow = () => events.value.flatMap(({ losses }) => losses);

/** The losses so far, as numbers and as curves. */
function Losses(
  { now, points }: {
    readonly now: NetworkProgress | undefined;
    readonly points: readonly Point[];
  },
): JSX.Element {
  const losses = lossesNow();
  const validations = events.value.flatMap(({ step, validation }) =>
    validation === null ? [] : [[step, validation] as const]
  );
  const right = now?.outputs.filter((output, i) => (output >= 0.5 ? 1 : 0) === points[i]?.[2]);
  const shown = (x: number | null | undefined) => x == null ? text.none : fixed(x, 4);
  return (
    <div>
      <Rows
        of="network"
        rows={[
          ["step", loop.step, `${now?.step ?? 0}`],
          ["loss", text.lossRow, shown(now && lossOf(now, points))],
          ["validation", text.validationRow, shown(now?.validation)],
          ["right", text.accuracy, right ? `${right.length} / ${points.length}` : text.none],
        ]}
      />
      <StepsPlot
        steps={steps.value}
        highest={Math.max(0.3, ...losses.slice(0, 20), validations[0]?.[1] ?? 0)}
        curves={[
          { name: text.train, color: "a", points: losses.map((loss, i) => [i + 1, loss]) },
          { name: text.validation, color: "b", points: validations },
        ]}
      />
    </div>
  );
}

function Buttons(): JSX.Element {
  const isIdle = latest.run.value === null;
  return (
    <p class="buttons">
      <Button class="primary" onClick={start}>{text.start}</Button>
      <Button onClick={() => hold(false)} disabled={isIdle}>
        {isPaused.value ? text.resume : text.pause}
      </Button>
      <Button onClick={() => hold(true)} disabled={isIdle}>{text.one}</Button>
      <Button
        onClick={() => {
          reset(...all, own, seen);
          showUntrained();
        }}
      >
        {words.actions.reset}
      </Button>
    </p>
  );
}

export function NetworkWidget(): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => watchFirstView(element.current!), []);
  const points = set.value === "own" ? ownPoints() : makePoints(set.value, seed.value, noise.value);
  const now = events.value.at(-1);
  const { hidden } = spec();
  const inputs = inputsNow();
  const sizes = [inputs.length, ...hidden, 1];
  // tanh goes from −1 to 1.
  const shade = activation.value === "tanh" ? (x: number) => (x + 1) / 2 : (x: number) => x;
  const maps = hidden.map((count, layer) =>
    Array.from({ length: count }, (_, i) => now?.neurons[layer]?.[i]?.map(shade) ?? null)
  );
  return (
    <>
      <div class="controls">
        <Controls of={[set, settings.pace]} />
      </div>
      <details>
        <summary>{words.gpt.allSettings}</summary>
        <div class="controls">
          <Controls of={all.filter((one) => one !== set && one !== settings.pace)} />
        </div>
      </details>
      <Buttons />
      <Inputs />
      <p role="status" data-device data-loss={lossesNow().at(-1)}>{message.value}</p>
      {set.value === "own" && <OwnPoints />}
      <div class="trio" ref={element}>
        <NetworkGraph
          inputs={inputs}
          hidden={hidden}
          maps={maps}
          now={now}
          looked={looked.value}
          onLook={(neuron) => looked.value = neuron}
          chosen={chosenWeight(sizes)}
          onChoose={(weight) => chooseWeight(sizes, weight)}
        />
        <OutputMap now={now} maps={maps} points={points} />
        <Losses now={now} points={points} />
      </div>
      <details
        open={isChanging.value}
        onToggle={(event) => isChanging.value = event.currentTarget.open}
      >
        <summary>{text.change}</summary>
        {now !== undefined && latest.run.value === null && <Weights now={now} sizes={sizes} />}
      </details>
      {set.value === "xor" && now !== undefined && (
        <Table
          id="xor"
          caption={text.outputs}
          head={text.output}
          rows={points.map(([x, y, label], i) => [
            `${x}`,
            `${y}`,
            `${label}`,
            fixed(now.outputs[i] ?? NaN, 4),
          ])}
        />
      )}
    </>
  );
}
