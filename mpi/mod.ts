/**
 * Several processes that work as one, on one machine or many, through the MPI that is installed.
 *
 * A launcher (`mpiexec`, `mpirun`, `srun`) starts the processes; its library, opened through Deno's
 * FFI, connects them. Nothing is loaded until {@linkcode World.open}.
 *
 * @module
 */

export { detectRanks, type Launcher, type Ranks } from "./launcher.ts";
export { addressOf, type ReducedType, World, type WorldOptions } from "./world.ts";
