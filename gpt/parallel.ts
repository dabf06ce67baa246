/**
 * Training on several ranks: connects the model, the optimizer and the files of a run with MPI.
 *
 * Every rank has the whole model and takes its share of each step's batches. Gradients are summed, the
 * optimizer's work is shared (see `optim/sharded.ts`), and what comes from files comes from rank 0.
 *
 * Every collective here depends only on the step and on values that are the same on all ranks: whoever
 * decided by a clock or a signal of its own would leave the others waiting.
 *
 * @module
 */

import type { World } from "../mpi/mod.ts";
import { quantizeModule } from "../nn/mod.ts";
import { type Exchange, type Segments, ShardedMuonAdamW } from "../optim/mod.ts";
import { wrongType } from "../tensor/errors.ts";
import { type Device, readSafetensors, type Tensor, writeSafetensors } from "../tensor/mod.ts";
import type { SafetensorsInput } from "../tensor/safetensors.ts";
import type { LoadOptions } from "./files/architecture.ts";
import { buildModel, type Checkpoint, loadModel, readOptimizer } from "./files/checkpoint.ts";
import { decodeOptimizer, encodeOptimizer } from "./files/checkpoint_content.ts";
import type { TrainableModel } from "./generate/language_model.ts";
import type { LearningRates } from "./model/optimizer_groups.ts";

/** The part of `mpi/mod.ts` that {@linkcode RunRanks} needs. */
export type Collectives = Omit<World, "localRank" | "place" | "barrier">;

/**
 * Bytes of an exchange. In `bench/parallel.ts`, 0.5 to 4 MiB take the same time within a tenth; 32
 * MiB leave the caches and, in Open MPI, the fast algorithms, and take 1.3 to 1.9 times as long.
 * Smaller buckets need more messages, which cost more on a network.
 */
export const BUCKET_BYTES: number = 2 << 20;

/** The ranks of a run. */
export class RunRanks {
  /** The number of this rank, from 0. */
  readonly rank: number;
  /** The number of ranks. */
  readonly ranks: number;
  /** Ranks on this host. */
  readonly localRanks: number;
  /** Library and number of ranks, for people. */
  readonly description: string;
  readonly #world: Collectives;
  readonly #addressOf: (array: ArrayBufferView<ArrayBuffer>) => number;

  /**
   * Most callers want {@linkcode openRanks}. `addressOf` gives the address of an array's first
   * element.
   */
  constructor(
    world: Collectives,
    addressOf: (array: ArrayBufferView<ArrayBuffer>) => number,
    localRanks: number,
  ) {
    this.#world = world;
    this.#addressOf = addressOf;
    this.rank = world.rank;
    this.ranks = world.ranks;
    this.localRanks = localRanks;
    this.description = world.description;
  }

  /** Sums each number over all ranks, in double precision: the same bits on every rank. */
  sum(numbers: readonly number[]): number[] {
    const sums = Float64Array.from(numbers);
    this.#world.allReduce(this.#addressOf(sums), sums.length, "float64", "sum");
    return [...sums];
  }

  /** The bytes that one rank has, on every rank. Others pass `null`. */
  broadcast(bytes: Uint8Array<ArrayBuffer> | null, root = 0): Uint8Array<ArrayBuffer> {
    const length = new Float64Array([bytes?.length ?? 0]);
    this.#world.broadcast(this.#addressOf(length), 8, root);
    const shared = bytes ?? new Uint8Array(length[0]!);
    if (shared.length > 0) {
      this.#world.broadcast(this.#addressOf(shared), shared.length, root);
    }
    return shared;
  }

  /** The text that rank 0 has, on every rank. Others pass `null`. */
  broadcastText(text: string | null): string {
    const bytes = text === null ? null : new TextEncoder().encode(text);
    return new TextDecoder().decode(this.broadcast(bytes));
  }

  /**
   * Makes sure that all ranks have the same text. @throws {Error} On one that differs from rank 0.
   */
  checkSame(what: string, text: string): void {
    const wanted = this.broadcastText(this.rank === 0 ? text : null);
    if (text === wanted) return;
    throw new Error(
      `Cannot train on ${this.ranks} ranks: wanted ${what} of rank 0, ${wanted}, got ${text}`,
    );
  }

