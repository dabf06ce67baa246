import { assertEquals, assertThrows } from "@std/assert";
import { detectRanks } from "./launcher.ts";

const env = (variables: Record<string, string>) => new Map(Object.entries(variables));

Deno.test("without a launcher's variables there are no ranks", () => {
  assertEquals(detectRanks(env({})), null);
  assertEquals(detectRanks(env({ PMI_RANK: "0" })), null);
  assertEquals(detectRanks(env({ PMI_RANK: "", PMI_SIZE: "2" })), null);
});

Deno.test("each launcher's variables say rank, ranks and place on the host", () => {
  assertEquals(
    detectRanks(
      env({ PMI_RANK: "3", PMI_SIZE: "4", MPI_LOCALRANKID: "1", MPI_LOCALNRANKS: "2" }),
    ),
    { launcher: "MPICH", rank: 3, ranks: 4, localRank: 1, localRanks: 2 },
  );
  assertEquals(
    detectRanks(env({
      OMPI_COMM_WORLD_RANK: "0",
      OMPI_COMM_WORLD_SIZE: "2",
      OMPI_COMM_WORLD_LOCAL_RANK: "0",
      OMPI_COMM_WORLD_LOCAL_SIZE: "2",
      PMIX_RANK: "0",
    })),
    { launcher: "Open MPI", rank: 0, ranks: 2, localRank: 0, localRanks: 2 },
  );
  assertEquals(
    detectRanks(env({ SLURM_PROCID: "5", SLURM_STEP_NUM_TASKS: "8", SLURM_LOCALID: "1" })),
    { launcher: "Slurm", rank: 5, ranks: 8, localRank: 1, localRanks: null },
  );
});

Deno.test("a Slurm batch script, which is no step, has no ranks", () => {
  assertEquals(detectRanks(env({ SLURM_PROCID: "0", SLURM_NTASKS: "8" })), null);
});

Deno.test("mpiexec inside a Slurm job counts, not Slurm", () => {
  const slurm = { SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "2" };
  const ranks = detectRanks(env({ ...slurm, PMI_RANK: "1", PMI_SIZE: "4" }));
  assertEquals(ranks?.launcher, "MPICH");
});

Deno.test("a rank that is not below the number of ranks is refused", () => {
  assertThrows(
    () => detectRanks(env({ PMI_RANK: "2", PMI_SIZE: "2" })),
    RangeError,
    "Cannot tell the ranks: wanted PMI_RANK below PMI_SIZE, got 2 and 2",
  );
});
