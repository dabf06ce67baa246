import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import { fresh, testOnEveryDevice } from "../../testing/every_device.ts";
import { GPT } from "../model/model.ts";
import { inspect } from "./inspect.ts";

const shape = { sequenceLen: 32, nLayer: 2, nHead: 2, nKvHead: 1, nEmbd: 64 };
const config = { ...shape, vocabSize: 40, windowPattern: "SL" };
const ids = [7, 1, 39, 0, 12];

/** A model without zero weights: some start at zero. */
function makeModel(device: Device): GPT {
  const model = new GPT(config, device, { seed: 7 });
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|gate|lm_head/.test(name)) continue;
    parameter.assign(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 1.7)));
  }
  return model;
}

testOnEveryDevice("the last stage of an inspection is what the model predicts", async (device) => {
  const model = makeModel(device);
  const { stages, logits, candidates } = await inspect(model, ids, { lensTokens: 3 });
  assertEquals(stages.length, config.nLayer + 2);
  const row = Tensor.from(device, [ids], { dtype: "int32" });
  const wanted = await noGrad(() => model.forward(row).softmax()).data();
  const { likely, probabilities, next } = stages.at(-1)!;
  assertEquals([likely.length, probabilities.length, next.length], [15, 15, 4]);
  const count = config.vocabSize;
  // Fewer than the default: there are no more.
  assertEquals([logits.length, candidates.length], [ids.length * count, ids.length * count]);
  for (let i = 0; i < ids.length; i++) {
    const row = [...wanted.subarray(i * count, (i + 1) * count)].map(Number);
    const order = row.map((_, id) => id).sort((a, b) => row[b]! - row[a]!);
    assertEquals([...likely.subarray(3 * i, 3 * i + 3)], order.slice(0, 3));
    assertEquals([...candidates.subarray(i * count, i * count + 3)], order.slice(0, 3));
    assertAlmostEquals(probabilities[3 * i]!, row[order[0]!]!, 1e-6);
    if (i + 1 < ids.length) assertAlmostEquals(next[i]!, row[ids[i + 1]!]!, 1e-6);
  }
});

testOnEveryDevice("an inspection has attention and gates by layer", async (device) => {
  const { attention, smear, gates, stages } = await inspect(makeModel(device), ids);
  assertEquals(attention.map((heads) => heads.length), [2, 2]);
  for (const pattern of attention.flat()) {
    for (let i = 0; i < ids.length; i++) {
      const row = pattern.subarray(i * ids.length, (i + 1) * ids.length);
      assertAlmostEquals(row.reduce((sum, weight) => sum + weight), 1, 1e-5);
      assert(row.subarray(i + 1).every((weight) => weight === 0), "wanted 0 in the future");
    }
  }
  assertEquals(smear.length, ids.length - 1);
  assertEquals(gates.map((gate) => gate?.length), [undefined, ids.length * config.nKvHead]);
  assert(stages.every(({ size }) => size.every((rms) => rms > 0)));
});

fresh.testOnEveryDevice(
  "inspecting leaks nothing, takes one token, and refuses none",
  async (device) => {
    const model = makeModel(device);
    const { live } = device;
    const { attention, smear, stages } = await inspect(model, [5]);
    assertEquals([attention[0]![0]!.length, smear.length, stages[0]!.next.length], [1, 0, 0]);
    await assertRejects(() => inspect(model, []), RangeError, "wanted at least 1 token, got 0");
    await assertRejects(() => inspect(model, [40]), RangeError);
    assertEquals(device.live, live);
  },
);