  /** Builds the model of a checkpoint, whose files rank 0 has. */
  async loadModel(
    checkpoint: Checkpoint,
    device: Device,
    { packing, ...options }: LoadOptions = {},
  ): Promise<TrainableModel> {
    const model = this.rank === 0
      ? await loadModel(checkpoint, device, options)
      : buildModel(checkpoint, device, options);
    await this.shareParameters(model);
    if (packing !== undefined) quantizeModule(model, packing);
    return model;
  }

  /** Gives every rank the parameters of rank 0. */
  async shareParameters(model: TrainableModel): Promise<void> {
    const parameters = [...model.parameters().values()];
    const others = Array.from({ length: this.ranks - 1 }, () => []);
    await new TensorExchange(this.#world, this.#addressOf).allGather([parameters, ...others]);
  }

  /** Creates an optimizer whose work and state are divided among the ranks. */
  optimizer(model: TrainableModel, learningRates: LearningRates): ShardedMuonAdamW {
    const groups = model.optimizerGroups(learningRates);
    return new ShardedMuonAdamW(groups, new TensorExchange(this.#world, this.#addressOf));
  }

  /** The whole optimizer as the bytes of a file; on ranks other than 0 `null`. */
  async encodeOptimizer(optimizer: ShardedMuonAdamW): Promise<Uint8Array | null> {
    const arrays = new Map<string, SafetensorsInput>();
    for (let owner = 0; owner < this.ranks; owner++) {
      const own = owner === this.rank ? await encodeOptimizer(optimizer) : null;
      const bytes = this.broadcast(own && own.slice(), owner);
      if (this.rank !== 0) continue;
      for (const [name, array] of readSafetensors(bytes)) arrays.set(name, array);
    }
    return this.rank === 0 ? writeSafetensors(arrays) : null;
  }

  /** Gives each rank its part of a checkpoint's optimizer, whose file rank 0 has. */
  async loadOptimizer(
    checkpoint: Checkpoint,
    optimizer: ShardedMuonAdamW,
    device: Device,
  ): Promise<void> {
    const whole = this.broadcast(this.rank === 0 ? await readOptimizer(checkpoint) : null);
    const names = optimizer.stateDict();
    decodeOptimizer(whole, optimizer, device, (name) => names.has(name));
  }

  /** Prints a line with rank and host, and ends all ranks. */
  abort(code: number, message: string): never {
    this.#world.abort(code, message);
  }

  /** Leaves the other ranks, when all have done their work. */
  close(): void {
    this.#world.close();
  }
}

/**
 * Joins the ranks that a launcher started.
 *
 * @param choice `auto`: the launcher's library; `off`: none; or the path of a library.
 * @returns The ranks, or `null` if there is only one; MPI is not loaded then.
 * @throws {RanksError} If there is no library, or it belongs to another launcher.
 *
 * @example
 * ```ts
 * import { openRanks } from "./parallel.ts";
 *
 * if (await openRanks("off") !== null) throw new Error("expected no ranks");
 * ```
 */
export async function openRanks(choice: string): Promise<RunRanks | null> {
  if (choice === "off" || !hasLauncher()) return null;
  const { addressOf, detectRanks, World } = await import("../mpi/mod.ts");
  const found = detectRanks(Deno.env);
  if (found === null || found.ranks === 1) return null;
  try {
    const world = World.open(choice === "auto" ? {} : { library: choice });
    return new RunRanks(world, addressOf, found.localRanks ?? found.ranks);
  } catch (error) {
    // The first rank of a host reports; Open MPI would end it when another one ends before it.
    if (found.rank !== 0) await waitForFirstError(found.localRank === 0 ? 1 : 5);
    throw new RanksError(error instanceof Error ? error.message : `${error}`, found.localRank);
  }
}

/** A rank could not join the others. */
export class RanksError extends Error {
  /** The number of this process on its host. An error of one process is usually an error of all. */
  readonly localRank: number;

  /** Creates the error of a rank. */
  constructor(message: string, localRank: number) {
    super(message);
    this.localRank = localRank;
  }
}

/**
 * Delays error reports on ranks other than 0: an error of all ranks is then reported once, since
 * rank 0 ends the others.
 */
export async function waitForFirstError(seconds = 1): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}

/**
 * Whether a launcher's variables are set: only then is `mpi/` loaded. A process that may not read
 * all of the environment was not started by a launcher, which needs more permissions than that.
 */
function hasLauncher(): boolean {
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return false;
  const names = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];
  return names.some((name) => Deno.env.get(name) !== undefined);
}

/** Exchanges tensors in buckets of `float32`, through memory outside the device. */
export class TensorExchange implements Exchange {
  readonly rank: number;
  readonly ranks: number;
  readonly #world: Collectives;
  readonly #address: number;
  readonly #bucket: Float32Array<ArrayBuffer>;
  readonly #block: number;

