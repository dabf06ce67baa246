import { assert } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { copyInto, fill, noGrad, Tensor } from "../../tensor/mod.ts";
import { GPT } from "./model.ts";

testOnEveryDevice(
  "gates that are shut or open all the way give every parameter a finite gradient",
  async (device) => {
    const config = {
      sequenceLen: 8,
      vocabSize: 64,
      nLayer: 2,
      nHead: 2,
      nKvHead: 2,
      nEmbd: 32,
      windowPattern: "L",
    };
    const model = new GPT(config, device, { seed: 1 });
    const parameters = model.parameters();
    const set = (name: string, value: number) => {
      const parameter = parameters.get(name);
      if (parameter === undefined) throw new Error(`there is no ${name}`);
      noGrad(() => copyInto(fill(device, parameter.shape, value), parameter));
    };
    set("smear_lambda", 0.5);
    const ids = Tensor.from(device, [[3, 5, 7, 11, 13, 17, 19, 23]], { dtype: "int32" });
    // A gate's input is the sum of these times numbers of about ±1: some below −89, some above.
    for (const weight of [1e3, 1e30]) {
      using _scope = device.scope();
      set("smear_gate.weight", weight);
      set("transformer.h.1.attn.ve_gate.weight", weight);
      const loss = model.forward(ids, ids);
      assert(Number.isFinite(await loss.item()), "the loss is not finite");
      loss.backward();
      for (const [name, { grad }] of parameters) {
        if (grad === null) throw new Error(`${name} has no gradient`);
        const wrong = (await grad.data()).findIndex((value) => !Number.isFinite(value));
        assert(wrong === -1, `the gradient of ${name} at ${wrong} is not finite`);
      }
      model.zeroGrad();
    }
  },
);
