/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Switching heads, MLPs and layers off, in the view into a model. @module */

import { type JSX, type Signal, signal, useEffect } from "../deps.ts";
import type { Ablated } from "../engine/ablation.ts";
import { Latest } from "../engine/client.ts";
import type { Opened, Prompt } from "../engine/inside.ts";
import type { DeviceChoice } from "../engine/serve_tasks.ts";
import type { Part } from "../engine/switch_off.ts";
import { Button } from "../parts/controls.tsx";
import { visible } from "../parts/bars.tsx";
import { fixed } from "../parts/number.ts";
import { Table } from "../parts/rows.tsx";
import { setting } from "../state.ts";
import { words as text } from "../words/ablation.ts";

/** The parts that are off, as a list with commas, so that a link has it. */
const off = setting<string>("lookOff", "");

/** The parts that are switched off. */
export function partsOff(): Part[] {
  return off.value.split(",").filter((part): part is Part => /^\d+\.(\d+|mlp)$/.test(part));
}

function toggle(parts: readonly Part[]): void {
  const now = new Set(partsOff());
  const isOff = parts.every((part) => now.has(part));
  for (const part of parts) isOff ? now.delete(part) : now.add(part);
  off.value = [...now].sort().join();
}

const message = signal("");
const latest = new Latest("inside.ablate", message);
const ablated: Signal<Ablated | null> = signal(null);
const wantsEach = signal(false);

/** Buttons for every part of the model, layer by layer. */
function Switches({ layers, heads }: { readonly layers: number; readonly heads: number }) {
  const now = new Set(partsOff());
  const button = (parts: readonly Part[], name: string, layer: number) => (
    <Button
      key={name}
      class="switch"
      aria-pressed={parts.every((part) => now.has(part))}
      aria-label={`${text.layer(layer + 1)}: ${name}`}
      onClick={() => toggle(parts)}
    >
      {name}
    </Button>
  );
  return (
    <>
      {Array.from({ length: layers }, (_, layer) => {
        const parts = Array.from({ length: heads }, (_, head): Part => `${layer}.${head}`);
        const mlp: Part = `${layer}.mlp`;
        return (
          <p class="buttons" key={layer} role="group" aria-label={text.layer(layer + 1)}>
            {text.layer(layer + 1)}
            {parts.map((part, head) => button([part], text.head(head + 1), layer))}
            {button([mlp], text.mlp, layer)}
            {button([...parts, mlp], text.all, layer)}
          </p>
        );
      })}
    </>
  );
}

/** The bits per byte without each part, as bars from the whole model's on. */
function Each({ of: { each, whole } }: { readonly of: Ablated }): JSX.Element {
  const most = Math.max(...each.map(([, bits]) => bits), whole.bitsPerByte);
  const rows = [[text.nothing, whole.bitsPerByte] as const].concat(each.map(([part, bits]) => {
    const [layer = "", name = ""] = part.split(".");
    return [text.part(Number(layer) + 1, name === "mlp" ? name : `${Number(name) + 1}`), bits];
  }));
  return (
    <table class="bars" data-table="each">
      <caption>{text.eachTitle}</caption>
      <tbody>
        {rows.map(([name, bits], i) => (
          <tr key={i}>
            <th scope="row">{name}</th>
            <td>
              <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect width={100 * bits / most} height="6" />
              </svg>
            </td>
            <td class="number">{fixed(bits, 3)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The part of the view that switches parts off, and shows what they were good for. */
export function Ablation({ model, prompt, device }: {
  readonly model: Opened;
  readonly prompt: Prompt;
  readonly device: DeviceChoice;
}): JSX.Element {
  const asked = [prompt.text, off.value, device, wantsEach.value].join("\0");
  useEffect(() => {
    if (prompt.off.length === 0 && !wantsEach.value) return void (ablated.value = null);
    const timer = setTimeout(() => {
      const input = { prompt: { ...prompt, more: [] }, wantsEach: wantsEach.value };
      void latest.start(input, device, (found) => void (ablated.value = found));
    }, 100);
    return () => clearTimeout(timer);
  }, [model, asked]);
  const { nLayer, nHead } = model.meta.modelConfig;
  const found = ablated.value;
  return (
    <>
      <h3>{text.title}</h3>
      <p class="work">{text.about}</p>
      <Switches layers={nLayer} heads={nHead} />
      <p class="buttons">
        <Button
          onClick={() => {
            off.value = "";
            wantsEach.value = false;
          }}
          disabled={off.value === "" && !wantsEach.value}
        >
          {text.allOn}
        </Button>
        <Button aria-pressed={wantsEach.value} onClick={() => wantsEach.value = !wantsEach.value}>
          {text.each}
        </Button>
      </p>
      {found !== null && prompt.off.length > 0 && (
        <>
          <p role="status" data-ablation>
            {text.verdict(found.whole.bitsPerByte, found.without.bitsPerByte)}
          </p>
          <Table
            id="ablation"
            isNamed
            caption={text.outcome}
            head={text.columns}
            rows={([[text.whole, found.whole], [text.without, found.without]] as const)
              .map(([name, { bitsPerByte, written }]) => [
                name,
                fixed(bitsPerByte, 3),
                <code key={name}>{visible(written) || text.ended}</code>,
              ])}
          />
        </>
      )}
      {found !== null && found.each.length > 0 && <Each of={found} />}
    </>
  );
}
