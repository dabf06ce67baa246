/** The ranks of a run, and the collective operations among them. @module */

import type { Handle } from "./abi.ts";
import { detectRanks, type Ranks } from "./launcher.ts";
import { candidates, type Library, openLibrary } from "./library.ts";

/** Element types of a reduction. */
export type ReducedType = "float32" | "float64" | "int32";

/** Options for {@linkcode World.open}. */
export interface WorldOptions {
  /** The path of a library; by default those that belong to the launcher are tried. */
  readonly library?: string;
}

/** Only the thread that initialized MPI calls it. */
const THREAD_FUNNELED = 1;

/** Milliseconds for a launcher to forward the output of a rank. */
const FORWARDING_MILLISECONDS = 200;

/**
 * All ranks that a launcher started.
 *
 * Every rank must call the same collectives in the same order with the same counts; one that does not
 * arrive makes the others wait. A process that ends without {@linkcode World.close} ends all ranks.
 *
 * @example
 * ```ts ignore
 * import { addressOf, World } from "./mod.ts";
 *
 * const world = World.open(); // in a process that mpiexec or mpirun has started
 * const numbers = new Float64Array([world.rank]);
 * world.allReduce(addressOf(numbers), 1, "float64", "sum");
 * world.close();
 * ```
 */
export class World {
  /** The number of this process, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly ranks: number;
  /** The number of this process among those on the same host, from 0. */
  readonly localRank: number;
  /** Library and number of ranks, for people. */
  readonly description: string;
  /** Rank and host, for messages. */
  readonly place: string;
  readonly #library: Library;
  #isOpen = true;
  readonly #listening = new AbortController();

  private constructor(library: Library, { ranks: wanted, launcher, localRank }: Ranks) {
    this.#library = library;
    const { functions, handles } = library;
    const value = new Int32Array(1);
    const bytes = new Uint8Array(value.buffer);
    this.#check("initialize", functions.MPI_Init_thread(0n, 0n, THREAD_FUNNELED, bytes));
    functions.MPI_Comm_set_errhandler(handles.world, handles.errorsReturn);
    functions.MPI_Comm_rank(handles.world, bytes);
    this.rank = value[0]!;
    functions.MPI_Comm_size(handles.world, bytes);
    this.ranks = value[0]!;
    this.localRank = localRank;
    const host = new Uint8Array(1024);
    functions.MPI_Get_processor_name(host, bytes);
    const hostName = new TextDecoder().decode(host.subarray(0, value[0]));
    this.place = `rank ${this.rank} of ${this.ranks} on ${hostName}`;
    this.description = `${library.name}, ${this.ranks} ranks`;
    if (this.ranks !== wanted) {
      this.close();
      throw new Error(
        `Cannot run on the ${wanted} ranks that ${launcher} started: ${library.name} ` +
          `(${library.path}) finds ${this.ranks}, so it belongs to another launcher. Name the ` +
          `right library: --mpi PATH`,
      );
    }
    this.#listen();
  }

  /**
   * Opens the library of the launcher and joins the other ranks.
   *
   * @throws {Error} Without a launcher; if no library can be opened; or if it belongs to another
   * launcher, in which case every process would think that it is the only one.
   */
  static open({ library }: WorldOptions = {}): World {
    const ranks = detectRanks(Deno.env);
    if (ranks === null) {
      throw new Error(
        "Cannot join other ranks: wanted a process that mpiexec, mpirun or srun started, got one " +
          "without their variables",
      );
    }
    const paths = library === undefined ? candidates(ranks.launcher, Deno.build.os) : [library];
    return new World(openLibrary(paths), ranks);
  }

  /**
   * Replaces numbers by their sum or maximum over all ranks, in place: the same bits on every rank.
   *
   * @param address The address of the first number: see {@linkcode addressOf}.
   */
  allReduce(address: number, count: number, type: ReducedType, operation: "sum" | "max"): void {
    const { functions, handles } = this.#library;
    const code = functions.MPI_Allreduce(
      handles.inPlace,
      BigInt(address),
      count,
      handles[type],
      handles[operation],
      handles.world,
    );
    this.#check("reduce numbers", code);
  }

