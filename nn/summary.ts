/** A module as text. @module */

import { describeValue } from "../tensor/checks.ts";
import { wrongType } from "../tensor/errors.ts";
import { formatShape } from "../tensor/layout.ts";
import { QuantizedMatrix, Tensor } from "../tensor/mod.ts";
import { fieldsOf, Module } from "./module.ts";

interface Row {
  /** The path of a module, with a point at its end. */
  readonly path: string;
  readonly type: string;
  /** The parameters in its own fields. */
  readonly tensors: string[];
}

/**
 * Describes a module as text, as printing one does in PyTorch: a line for each module in it, with the
 * shapes of its parameters, then how many parameters there are, frozen ones too.
 *
 * @throws {TypeError} If it is no module.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { Activation } from "./activation.ts";
 * import { Linear } from "./linear.ts";
 * import { Sequential } from "./sequential.ts";
 * import { summary } from "./summary.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const first = new Linear(device, 2, 8, { seed: 1 });
 * const text = summary(new Sequential([first, new Activation("tanh")]));
 * const wanted = [
 *   "Sequential",
 *   "  layers.0  Linear      weight [8, 2], bias [8]",
 *   "  layers.1  Activation",
 *   "24 parameters",
 * ];
 * if (text !== wanted.join("\n")) throw new Error(text);
 * await device.close();
 * ```
 */
export function summary(module: Module): string {
  if (!(module instanceof Module)) {
    throw wrongType("describe a module", "a module", describeValue(module));
  }
  const rows: Row[] = [{ path: "", type: module.constructor.name, tensors: [] }];
  const counted = new Set<Tensor>();
  for (const [name, value] of fieldsOf(module)) {
    if (value instanceof Module) {
      rows.push({ path: `${name}.`, type: value.constructor.name, tensors: [] });
    } else if (value instanceof Tensor) {
      const note = noteOn(value);
      if (note === null) continue;
      counted.add(value);
      // The innermost module that has it: the last one with a path that begins its name.
      const { path, tensors } = rows.findLast(({ path }) => name.startsWith(path))!;
      tensors.push(`${name.slice(path.length)} ${formatShape(value.shape)}${note}`);
    }
  }
  const [whole, ...parts] = rows.map(({ path, type, tensors }) =>
    [path.slice(0, -1), type, tensors.join(", ")] as const
  );
  const widths = [0, 1].map((i) => Math.max(...parts.map((cells) => cells[i]!.length)));
  const lines = parts.map((cells) =>
    ["", ...cells.map((cell, i) => cell.padEnd(widths[i] ?? 0))].join("  ").trimEnd()
  );
  const sum = [...counted].reduce((sum, { size }) => sum + size, 0);
  const first = `${whole![1]}  ${whole![2]}`.trimEnd();
  return [first, ...lines, `${sum.toLocaleString("en-US")} parameters`].join("\n");
}

/** A note beside the shape of a parameter; `null` if a tensor is none. */
function noteOn(tensor: Tensor): string | null {
  if (tensor instanceof QuantizedMatrix) return ` (${tensor.packing})`;
  if (!tensor.isParameter) return null;
  return tensor.requiresGrad ? "" : " (frozen)";
}
