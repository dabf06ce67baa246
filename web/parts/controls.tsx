/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Controls: sliders, choices, buttons. @module */

import type { JSX } from "../deps.ts";
import type { ChoiceSetting, Setting, SliderSetting } from "../state.ts";
import { fixed } from "./number.ts";

/** A number on a slider, with its value beside it. */
export function Slider({ of: one, most, zero }: {
  readonly of: SliderSetting;
  /** The end. @default {the end of its range} */
  readonly most?: number;
  /** A label for the value 0. @default {the number} */
  readonly zero?: string;
}): JSX.Element {
  const { id, label, range: [least, end, step] } = one;
  return (
    <RangeInput
      id={id}
      label={label}
      value={Math.min(one.value, most ?? end)}
      range={[least, most ?? end, step]}
      zero={zero}
      onValue={(value) => one.value = value}
    />
  );
}

/** Letters of the reader's own. */
export function LettersInput({ of: one, label, most }: {
  readonly of: Setting<string>;
  readonly label: string;
  /** Maximum letters. */
  readonly most: number;
}): JSX.Element {
  return (
    <p class="own-letters">
      <label for={one.id}>{label}</label>
      <input
        id={one.id}
        type="text"
        maxLength={most}
        size={12}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={one.value}
        onInput={(event) => one.value = event.currentTarget.value}
      />
    </p>
  );
}

/** A slider of a number that is kept elsewhere. */
export function RangeInput({ id, label, value, range: [least, most, step], zero, onValue }: {
  readonly id: string;
  readonly label: string;
  readonly value: number;
  readonly range: SliderSetting["range"];
  /** A label for the value 0. @default {the number} */
  readonly zero?: string | undefined;
  readonly onValue: (value: number) => void;
}): JSX.Element {
  const digits = `${step}`.split(".")[1]?.length ?? 0;
  const text = value === 0 && zero !== undefined ? zero : fixed(value, digits);
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={least}
        max={most}
        step={step}
        value={value}
        aria-valuetext={text}
        onInput={(event) => onValue(event.currentTarget.valueAsNumber)}
      />
      <output for={id}>{text}</output>
    </div>
  );
}

/** One of several words. */
function Choice({ of: one }: { readonly of: ChoiceSetting<string> }): JSX.Element {
  const { id, label, value, options } = one;
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => one.value = event.currentTarget.value}>
        {Object.entries(options).map(([name, title]) => (
          <option key={name} value={name} selected={name === value}>{title}</option>
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
      {of.map((one) =>
        "options" in one ? <Choice key={one.id} of={one} /> : <Slider key={one.id} of={one} />
      )}
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
