import { assert } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { copyInto, type Device, fill, noGrad, Tensor } from "../../tensor/mod.ts";
import { GPT } from "./model.ts";

const config = {
  sequenceLen: 8,
  vocabSize: 64,
  nLayer: 2,
  nHead: 2,
  nKvHead: 2,
  nEmbd: 32,
  windowPattern: "L",
};

const makeIds = (device: Device): Tensor =>
  Tensor.from(device, [[3, 5, 7, 11, 13, 17, 19, 23]], { dtype: "int32" });

/** Fills a parameter with one value. */
function set(model: GPT, name: string, value: number): void {
  const parameter = model.parameters().get(name);
  if (parameter === undefined) throw new Error(`there is no ${name}`);
  noGrad(() => copyInto(fill(parameter.device, parameter.shape, value), parameter));
}

testOnEveryDevice(
  "gates that are shut or open all the way give every parameter a finite gradient",
  async (device) => {
    const model = new GPT(config, device, { seed: 1 });
    const parameters = model.parameters();
    set(model, "smear_lambda", 0.5);
    const ids = makeIds(device);
    // A gate's input is the sum of these times numbers of about ±1: some below −89, some above.
    for (const weight of [1e3, 1e30]) {
      using _scope = device.scope();
      set(model, "smear_gate.weight", weight);
      set(model, "transformer.h.1.attn.ve_gate.weight", weight);
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

/** Scales a gate's weights so that the lowest of its inputs, before the sigmoid, is `lowest`. */
async function setLowestInput(
  model: GPT,
  ids: Tensor,
  gate: string,
  { lowest, opened }: { readonly lowest: number; readonly opened: number },
): Promise<void> {
  using _scope = model.device.scope();
  const weight = 0.1;
  set(model, `${gate}.weight`, weight);
  const gates: Tensor[] = [];
  const watch = (name: string, value: Tensor) => void (name === gate && gates.push(value));
  noGrad(() => model.forward(ids, undefined, { watch }));
  const inputs = [...await gates[0]!.data()].map((value) => -Math.log(opened / value - 1));
  const before = Math.min(...inputs);
  assert(before < -0.01, `no input of ${gate} is below 0: ${inputs}`);
  set(model, `${gate}.weight`, weight * lowest / before);
}

testOnEveryDevice(
  "a model whose gates have an input of −90 trains, and stays finite",
  async (device) => {
    const model = new GPT(config, device, { seed: 1 });
    const ids = makeIds(device);
    set(model, "smear_lambda", 0.5);
    // e⁹⁰ is infinite in float32, e⁸⁸ is not.
    const lowest = -90;
    await setLowestInput(model, ids, "smear_gate", { lowest, opened: 0.5 });
    await setLowestInput(model, ids, "transformer.h.1.attn.ve_gate", { lowest, opened: 3 });
    const optimizer = model.optimizer();
    const losses: number[] = [];
    for (let step = 0; step < 20; step++) {
      using _scope = device.scope();
      const loss = model.forward(ids, ids);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      losses.push(await loss.item());
    }
    assert(losses.every(Number.isFinite), `a loss is not finite: ${losses}`);
    assert(losses.at(-1)! < losses[0]!, `the loss does not fall: ${losses}`);
    for (const [name, parameter] of model.parameters()) {
      const wrong = (await parameter.data()).findIndex((value) => !Number.isFinite(value));
      assert(wrong === -1, `${name} at ${wrong} is not finite`);
    }
  },
);
