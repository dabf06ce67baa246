/** Compares operations at extreme points with what PyTorch gives. @module */

import { assert } from "@std/assert";
import { type Device, Tensor } from "../../mod.ts";
import { expected, points } from "./extremes.ts";

export interface Difference {
  readonly expression: string;
  readonly part: "value" | "gradient";
  readonly at: number;
  readonly ours: number | "from -1 to 1";
}

/** Powers go by a logarithm, whose error is multiplied. */
const RELATIVE = 2e-5;
/** Smaller numbers may be flushed to zero. */
const SMALLEST = 1e-37;

/** Whether a result is what was wanted; of zeros the sign does not count. */
export function isClose(got: number, wanted: number): boolean {
  return Object.is(got, wanted) || got === wanted ||
    Number.isFinite(wanted) && Math.abs(got - wanted) <= RELATIVE * Math.abs(wanted) + SMALLEST;
}

/** Compares values and gradients at all points, and checks that each difference is one. */
export async function assertExtremes(
  device: Device,
  operations: Readonly<Record<string, (x: Tensor) => Tensor>>,
  differences: readonly Difference[],
): Promise<void> {
  const wrong: string[] = [];
  for (const [expression, run] of Object.entries(operations)) {
    using _scope = device.scope();
    const x = Tensor.from(device, points, { requiresGrad: true });
    const y = run(x);
    y.backward(Tensor.ones(device, [points.length]));
    const [values, gradients] = await Promise.all([y, x.grad!].map((each) => each.data()));
    for (const [part, results] of [["value", values!], ["gradient", gradients!]] as const) {
      points.forEach((at, i) => {
        const got = results[i]!;
        const theirs = expected[expression]![part === "value" ? 0 : 1][i]!;
        const known = differences.find((each) =>
          each.expression === expression && each.part === part && Object.is(each.at, at)
        );
        const wanted = known?.ours ?? theirs;
        const isRight = wanted === "from -1 to 1" ? Math.abs(got) <= 1 : isClose(got, wanted);
        const place = `the ${part} of ${expression} at ${Object.is(at, -0) ? "-0" : at}`;
        if (!isRight) wrong.push(`${place}: wanted ${wanted}, got ${got}`);
        if (known && typeof wanted === "number" && isClose(wanted, theirs)) {
          wrong.push(`${place}: PyTorch gives the same`);
        }
      });
    }
  }
  assert(wrong.length === 0, wrong.join("\n"));
}
