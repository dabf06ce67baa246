/**
 * Several processes that work as one, on one machine or many, through an installed MPI library.
 *
 * A launcher (`mpiexec`, `mpirun`, `srun`) starts the processes; its library, opened through Deno's
 * FFI, connects them. Nothing is loaded until {@linkcode World.open}.
 *
 * ```sh
 * mpiexec -n 4 deno task train --depth 12
 * deno task ranks --n 4 --retries 3 -- task train --depth 12
 * ```
 *
 * The second command restarts from the last checkpoint when a rank dies. Each rank takes its share
 * of every step's batches, and of the optimizer's work and state; so `--total-batch-size` must be a
 * multiple of `--device-batch-size` × `--max-seq-len` × ranks. A checkpoint resumes on any number of
 * ranks. Rank 0 alone writes; every rank reads the corpus. `--mpi PATH` names the library
 * if the launcher's is not found; `--mpi off` ignores the launcher.
 *
 * Ctrl-C stops with a checkpoint under MPICH. Open MPI's launcher ends its ranks at Ctrl-C and
 * SIGTERM: send it SIGUSR2 instead. A rank that hangs makes all others wait, without a timeout.
 * MPICH's launcher sometimes exits with 0 although a rank was killed; `deno task ranks` notices.
 * WebGPU ranks copy every gradient through main memory, so they are slow.
 *
 * @module
 */

export { detectRanks, type Launcher, type Ranks } from "./launcher.ts";
export { addressOf, type ReducedType, World, type WorldOptions } from "./world.ts";
