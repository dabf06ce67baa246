/**
 * An optimizer whose work and state are sharded over the ranks of a run.
 *
 * Each parameter has an owner. Gradients are summed over the ranks, each parameter's only at its
 * owner (reduce-scatter); the owner updates it; and the new parameters go to all ranks
 * (all-gather). So each rank does part of the work and holds part of the state, while all have the
 * same parameters.
 *
 * Source: nanochat, `DistMuonAdamW` in `nanochat/optim.py`, which divides each shape of matrix
 * among the ranks; owners by work also suit shapes with fewer matrices than ranks.
 *
 * @module
 */

import { wrongState } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/mod.ts";
import type { AdamWGroup } from "./adam.ts";
import type { MuonGroup } from "./muon.ts";
import { MUON_ADAMW, type MuonAdamWGroupOptions } from "./muon_adamw.ts";
import { Optimizer } from "./optimizer.ts";
import { polarExpressFlops } from "./polar_express.ts";

/** Tensors by the rank that owns them, in the same order on every rank. */
export type Segments = readonly (readonly Tensor[])[];

/** How ranks exchange tensors: every rank calls the same methods in the same order. */
export interface Exchange {
  /** The number of this rank, from 0. */
  readonly rank: number;
  /** The number of ranks. */
  readonly ranks: number;
  /** Replaces the tensors of this rank by their sums over all ranks; the others are undefined then. */
  reduceScatter(gradients: Segments): Promise<void>;
  /** Replaces the tensors of other ranks by what their owners have. */
  allGather(parameters: Segments): Promise<void>;
}

/** The work of updating one parameter. */
export interface OwnedWork {
  /** The name. */
  readonly name: string;
  /** The cost of its update, in any unit. */
  readonly cost: number;
}

/**
 * Gives each parameter to a rank, so that all ranks have about the same work: the largest first,
 * each to the rank with the least work so far. It depends on nothing else, so all ranks agree.
 *
 * @example
 * ```ts
 * import { ownersOf } from "./sharded.ts";
 *
 * const work = [{ name: "a", cost: 3 }, { name: "b", cost: 2 }, { name: "c", cost: 1 }];
 * const owners = ownersOf(work, 2);
 * if (owners.get("a") !== 0 || owners.get("b") !== 1 || owners.get("c") !== 1) {
 *   throw new Error("expected 3 on one rank, 2 + 1 on the other");
 * }
 * ```
 */
export function ownersOf(work: readonly OwnedWork[], ranks: number): Map<string, number> {
  const loads = new Array<number>(ranks).fill(0);
  const owners = new Map<string, number>();
  const largestFirst = [...work].sort((a, b) => b.cost - a.cost || (a.name < b.name ? -1 : 1));
  for (const { name, cost } of largestFirst) {
    const rank = loads.indexOf(Math.min(...loads));
    loads[rank]! += cost;
    owners.set(name, rank);
  }
  return owners;
}

/** Operations per byte of memory traffic: the order of magnitude of any processor. */
const FLOPS_PER_BYTE = 8;
const MUON_BYTES = 60;
const ADAMW_BYTES = 28;

/**
 * {@linkcode MuonAdamW} over several ranks. With two ranks, the results equal, bit for bit, those
 * of one optimizer with the summed gradients; with more, sums have another order.
 *
 * @example One rank, which owns everything
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { ShardedMuonAdamW } from "./sharded.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.ones(device, [2, 2], { requiresGrad: true });
 * const nothing = () => Promise.resolve();
 * const optimizer = new ShardedMuonAdamW(
 *   [{ kind: "muon", parameters: new Map([["weight", weight]]), lr: 0.02 }],
 *   { rank: 0, ranks: 1, reduceScatter: nothing, allGather: nothing },
 * );
 * weight.sum().backward();
 * await optimizer.step();
 * if ((await weight.data())[0] === 1) throw new Error("expected a step");
 * await device.close();
 * ```
 */
export class ShardedMuonAdamW extends Optimizer<AdamWGroup | MuonGroup> {
  readonly #exchange: Exchange;
  readonly #segments: Segments;

  /**
   * Creates the optimizer with empty state for the parameters of this rank. `groups` are those of
   * the whole optimizer, the same on every rank.
   *
   * @throws {RangeError} If there are no parameters, one occurs twice, or one for Muon is not a
   * matrix.
   */
  constructor(groups: readonly MuonAdamWGroupOptions[], exchange: Exchange) {
    let owners = new Map<string, number>();
    super(MUON_ADAMW, groups, {}, (all) => {
      owners = ownersOf(all.flatMap(workOf), exchange.ranks);
      return (name) => owners.get(name) === exchange.rank;
    });
    this.#exchange = exchange;
    this.#segments = Array.from(
      { length: exchange.ranks },
      (_, rank) =>
        this.groups.flatMap(({ names, parameters }) =>
          parameters.filter((_, i) => owners.get(names[i]!) === rank)
        ),
    );
  }

  /**
   * Sums the gradients over the ranks and updates every parameter, in place. Every rank must call it.
   *
   * @throws {Error} If a parameter has no gradient.
   * @throws {RangeError} If a hyperparameter is out of range.
   */
  override async step(): Promise<void> {
    for (const { names, parameters } of this.groups) {
      const missing = parameters.findIndex(({ grad }) => grad === null);
      if (missing === -1) continue;
      const wanted = "a gradient for every parameter";
      throw wrongState("step the optimizer", wanted, `none for ${names[missing]}`);
    }
    await this.#exchange.reduceScatter(
      this.#segments.map((segment) => segment.map(({ grad }) => grad!)),
    );
    super.step();
    await this.#exchange.allGather(this.#segments);
  }
}

/** Estimates the cost of updating each parameter of a group in FLOPs; bytes count as FLOPs, too. */
export function workOf(group: AdamWGroup | MuonGroup): OwnedWork[] {
  return group.parameters.map(({ shape, size }, i) => {
    const name = group.names[i]!;
    if (group.kind === "adamw") return { name, cost: size * ADAMW_BYTES * FLOPS_PER_BYTE };
    const [rows, columns] = shape as [number, number];
    const products = polarExpressFlops(rows, columns, group.orthogonalizationSteps);
    return { name, cost: products + size * MUON_BYTES * FLOPS_PER_BYTE };
  });
}
