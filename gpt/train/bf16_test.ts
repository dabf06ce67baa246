import { assert } from "@std/assert";
import { bf16Test } from "../../testing/bf16.ts";
import { permutationArray, Tensor } from "../../tensor/mod.ts";
import { configForDepth } from "./scaling.ts";
import { GPT } from "../model/model.ts";

bf16Test("26 steps of MuonAdamW with matmuls in bf16 stay finite, and learn", async (device) => {
  const config = configForDepth({
    ...{ depth: 2, aspectRatio: 128, headDim: 64, vocabSize: 512, maxSeqLen: 128 },
    windowPattern: "L",
  });
  const model = new GPT(config, device, { seed: 1 });
  const optimizer = model.optimizer({ weightDecay: 0.1 });
  const shape = [4, 128];
  const losses: number[] = [];
  for (let step = 0; step < 26; step++) {
    using _scope = device.scope();
    const ids = permutationArray(step, 512);
    const [inputs, targets] = [ids, ids.map((id) => (id + 1) % 512)].map((values) =>
      Tensor.from(device, values, { shape })
    ) as [Tensor, Tensor];
    const loss = model.forward(inputs, targets);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    losses.push(await loss.item());
  }
  assert(losses.every(Number.isFinite), `got ${losses}`);
  assert(losses.at(-1)! < losses[0]! - 0.5, `got ${losses}`);
  for (const [name, parameter] of model.parameters()) {
    assert((await parameter.data()).every(Number.isFinite), `${name} is not finite`);
  }
});
