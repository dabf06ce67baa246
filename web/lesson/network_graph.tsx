/** @jsxImportSource npm:preact@11.2.0 */

/** The network of section 8 as a graph: in each neuron what it says of each place of the plane. @module */

import type { NetworkProgress } from "../engine/network.ts";
import { type Feature, features, SMALL_GRID } from "../engine/points.ts";
import type { JSX } from "../deps.ts";
import { Button } from "../parts/controls.tsx";
import { HeatMap } from "../parts/heat.tsx";
import { decimal } from "../parts/number.ts";
import { words } from "../words/labs.ts";

const { network: text } = words;

/** An input at each place of the plane from −1 to 1, as shades from 0 to 1. */
function shadesOf(name: Feature): Float32Array {
  return Float32Array.from({ length: SMALL_GRID * SMALL_GRID }, (_, i) => {
    const [row, column] = [Math.floor(i / SMALL_GRID), i % SMALL_GRID];
    const place = (at: number) => 2 * at / (SMALL_GRID - 1) - 1;
    return (features[name](place(column), place(SMALL_GRID - 1 - row)) + 1) / 2;
  });
}

const shades = new Map((Object.keys(features) as Feature[]).map((name) => [name, shadesOf(name)]));

/** A hidden neuron, by its layer and its place in it. */
export interface Neuron {
  readonly layer: number;
  readonly i: number;
}

/** A weight: between neuron `from` of a layer, of which the inputs are the first, and `to` of the next. */
export interface Weight {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
}

/** A line of weight 1 is so many pixels wide; none is wider than the second. */
const [UNIT, THICKEST] = [2, 7];

/** Where neuron `i` of a layer is, in percent of the drawing. */
const centerAt = (i: number, count: number) => 100 * (i + 0.5) / count;

/** Draws the layers from left to right, and the weights between them: their width, and by color their sign. */
export function NetworkGraph({ inputs, hidden, maps, now, looked, onLook, chosen, onChoose }: {
  /** The inputs of the network. */
  readonly inputs: readonly Feature[];
  /** The number of neurons of each hidden layer. */
  readonly hidden: readonly number[];
  /** The output of each hidden neuron at each place, layer by layer, as shades from 0 to 1. */
  readonly maps: readonly (readonly (Float32Array | null)[])[];
  /** The values; none before the first step. */
  readonly now: Pick<NetworkProgress, "weights"> | undefined;
  /** The hidden neuron that is shown large, if there is one. */
  readonly looked: Neuron | null;
  /** Hears which neuron the reader points at or comes to; `null` when it is none any more. */
  readonly onLook: (neuron: Neuron | null) => void;
  /** The weight that the reader may change, if there is one. */
  readonly chosen: Weight | null;
  /** Hears which weight the reader clicks. */
  readonly onChoose: (weight: Weight) => void;
}): JSX.Element {
  const sizes = [inputs.length, ...hidden, 1];
  const lines = sizes.slice(1).flatMap((count, layer) =>
    Array.from({ length: count }, (_, to) =>
      Array.from({ length: sizes[layer]! }, (_, from) => ({
        layer,
        from,
        to,
        weight: now?.weights[layer]?.[to * sizes[layer]! + from],
      }))).flat()
  );
  const across = (layer: number) => centerAt(layer, sizes.length);
  return (
    <div class="net" role="group" aria-label={text.graph(sizes)}>
      <div class="layers">
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          {lines.map(({ layer, from, to, weight }) => {
            const [x, y] = [across(layer), centerAt(from, sizes[layer]!)];
            const [u, v] = [across(layer + 1), centerAt(to, sizes[layer + 1]!)];
            const middle = (x + u) / 2;
            const d = `M${x} ${y}C${middle} ${y} ${middle} ${v} ${u} ${v}`;
            const isChosen = chosen?.layer === layer && chosen.from === from && chosen.to === to;
            return (
              <g key={`${layer} ${from} ${to}`}>
                <path
                  class={`edge ${weight === undefined ? "" : weight < 0 ? "minus" : "plus"} ${
                    isChosen ? "lit" : ""
                  }`}
                  d={d}
                  stroke-width={weight === undefined
                    ? 1
                    : decimal(Math.min(THICKEST, UNIT * Math.abs(weight)), 2)}
                  data-weight={weight === undefined ? undefined : decimal(weight, 4)}
                />
                {
                  /* A thin line is hard to hit. By keyboard, the weight is chosen from lists. */
                  weight !== undefined && (
                    <path
                      class="hit"
                      d={d}
                      onClick={() => onChoose({ layer, from, to })}
                    />
                  )
                }
              </g>
            );
          })}
        </svg>
        <div class="layer">
          {inputs.map((name) => (
            <HeatMap
              key={name}
              title={text.input(text.featureNames[name])}
              values={shades.get(name)!}
              size={SMALL_GRID}
            />
          ))}
        </div>
        {maps.map((column, layer) => (
          <div key={layer} class="layer">
            {column.map((values, i) => {
              const look = () => onLook({ layer, i });
              const leave = () => onLook(null);
              return (
                <Button
                  key={i}
                  class="map"
                  aria-pressed={looked?.layer === layer && looked.i === i}
                  onClick={look}
                  onPointerEnter={look}
                  onPointerLeave={leave}
                  onFocus={look}
                  onBlur={leave}
                >
                  <HeatMap title={text.neuron(layer + 1, i)} values={values} size={SMALL_GRID} />
                </Button>
              );
            })}
          </div>
        ))}
        <div class="layer">
          <span class="out">{text.out}</span>
        </div>
      </div>
    </div>
  );
}
