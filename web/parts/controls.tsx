/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** What the reader moves: sliders, choices, buttons. @module */

import type { JSX } from "../deps.ts";
import type { ChoiceSetting, Setting, SliderSetting } from "../state.ts";
import { fixed } from "./number.ts";

/** A number on a slider, with its value beside it. */
export function Slider({ label, value, min, max, step, digits, zero }: {
  readonly label: string;
  readonly value: Setting<number>;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** Decimals of the shown value. */
  readonly digits: number;
  /** What 0 is called. @default {the number} */
  readonly zero?: string;
}): JSX.Element {
  const text = value.value === 0 && zero !== undefined ? zero : fixed(value.value, digits);
  return (
    <div class="slider">
      <label for={value.id}>{label}</label>
      <input
        id={value.id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value.value}
        aria-valuetext={text}
        onInput={(event) => value.value = event.currentTarget.valueAsNumber}
      />
      <output for={value.id}>{text}</output>
    </div>
  );
}

/** One of several words. */
export function Choice<T extends string>({ label, value, options }: {
  readonly label: string;
  readonly value: Setting<T>;
  /** What each value is called. */
  readonly options: Readonly<Record<T, string>>;
}): JSX.Element {
  return (
    <div class="choice">
      <label for={value.id}>{label}</label>
      <select
        id={value.id}
        value={value.value}
        onChange={(event) => value.value = event.currentTarget.value as T}
      >
        {(Object.keys(options) as T[]).map((name) => (
          <option key={name} value={name} selected={name === value.value}>{options[name]}</option>
        ))}
      </select>
    </div>
  );
}

/** The controls of settings, in order. */
export function Controls({ of }: {
  readonly of: readonly (SliderSetting | ChoiceSetting<string>)[];
}): JSX.Element {
  return (
    <>
      {of.map((one) => {
        const { id, label } = one;
        if ("options" in one) {
          return <Choice key={id} label={label} value={one} options={one.options} />;
        }
        const [min, max, step] = one.range;
        const digits = `${step}`.split(".")[1]?.length ?? 0;
        return <Slider key={id} label={label} value={one} {...{ min, max, step, digits }} />;
      })}
    </>
  );
}

/** A button that submits no form. */
export function Button(
  props: JSX.IntrinsicElements["button"] & { readonly onClick: () => void },
): JSX.Element {
  return <button type="button" {...props} />;
}

/** Files of the reader's, or those in a folder. */
export function FilePicker({ id, label, isFolder = false, onChoose }: {
  readonly id: string;
  readonly label: string;
  readonly isFolder?: boolean;
  readonly onChoose: (files: FileList) => void;
}): JSX.Element {
  return (
    <span class="files">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="file"
        multiple
        {...isFolder && { webkitdirectory: true }}
        onChange={({ currentTarget: { files } }) => files?.length && onChoose(files)}
      />
    </span>
  );
}