  /** @param addressOf The address of an array's first element. */
  constructor(
    world: Collectives,
    addressOf: (array: ArrayBufferView<ArrayBuffer>) => number,
    bucketBytes: number = BUCKET_BYTES,
  ) {
    this.rank = world.rank;
    this.ranks = world.ranks;
    this.#world = world;
    this.#block = Math.ceil(bucketBytes / 4 / world.ranks);
    this.#bucket = new Float32Array(this.#block * world.ranks);
    this.#address = addressOf(this.#bucket);
  }

  async reduceScatter(gradients: Segments): Promise<void> {
    await this.#inBuckets(gradients, async (at, block) => {
      await Promise.all(
        gradients.map((segment, rank) => this.#pack(segment, at, block, rank * block)),
      );
      this.#world.reduceScatter(this.#address, block);
      this.#unpack(gradients[this.rank]!, at, block, 0);
    });
  }

  async allGather(parameters: Segments): Promise<void> {
    await this.#inBuckets(parameters, async (at, block) => {
      await this.#pack(parameters[this.rank]!, at, block, this.rank * block);
      this.#world.allGather(this.#address, block);
      for (const [rank, segment] of parameters.entries()) {
        if (rank !== this.rank) this.#unpack(segment, at, block, rank * block);
      }
    });
  }

  /** Goes through all segments together, block by block. */
  async #inBuckets(
    segments: Segments,
    run: (at: number, block: number) => Promise<void>,
  ): Promise<void> {
    for (const { shape, isContiguous } of segments.flat()) {
      if (isContiguous) continue;
      throw wrongType("exchange a tensor", "a contiguous one", `[${shape}] with gaps`);
    }
    const longest = Math.max(
      ...segments.map((segment) => segment.reduce((sum, { size }) => sum + size, 0)),
    );
    for (let at = 0; at < longest; at += this.#block) {
      await run(at, Math.min(this.#block, longest - at));
    }
  }

  /** Copies the numbers of a segment from `at` on into the bucket. */
  async #pack(segment: readonly Tensor[], at: number, block: number, to: number): Promise<void> {
    await Promise.all(
      cutBlock(segment, at, block).map(async ({ part, place }) => {
        this.#bucket.set(await numbersOf(part), to + place);
      }),
    );
  }

  #unpack(segment: readonly Tensor[], at: number, block: number, start: number): void {
    for (const { part, place } of cutBlock(segment, at, block)) {
      part.assign(this.#bucket.subarray(start + place, start + place + part.size));
    }
  }
}

/** Reads a contiguous part of a tensor: on the CPU where it is, unless it has to be widened. */
async function numbersOf(part: Tensor): Promise<ArrayLike<number>> {
  const { device, dtype, allocation, offset, size } = part;
  if (device.kind !== "cpu" || dtype !== "float32") return await part.data();
  const { buffer, byteOffset } = device.bytes(allocation, 4 * offset, 4 * size);
  return new Float32Array(buffer, byteOffset, size);
}

/** The parts of tensors that lie in a block, and their places in it. */
function cutBlock(segment: readonly Tensor[], at: number, block: number) {
  let start = 0;
  return segment.flatMap((tensor) => {
    const from = Math.max(0, at - start);
    const to = Math.min(tensor.size, at + block - start);
    const place = start + from - at;
    start += tensor.size;
    return to > from ? [{ part: tensor.detach().reshape([-1]).slice(0, from, to), place }] : [];
  });
}
