import { assert } from "@std/assert";
import { GPT } from "../../model/model.ts";
import { gpuTest } from "../../../testing/gpu.ts";
import { noGrad, Tensor } from "../../../tensor/mod.ts";

gpuTest("the fused decoding step needs half the dispatches of the plain forward pass", (device) => {
  const shape = { sequenceLen: 24, vocabSize: 61, nLayer: 3, nHead: 4, nKvHead: 2, nEmbd: 64 };
  const model = new GPT({ ...shape, windowPattern: "SL" }, device, { seed: 7 });
  const cache = model.createCache(1, 8);
  const ids = Tensor.from(device, [[3]], { dtype: "int32" });
  const count = (run: () => void) => {
    const before = device.statistics.dispatches;
    noGrad(run);
    return device.statistics.dispatches - before;
  };
  const fused = count(() => model.decode(ids, [cache]));
  const plain = count(() => model.forward(ids, undefined, { cache }));
  assert(2 * fused <= plain, `${fused} against ${plain}`);
});
