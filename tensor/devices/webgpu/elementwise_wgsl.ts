/**
 * Elementwise programs as kernels: one thread per element, or per four contiguous elements. @module
 */

import type { WebGpuDevice } from "../../device.ts";
import type { Expression } from "../../expression/expression.ts";
import type { Program } from "../../expression/program.ts";
import { type Plan, WgslProgramWriter } from "./program_code.ts";
import type { WgslValue } from "../../kernel/wgsl_value.ts";
import type { OperandsLayout, OperandsPattern } from "./program_layout.ts";
import { beginMain } from "./workgroup_grid.ts";

/** Maximum threads per workgroup; every adapter supports at least half of it. */
const MAX_THREADS = 256;

/** Plans an elementwise program on operands of one shape without zeros. */
export function planElementwise(
  { limits }: WebGpuDevice,
  program: Program,
  { pattern, columns, outer }: OperandsLayout,
): Plan {
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } = limits;
  const threads = Math.min(
    MAX_THREADS,
    maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX,
  );
  return {
    variant: `elementwise ${threads}`,
    items: outer.reduce((product, { length }) => product * length, columns / pattern.width),
    itemsPerGroup: threads,
    code: () => elementCode(program, pattern, threads),
  };
}

function elementCode(program: Program, pattern: OperandsPattern, threads: number): string {
  const writer = new ElementWriter(program, pattern);
  const { k } = writer;
  const columns = `(arguments.columns / ${pattern.width})`;
  k.write(pattern.rank === 0 ? "let column = item;" : `let column = item % ${columns};`);
  if (pattern.rank > 0) k.write(`let row = item / ${columns};`);
  writer.locateRow();
  writer.write();
  return k.finish(`${beginMain(threads, "group", "thread")}
  let item = i32(group * ${threads}u + thread);
  if (item >= arguments.items) { return; }`);
}

class ElementWriter extends WgslProgramWriter {
  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly WgslValue[], position: string) => void,
  ): void {
    use(this.values(roots, "column"), "column");
  }
  // An elementwise program has no rows.
  protected reduce(): [] {
    return [];
  }
  protected storeResult(): void {}
}