  /**
   * Sums blocks of `float32` over all ranks, and leaves each rank its own.
   *
   * @param address The address of one block for each rank, in their order. Afterwards the sum of this
   * rank's block is at the beginning; the rest is undefined.
   * @param countPerRank The numbers of a block.
   */
  reduceScatter(address: number, countPerRank: number): void {
    const { functions, handles } = this.#library;
    const code = functions.MPI_Reduce_scatter_block(
      handles.inPlace,
      BigInt(address),
      countPerRank,
      handles.float32,
      handles.sum,
      handles.world,
    );
    this.#check("reduce and scatter numbers", code);
  }

  /**
   * Gives every rank the blocks of all.
   *
   * @param address The address of one block of `float32` for each rank; this rank has filled its own.
   * @param countPerRank The numbers of a block.
   */
  allGather(address: number, countPerRank: number): void {
    const { functions, handles } = this.#library;
    const code = functions.MPI_Allgather(
      handles.inPlace,
      0,
      handles.float32,
      BigInt(address),
      countPerRank,
      handles.float32,
      handles.world,
    );
    this.#check("gather numbers", code);
  }

  /** Copies `bytes` bytes at `address` from rank `root` to all others. */
  broadcast(address: number, bytes: number, root: number): void {
    const { functions, handles } = this.#library;
    // A count is a 32-bit number.
    const most = 1 << 30;
    for (let done = 0; done < bytes; done += most) {
      const code = functions.MPI_Bcast(
        BigInt(address + done),
        Math.min(most, bytes - done),
        handles.byte,
        root,
        handles.world,
      );
      this.#check("broadcast bytes", code);
    }
  }

  /** Waits until every rank is here. */
  barrier(): void {
    this.#check("wait for all ranks", this.#library.functions.MPI_Barrier(this.#world));
  }

  /** Prints a line that names rank and host, and ends all ranks with `code`. */
  abort(code: number, message: string): never {
    console.error(`${this.place}: ${message}`);
    // MPICH's launcher loses what it has not yet forwarded when a rank ends the others.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FORWARDING_MILLISECONDS);
    this.#isOpen = false;
    this.#library.functions.MPI_Abort(this.#world, code);
    Deno.exit(code);
  }

  /** Leaves the other ranks, when all have done their work. Waits for them. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#listening.abort();
    this.#check("leave the other ranks", this.#library.functions.MPI_Finalize());
  }

  /**
   * Ends all ranks when this one ends early. MPICH's launcher ends the others as well, but often
   * with code 0, as if all had gone well.
   */
  #listen(): void {
    const { signal } = this.#listening;
    const { functions, handles } = this.#library;
    addEventListener("error", ({ error }) => this.abort(1, textOf(error)), { signal });
    addEventListener("unhandledrejection", ({ reason }) => this.abort(1, textOf(reason)), {
      signal,
    });
    addEventListener("unload", () => {
      if (this.#isOpen) functions.MPI_Abort(handles.world, exitCode());
    }, { signal });
  }

  get #world(): Handle {
    return this.#library.handles.world;
  }

  /** @throws {Error} If a call failed; the message has MPI's own words. */
  #check(what: string, code: number): void {
    if (code === 0) return;
    const text = new Uint8Array(1024);
    const length = new Int32Array(1);
    this.#library.functions.MPI_Error_string(code, text, new Uint8Array(length.buffer));
    const reason = new TextDecoder().decode(text.subarray(0, length[0]));
    throw new Error(`Cannot ${what} with ${this.#library.name}: ${reason}`);
  }
}

/**
 * The address of an array's first element. It holds as long as the array is alive.
 *
 * @example
 * ```ts
 * import { addressOf } from "./mod.ts";
 *
 * const array = new Float32Array(new ArrayBuffer(64));
 * if (addressOf(array.subarray(2)) !== addressOf(array) + 8) throw new Error("expected 8 bytes");
 * ```
 */
export function addressOf(array: ArrayBufferView<ArrayBuffer>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array)));
}

/** The exit code of the process, or 1 instead of 0. */
function exitCode(): number {
  return Deno.exitCode === 0 ? 1 : Deno.exitCode;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
