/**
 * Elementwise programs as kernels: one thread per element, or per four contiguous elements. @module
 */

import type { WebGpuDevice } from "../../device.ts";
import type { Program } from "../../expression/program.ts";
import { type Plan, ProgramCode } from "./program_code.ts";
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
  const code = new ProgramCode(pattern);
  const { k } = code;
  const columns = `(arguments.columns / ${pattern.width})`;
  k.write(pattern.rank === 0 ? "let column = item;" : `let column = item % ${columns};`);
  if (pattern.rank > 0) k.write(`let row = item / ${columns};`);
  code.locateRow();
  code.hoist(program.outputs);
  code.values(program.outputs, "column").forEach((value, i) => {
    code.store(pattern.firstOutput + i, "column", value);
  });
  return k.finish(`${beginMain(threads, "group", "thread")}
  let item = i32(group * ${threads}u + thread);
  if (item >= arguments.items) { return; }`);
}
