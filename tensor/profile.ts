/**
 * Profiles: the time of each kernel that a device runs. {@linkcode Device.profile} makes one,
 * {@linkcode profileAsText} formats it as a table, and {@linkcode profileAsTrace} as a trace for
 * trace viewers.
 *
 * @module
 */

import type { Device, View } from "./device.ts";
import { bytesPerElement } from "./dtype.ts";
import type { Call } from "./explain.ts";

/** The work of a dispatch. Operations pass a function that returns it: only profiles call it. */
export interface Work {
  /** The operation's name. @default {the kernel's key} */
  readonly name?: string;
  /** Floating-point additions and multiplications. */
  readonly flops?: number;
  /** Bytes that must be read and written, counting each element once. */
  readonly bytes?: number;
  /** The shapes of the operands: inputs, then outputs. */
  readonly shapes?: readonly (readonly number[])[];
}

/** One run of a kernel, or another use of the device's time. */
export interface ProfileEvent {
  /** The operation, as in {@linkcode Work}. */
  readonly name: string;
  /** Key of the kernel. */
  readonly kernel: string;
  /** Start, in milliseconds since the start of the profile. */
  readonly start: number;
  /** Duration in milliseconds. */
  readonly milliseconds: number;
  /** As in {@linkcode Work}, if known. */
  readonly flops: number | undefined;
  /** As in {@linkcode Work}, if known. */
  readonly bytes: number | undefined;
  /** The call that it belongs to, in an explanation. */
  readonly call?: Call;
}

/** The work of a device during a period of time. */
export interface Profile {
  /** Wall-clock duration in milliseconds. */
  readonly milliseconds: number;
  /** Events in order; none overlap. */
  readonly events: readonly ProfileEvent[];
}

/** An operation in a profile: the total of its calls. */
export interface ProfileRow {
  /** The operation. */
  readonly name: string;
  /** Number of calls. */
  readonly calls: number;
  /** Total time in milliseconds. */
  readonly milliseconds: number;
  /** Fraction of the whole duration, 0 to 1. */
  readonly share: number;
  /** Floating-point operations per second; `undefined` if not counted. */
  readonly flopsPerSecond: number | undefined;
  /** Bytes read and written per second; `undefined` if not counted. */
  readonly bytesPerSecond: number | undefined;
}

const MIN_SHARE = 0.0005;

export class ProfileRecorder {
  readonly #begin = performance.now();
  readonly #events: ProfileEvent[] = [];

  time(kernel: string, work: Work | undefined, run: () => void, call?: Call): void {
    const start = performance.now();
    run();
    this.add(kernel, work, start, performance.now(), call);
  }

  /** Records an event from `start` to `end`, in milliseconds of `performance.now()`. */
  add(kernel: string, work: Work | undefined, start: number, end: number, call?: Call): void {
    this.#events.push({
      name: work?.name ?? kernel,
      kernel,
      start: start - this.#begin,
      milliseconds: end - start,
      flops: work?.flops,
      bytes: work?.bytes,
      ...(call && { call }),
    });
  }

  /** The profile from the creation of this recorder until now, or until `end`. */
  finish(end: number = performance.now()): Profile {
    return { milliseconds: end - this.#begin, events: this.#events };
  }
}

/** Bytes of the elements of some views; broadcast elements count once. */
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
 * The operations of a profile, by descending time.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "./mod.ts";
 * import { profileRows } from "./profile.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.ones(device, [64, 64]);
 * const rows = profileRows(await device.profile(() => x.matmul(x).dispose()));
 * const matmul = rows.find(({ name }) => name === "matmul 64×64×64");
 * if (matmul?.calls !== 1) throw new Error("expected one matmul");
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
 * Formats a profile as a table: operation, calls, time, share, speed. Minor operations share a row;
 * the last row is the time between operations (in JavaScript, or waiting).
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
  const shown = all.filter((row) => row.share >= MIN_SHARE);
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
  return [
    ...alignColumns(table, 1).map((line) => line.trimEnd()),
    `Operations account for ${percent(inside / total)} of ${total.toFixed(2)} ms.`,
  ].join("\n");
}

/**
 * Formats a profile in the trace event format, for ui.perfetto.dev and chrome://tracing. `device`
 * is named in it.
 *
 * Source: Google, "Trace Event Format" (2016): complete events, with times in microseconds.
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

/** Lines of a table, of which the first columns are texts and the others numbers. */
export function alignColumns(
  table: readonly (readonly string[])[],
  texts: number,
): readonly string[] {
  const widths = table[0]?.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0))
  );
  const align = (cell: string, column: number) => {
    const width = widths?.[column] ?? 0;
    return column < texts ? cell.padEnd(width) : cell.padStart(width);
  };
  return table.map((row) => row.map(align).join("  "));
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
