/// <reference lib="dom" />
/** The runs as signals, and the connection to the server. @module */

import { effect, signal } from "../deps.ts";
import { choice, setting, slider } from "../state.ts";
import type { DashboardEvent, ListedRun, RunData } from "../../serve/dashboard/messages.ts";
import { addData, type Axis } from "./series.ts";
import { words } from "../words/dashboard.ts";

/** The chosen runs, between commas; the latest one if there is none. */
export const chosen = setting<string>("runs", "");
/** The horizontal axis of curves. */
export const axis = choice<Axis>("axis", words.axis, "step", words.axes);
/** The scale of the vertical axis. */
export const scale = choice("scale", words.scale, "linear", words.scales);
/** The decay of the average of losses. */
export const decay = slider("smooth", words.smooth, 0.9, [0, 0.99, 0.01]);
/** The step whose values are shown; at first the latest, whatever it is. */
export const pinned = slider("at", words.at, Infinity, [0, Infinity, 1]);

/** The runs that there are; `null` before the server has said. */
export const list = signal<readonly ListedRun[] | null>(null);
/** The names of those whose data is here. */
export const shown = signal<readonly string[]>([]);
/** The data of these; an object is another one when it has changed. */
export const data = signal<ReadonlyMap<string, RunData>>(new Map());
/** The step under the pointer. */
export const hovered = signal<number | null>(null);
/** The part of the axis that curves show; `null` for all of it. */
export const zoom = signal<readonly [number, number] | null>(null);
/** A sentence about the connection. */
export const status = signal<string>(words.connecting);

let source: EventSource | null = null;

/** Connects to the server, and again whenever other runs are chosen. */
export function follow(): void {
  effect(() => connect(chosen.value.split(",").filter((name) => name !== "")));
  effect(() => {
    // A part of one axis is none of another.
    axis.value;
    zoom.value = null;
  });
}

function connect(names: readonly string[]): void {
  source?.close();
  const query = names.map((run) => `run=${encodeURIComponent(run)}`).join("&");
  const events = source = new EventSource(`events?${query}`);
  const coming = new Map<string, RunData>();
  let frame = 0;
  // Many events may come between two frames.
  const show = () => {
    frame = 0;
    data.value = new Map([...coming].map(([name, one]) => [name, { ...one }]));
    document.documentElement.dataset.ready = "";
  };
  events.onerror = () => status.value = words.lost;
  events.onmessage = ({ data: text }) => {
    const message: DashboardEvent = JSON.parse(text);
    if (message.kind === "end") {
      status.value = words.ended;
      events.close();
    } else if (message.kind === "list") {
      status.value = words.connected;
      list.value = message.runs;
      if (`${shown.peek()}` !== `${message.shown}`) shown.value = message.shown;
      if (message.shown.length === 0) frame ||= requestAnimationFrame(show);
    } else {
      const before = message.isNew ? undefined : coming.get(message.run);
      if (before === undefined) coming.set(message.run, message.data);
      else addData(before, message.data);
      frame ||= requestAnimationFrame(show);
    }
  };
}

/** Asks the server to stop the run, or to save it. */
export async function act(action: "stop" | "save", token: string): Promise<void> {
  status.value = action === "stop" ? words.stopping : words.saving;
  const response = await fetch(action, { method: "POST", headers: { "x-token": token } })
    .catch((error: Error) => new Response(error.message, { status: 503 }));
  if (!response.ok) status.value = words.refused(await response.text());
}
