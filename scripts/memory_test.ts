import { assertRejects } from "@std/assert";
import { openDevice } from "../gpt/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { checkMemory, checkTrainable } from "./memory.ts";
import { planRun, trainingFlags } from "./training_flags.ts";

const args = "--depth 4 --head-dim 64 --max-seq-len 256 --device-batch-size 8 --num-iterations 9";
const flags = parseFlags([...args.split(" "), "--total-batch-size", "2048"], trainingFlags);
const plan = planRun(flags, 4096);

Deno.test("a run that exceeds the machine's memory is refused, with what fits", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { systemMemoryInfo } = Deno;
  const check = (available: number) => {
    Deno.systemMemoryInfo = () => ({ ...systemMemoryInfo(), available });
    return checkMemory(plan, { flags, device, vocabSize: 4096, isFixed: false }, "float32");
  };
  try {
    await check(600 * 2 ** 20);
    await assertRejects(
      () => check(441 * 2 ** 20),
      UsageError,
      "the 441.0 MiB of memory that this machine has free, got one that takes about 55",
    );
    await assertRejects(
      () => check(441 * 2 ** 20),
      UsageError,
      "What fits: --device-batch-size 1, or",
    );
    await assertRejects(() => check(1000), UsageError, "No smaller run fits");
  } finally {
    Deno.systemMemoryInfo = systemMemoryInfo;
    await device.close();
  }
});

Deno.test("a given model whose gradients and momenta exceed the memory is refused, with what fits", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { systemMemoryInfo } = Deno;
  // Its parameters take 4 MiB.
  const model = {
    device,
    parameters: () => new Map([["weight", Tensor.zeros(device, [1024, 1024])]]),
  };
  const check = (available: number) => {
    Deno.systemMemoryInfo = () => ({ ...systemMemoryInfo(), available });
    return checkTrainable(model, "What fits: --lora-rank 8");
  };
  try {
    await check(8 * 2 ** 20);
    await assertRejects(
      () => check(8 * 2 ** 20 - 1),
      UsageError,
      "take at most 8.0 MiB, got one where they take at least 8.0 MiB. What fits: --lora-rank 8",
    );
  } finally {
    Deno.systemMemoryInfo = systemMemoryInfo;
    await device.close();
  }
});
