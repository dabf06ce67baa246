/** Profiles and explanations as text for people, and as traces for viewers. @module */

import type { Device } from "./device.ts";
import type { Choice, ExplainedKernel, Explanation, Profile } from "./profile.ts";

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

/** Operations with a smaller share of the time are added up. */
const MIN_SHARE = 0.0005;

/**
 * The operations of a profile, by descending time.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "./mod.ts";
 * import { profileRows } from "./profile_text.ts";
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
 * import { profileAsText } from "./profile_text.ts";
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
 * import { profileAsTrace } from "./profile_text.ts";
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
function alignColumns(
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

/** A path that was taken, and why not the others: `BLAS (not skinny: more than 8 rows)`. */
export function choiceAsText({ taken, refused }: Choice): string {
  if (refused.length === 0) return taken;
  return `${taken} (not ${refused.map(({ name, reason }) => `${name}: ${reason}`).join("; ")})`;
}

/**
 * Formats an explanation: a line for each kernel, with the line that called it, what ran and why, its
 * time and its bytes. Equal ones that follow each other share a line, with the sums of both.
 *
 * @example
 * ```ts
 * import { explanationAsText } from "./profile_text.ts";
 * import { openDevice, Tensor } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.ones(device, [64, 64]);
 * const text = explanationAsText(await device.explain(() => x.matmul(x).dispose()));
 * if (!text.includes("matmul 64×64×64")) throw new Error(text);
 * await device.close();
 * ```
 */
export function explanationAsText({ kernels, milliseconds }: Explanation): string {
  const rows = withoutRepeats(kernels);
  const columns = alignColumns(
    rows.map(([each, ...others]) => [
      `${each.source ?? ""}${each.isGradient ? " (gradient)" : ""}`,
      others.length === 0 ? each.name : `${each.name}, ${1 + others.length} times`,
      `${sum([each, ...others], (one) => one.milliseconds).toFixed(3)} ms`,
      each.bytes === undefined
        ? ""
        : `${(sum([each, ...others], (one) => one.bytes ?? 0) / 2 ** 20).toFixed(2)} MiB`,
    ]),
    2,
  );
  const lines = rows.map(([each], i) => `${columns[i]}  ${reasonOf(each)}`.trimEnd());
  return [...lines, `${kernels.length} kernels in ${milliseconds.toFixed(2)} ms`].join("\n");
}

/** The kernels, with those that follow each other and differ only in their times together. */
function withoutRepeats(
  kernels: readonly ExplainedKernel[],
): readonly [ExplainedKernel, ...ExplainedKernel[]][] {
  const rows: [ExplainedKernel, ...ExplainedKernel[]][] = [];
  const describe = (each: ExplainedKernel) =>
    `${each.source} ${each.isGradient} ${each.name} ${each.bytes} ${reasonOf(each)}`;
  for (const each of kernels) {
    const last = rows.at(-1);
    if (last !== undefined && describe(last[0]) === describe(each)) last.push(each);
    else rows.push([each]);
  }
  return rows;
}

/** The path that was taken, and why; or the shapes, where there was no choice. */
function reasonOf({ choice, shapes }: ExplainedKernel): string {
  return choice === null ? shapesAsText(shapes) : choiceAsText(choice);
}

function shapesAsText(shapes: readonly (readonly number[])[]): string {
  return shapes.map((shape) => `[${shape.join(", ")}]`).join(" ");
}
