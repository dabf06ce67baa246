/**
 * Where the time goes: a profile of what a device does, kernel by kernel.
 *
 * {@linkcode Device.profile} makes one, {@linkcode profileAsText} prints it as a table, and
 * {@linkcode profileAsTrace} writes it for the viewers of traces.
 *
 * @module
 */

import type { Device, View } from "./device.ts";
import { bytesPerElement } from "./dtype.ts";

/** What a dispatch has to do. Operations hand over a function that tells it: only profiles ask. */
export interface Work {
  /** The operation as people call it, by default the key of the kernel. */
  readonly name?: string;
  /** Additions and multiplications of floating-point numbers. */
  readonly flops?: number;
  /** Bytes that have to be read and written, each element once. */
  readonly bytes?: number;
}

/** One run of a kernel, or another thing that took the time of the device. */
export interface ProfileEvent {
  /** The operation, as in {@linkcode Work}. */
  readonly name: string;
  /** The key of the kernel. */
  readonly kernel: string;
  /** When it began, in milliseconds after the profile did. */
  readonly start: number;
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
  /** As in {@linkcode Work}, where it is known. */
  readonly flops: number | undefined;
  /** As in {@linkcode Work}, where it is known. */
  readonly bytes: number | undefined;
}

/** What a device did in a stretch of time. */
export interface Profile {
  /** The whole time, by the clock on the wall, in milliseconds. */
  readonly milliseconds: number;
  /** What was done, in the order of time; no two events overlap. */
  readonly events: readonly ProfileEvent[];
}

/** An operation in a profile: all its calls together. */
export interface ProfileRow {
  /** The operation. */
  readonly name: string;
  /** How often it ran. */
  readonly calls: number;
  /** The time that it took, in milliseconds. */
  readonly milliseconds: number;
  /** The same as a part of the whole time, from 0 to 1. */
  readonly share: number;
  /** Floating-point operations in a second; `undefined` where nobody counts them. */
  readonly flopsPerSecond: number | undefined;
  /** Bytes read and written in a second; `undefined` where nobody counts them. */
  readonly bytesPerSecond: number | undefined;
}

/** What takes less of the time has no row of its own in a table. */
const LEAST_SHARE = 0.0005;

/** Takes down what a device does, while a profile is made. */
export class ProfileRecorder {
  readonly #begin = performance.now();
  readonly #events: ProfileEvent[] = [];

  /** Runs something on this thread and takes down how long it took. */
  time(kernel: string, work: (() => Work) | undefined, run: () => void): void {
    const start = performance.now();
    run();
    this.add(kernel, work?.(), start, performance.now());
  }

  /** Takes down something that ran from `start` to `end`, in milliseconds of `performance.now()`. */
  add(kernel: string, work: Work | undefined, start: number, end: number): void {
    this.#events.push({
      name: work?.name ?? kernel,
      kernel,
      start: start - this.#begin,
      milliseconds: end - start,
      flops: work?.flops,
      bytes: work?.bytes,
    });
  }

  /** The profile of everything from the making of this recorder until now, or until `end`. */
  finish(end: number = performance.now()): Profile {
    return { milliseconds: end - this.#begin, events: this.#events };
  }
}

/**
 * The bytes that lie under some views. An element that is broadcast counts once.
 *
 * @example
 * ```ts
 * import { viewBytes } from "./profile.ts";
 *
 * const row = { dtype: "float32", shape: [5, 3], strides: [0, 1] } as const;
 * if (viewBytes([row]) !== 12) throw new Error("expected three elements of four bytes");
 * ```
 */
export function viewBytes(views: readonly Pick<View, "dtype" | "shape" | "strides">[]): number {
  let bytes = 0;
  for (const { dtype, shape, strides } of views) {
    bytes += shape.reduce(
      (size, length, i) => strides[i] === 0 ? size : size * length,
      bytesPerElement(dtype),
    );
  }
  return bytes;
}

/**
 * The operations of a profile, those that took the most time first.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "./mod.ts";
 * import { profileRows } from "./profile.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.ones(device, [64, 64]);
 * const rows = profileRows(await device.profile(() => x.matmul(x).dispose()));
 * const product = rows.find(({ name }) => name === "matmul 64×64×64");
 * if (product?.calls !== 1) throw new Error("expected one product");
 * await device.close();
 * ```
 */
