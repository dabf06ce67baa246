/** @jsxImportSource npm:preact@11.2.0 */

/** Icons: drawings that say nothing without the name of what they are on. @module */

import type { JSX } from "../deps.ts";
import { Button } from "./controls.tsx";

/** Strokes on a square of 24, by name. */
const strokes = {
  add: "M12 5v14M5 12h14",
  chat: "M4 5h16v11H9l-5 4z",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  done: "M5 12.5l5 5L19 7",
  down: "M12 5v14M6 13l6 6 6-6",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM9 12a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  menu: "M4 7h16M4 12h16M4 17h16",
  play: "M7 5l12 7-12 7z",
  repeat: "M20 12a8 8 0 1 1-2.5-5.8M20 3v4h-4",
  send: "M12 19V5M6 11l6-6 6 6",
  settings:
    "M4 7h9M17 7h3M4 17h3M11 17h9M13 7a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  shares: "M5 20V10M12 20V4M19 20v-7",
  stop: "M7 7h10v10H7z",
} as const;

/** A drawing. */
export type IconName = keyof typeof strokes;

/** An icon in the color of the text around it. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={strokes[name]} />
    </svg>
  );
}

/** A button that shows an icon, and tells its name to who points at it or listens. */
export function IconButton(
  { icon, name, class: more = "", ...props }: JSX.IntrinsicElements["button"] & {
    readonly icon: IconName;
    readonly name: string;
    readonly onClick: () => void;
  },
): JSX.Element {
  return (
    <Button {...props} class={`icon-button ${more}`} aria-label={name} title={name}>
      <Icon name={icon} />
    </Button>
  );
}
