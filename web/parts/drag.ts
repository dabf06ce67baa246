/// <reference lib="dom" />
/** A point of a plot that is dragged along the horizontal axis, with a mouse, a pen or a finger. @module */

import type { TargetedPointerEvent } from "../deps.ts";
import type { SliderSetting } from "../state.ts";
import { type PointerHandlers, valueAtPixel } from "./plot.tsx";

type Pointer = TargetedPointerEvent<SVGSVGElement>;

/**
 * Pointer handlers of a plot whose horizontal axis is a setting: press and drag set it, to the
 * notches of its slider.
 *
 * @param x The ends of the axis.
 * @param onDrag Is called when the reader has set it.
 */
export function dragging(
  one: SliderSetting,
  x: readonly [number, number],
  onDrag: () => void = () => {},
): PointerHandlers {
  const set = ({ currentTarget, clientX }: Pointer) => {
    const value = valueAtPixel(currentTarget.getBoundingClientRect(), clientX, x);
    const [least, most, step] = one.range;
    const notch = Math.round((Math.max(least, Math.min(most, value)) - least) / step);
    one.value = Number((least + notch * step).toFixed(6));
    onDrag();
  };
  return {
    onPointerDown: (event: Pointer) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      set(event);
    },
    onPointerMove: (event: Pointer) => {
      if (event.currentTarget.hasPointerCapture(event.pointerId)) set(event);
    },
  };
}
