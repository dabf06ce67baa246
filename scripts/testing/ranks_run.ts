/**
 * Run by tests as ranks: a small run from its last checkpoint to the next one. Each rank prints the
 * rows of its batches. With `nanAt`, the last rank has a loss of NaN there.
 */

import { openCheckpoint, openDevice, preparePretraining, savedSteps } from "../../gpt/mod.ts";
import { tinyPlan, tinyRun, tinyTokenizer } from "../../gpt/testing/tiny.ts";
import { onRanks } from "../parallel.ts";

const { folder, nanAt } = JSON.parse(Deno.args[0]!) as { folder: string; nanAt?: number };

const BATCHES = 4;

Deno.exit(
  await onRanks(async (ranks) => {
    const device = await openDevice("cpu", { threads: 1, blas: false });
    const size = { totalBatchSize: BATCHES * 32, ranks: ranks?.ranks ?? 1 };
    const isResumed = (await savedSteps(folder).catch(() => [])).length > 0;
    const pretraining = await preparePretraining({
      ...tinyRun,
      device,
      folder,
      plan: tinyPlan(size),
      tokenizer: await tinyTokenizer(),
      saveEvery: 5,
      checkpoint: isResumed ? await openCheckpoint(folder) : undefined,
      parallel: ranks ?? undefined,
    });
    const { model } = pretraining;
    const forward = model.forward.bind(model) as typeof model.forward;
    const rows: Promise<string>[] = [];
    let step = pretraining.firstStep;
    const isLastRank = ranks !== null && ranks.rank === ranks.ranks - 1;
    model.forward = ((...args: Parameters<typeof forward>) => {
      rows.push(args[0].data().then(String));
      const loss = forward(...args);
      if (!isLastRank || step !== nanAt) return loss;
      console.log(`NaN at ${Date.now()}`);
      return loss.mul(NaN);
    }) as typeof forward;
    for await (const event of pretraining.run()) {
      if (event.kind === "step") step = event.step + 1;
      if (event.kind === "checkpoint") break;
    }
    console.log(JSON.stringify({ rank: ranks?.rank ?? 0, rows: await Promise.all(rows) }));
    await device.close();
    return 0;
  })({ mpi: "auto" }, []),
);
