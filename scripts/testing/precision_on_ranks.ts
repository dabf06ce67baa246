/**
 * Run by a test as ranks: each opens a device as scripts do, rank 0 without a BLAS, so that it finds
 * no bf16 where others may. Each prints its precision, and what it was asked to find out.
 *
 * @module
 */

import { onRanks, openDeviceOnRanks } from "../parallel.ts";

const choices = { device: "cpu", threads: 1, matmulPrecision: "auto" } as const;

Deno.exit(
  await onRanks(async (ranks) => {
    const device = await openDeviceOnRanks(ranks, { ...choices, noBlas: ranks?.rank === 0 });
    const { matmulPrecision: precision, info: { description } } = device;
    console.log(JSON.stringify({ rank: ranks?.rank, precision, description }));
    await device.close();
    return 0;
  })({ mpi: "auto" }, []),
);