export function profileRows({ events, milliseconds }: Profile): ProfileRow[] {
  const rows: ProfileRow[] = [];
  for (const [name, calls] of Map.groupBy(events, (event) => event.name)) {
    const time = sum(calls, (event) => event.milliseconds);
    const perSecond = (quantity: "flops" | "bytes") =>
      calls.every((event) => event[quantity] === undefined)
        ? undefined
        : sum(calls, (event) => event[quantity] ?? 0) / time * 1000;
    rows.push({
      name,
      calls: calls.length,
      milliseconds: time,
      share: time / milliseconds,
      flopsPerSecond: perSecond("flops"),
      bytesPerSecond: perSecond("bytes"),
    });
  }
  return rows.sort((a, b) => b.milliseconds - a.milliseconds);
}

/**
 * A profile as a table: operation, calls, time, share, speed. What takes next to nothing is taken
 * together, and the last row is the time that passed between operations: in JavaScript, or waiting.
 * Below it stands how much of the time on the clock the operations account for.
 *
 * @example
 * ```ts
 * import { profileAsText } from "./profile.ts";
 *
 * const call = { name: "add", kernel: "add", start: 0, milliseconds: 3, flops: undefined, bytes: 6e6 };
 * const text = profileAsText({ milliseconds: 4, events: [call] });
 * if (!text.includes("75.0 % of 4.00 ms")) throw new Error(text);
 * ```
 */
export function profileAsText(profile: Profile): string {
  const speed = (perSecond: number | undefined) =>
    perSecond === undefined ? "" : (perSecond / 1e9).toFixed(1);
  const total = profile.milliseconds;
  const duration = (time: number) => [time.toFixed(2), percent(time / total)];
  const all = profileRows(profile);
  const shown = all.filter((row) => row.share >= LEAST_SHARE);
  const rows = shown.map((row) => [
    row.name,
    `${row.calls}`,
    ...duration(row.milliseconds),
    speed(row.flopsPerSecond),
    speed(row.bytesPerSecond),
  ]);
  const others = all.slice(shown.length);
  if (others.length > 0) {
    const time = sum(others, (row) => row.milliseconds);
    rows.push(["others", `${sum(others, (row) => row.calls)}`, ...duration(time), "", ""]);
  }
  const inside = sum(all, (row) => row.milliseconds);
  rows.push(["between operations", "", ...duration(total - inside), "", ""]);
  const table = [["operation", "calls", "ms", "share", "GFLOP/s", "GB/s"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)
    ).join("  ").trimEnd()
  );
  return [
    ...lines,
    `Operations account for ${percent(inside / total)} of ${total.toFixed(2)} ms.`,
  ].join("\n");
}

/**
 * A profile in the trace event format, which ui.perfetto.dev and chrome://tracing show.
 *
 * Source: Google, "Trace Event Format" (2016): complete events, with times in microseconds.
 *
 * @param device The device that the profile is of, to be named in the trace.
 * @returns The text of a JSON file.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "./mod.ts";
 * import { profileAsTrace } from "./profile.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const profile = await device.profile(() => Tensor.ones(device, [8]).dispose());
 * const { traceEvents } = JSON.parse(profileAsTrace(profile, device));
 * if (traceEvents.length !== profile.events.length + 2) throw new Error("expected two names more");
 * await device.close();
 * ```
 */
export function profileAsTrace(
  { events, milliseconds }: Profile,
  { info }: Pick<Device, "info">,
): string {
  const place = { pid: 1, tid: 1 };
  const traceEvents = [
    { name: "process_name", ph: "M", ...place, args: { name: info.description } },
    { name: "everything", ph: "X", ...place, ts: 0, dur: 1000 * milliseconds, args: {} },
    ...events.map(({ name, kernel, start, milliseconds, flops, bytes }) => ({
      name,
      ph: "X",
      ...place,
      ts: 1000 * start,
      dur: 1000 * milliseconds,
      args: { kernel, flops, bytes },
    })),
  ];
  return JSON.stringify({ traceEvents, displayTimeUnit: "ms" });
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
