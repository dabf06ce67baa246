/** Running a program several times, in few kernels. @module */

import { commonDevice } from "../apply.ts";
import type { WebGpuDevice } from "../device.ts";
import { runTogetherOnWebGpu } from "../devices/webgpu/program_wgsl.ts";
import { isSeenWhole } from "../devices/webgpu/windows.ts";
import type { Program } from "../expression/program.ts";
import { shapesEqual } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkScalars, runProgramInto } from "./program.ts";

/** One of several runs of a program. */
export interface ProgramRun {
  /** A tensor for each input. */
  readonly inputs: readonly Tensor[];
  /** Where the results go: there may be inputs among them, for an update in place. */
  readonly outputs: readonly Tensor[];
  /** A number for each of the program's scalars. */
  readonly scalars: readonly number[];
}

/** Up to so many elements starting a kernel costs more than what it does. */
const FEW_ELEMENTS = 4096;

/**
 * As {@linkcode runProgramInto}, several times with different operands. On WebGPU the runs on few
 * elements share a kernel; on the CPU starting one costs next to nothing.
 *
 * @param program An elementwise program.
 * @param runs In any order: none may read what another one writes.
 * @throws {RangeError} As {@linkcode runProgramInto}.
 *
 * @example
 * ```ts
 * import { add, multiply } from "../expression/expression.ts";
 * import { defineProgram } from "../expression/program.ts";
 * import { openDevice, Tensor } from "../mod.ts";
 * import { runProgramTogether } from "./program_together.ts";
 *
 * const grow = defineProgram(
 *   { name: "grow", inputs: ["x"], scalars: ["by"] },
 *   ({ x, by }) => [add(x, multiply(x, by))],
 * );
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [a, b] = [Tensor.ones(device, [3]), Tensor.ones(device, [2, 2])];
 * runProgramTogether(grow, [
 *   { inputs: [a], outputs: [a], scalars: [1] },
 *   { inputs: [b], outputs: [b], scalars: [0.5] },
 * ]);
 * if ((await a.data())[2] !== 2 || (await b.data())[3] !== 1.5) throw new Error("expected 2, 1.5");
 * await device.close();
 * ```
 */
export function runProgramTogether(program: Program, runs: readonly ProgramRun[]): void {
  for (const { scalars } of runs) checkScalars(program, scalars);
  const together: (readonly [WebGpuDevice, ProgramRun])[] = [];
  for (const run of runs) {
    const device = commonDevice(program.name, [...run.inputs, ...run.outputs]);
    if (device.kind === "webgpu" && canShareKernel(device, program, run)) {
      together.push([device, run]);
    } else {
      runProgramInto(program, run.inputs, run.outputs, run.scalars);
    }
  }
  for (const device of new Set(together.map(([device]) => device))) {
    const some = together.flatMap(([itsDevice, run]) => itsDevice === device ? [run] : []);
    runTogetherOnWebGpu(device, program, some);
    for (const { outputs } of some) for (const output of outputs) output.storage.version++;
  }
}

function canShareKernel(
  device: WebGpuDevice,
  program: Program,
  { inputs, outputs }: ProgramRun,
): boolean {
  const { shape, size } = outputs[0]!;
  return !program.isRow && size > 0 && size <= FEW_ELEMENTS &&
    [...inputs, ...outputs].every((operand) =>
      operand.isContiguous && shapesEqual(operand.shape, shape) &&
      isSeenWhole(device, operand.allocation)
    );
}
