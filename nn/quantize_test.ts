import { assert, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh } from "../testing/every_device.ts";
import { Adam } from "../optim/mod.ts";
import { type Device, noGrad, QuantizedMatrix, Tensor } from "../tensor/mod.ts";
import { addLoRA, Embedding, Linear, Module, parameterBytes, quantizeModule } from "./mod.ts";

class Tied extends Module {
  readonly table: Embedding;
  readonly layers: readonly Linear[];
  readonly head: Linear;

  constructor(device: Device) {
    super();
    this.table = new Embedding(device, 12, 64, { seed: 1 });
    this.layers = [
      new Linear(device, 64, 33, { seed: 2 }),
      new Linear(device, 33, 64, { seed: 3 }),
    ];
    this.head = new Linear(device, 64, 12, { seed: null, bias: false });
    Reflect.set(this.head, "weight", this.table.weight);
  }

  forward(ids: Tensor): Tensor {
    let x = this.table.forward(ids);
    for (const layer of this.layers) x = layer.forward(x).tanh();
    return this.head.forward(x);
  }
}

fresh.testOnEveryDevice(
  "packing replaces weights of whole blocks, a shared one once",
  async (device) => {
    const model = new Tied(device);
    const ids = Tensor.from(device, [[1, 11, 0]], { dtype: "int32" });
    const before = await noGrad(() => model.forward(ids)).data();
    const names = [...model.parameters().keys()];
    const { live } = device;
    quantizeModule(model, "q8");
    // Two weights became two buffers each.
    assertEquals(device.live, live + 2);
    assertEquals([...model.parameters().keys()], names);
    const packed = [...model.parameters()].filter(([, each]) => each instanceof QuantizedMatrix);
    assertEquals(packed.map(([name]) => name), ["table.weight", "layers.0.weight"]);
    assert(model.head.weight === model.table.weight);
    const numbers = (12 + 33) * 64;
    assertEquals(parameterBytes(model), numbers * 36 / 32 + 4 * (33 + 33 * 64 + 64));
    const after = await noGrad(() => model.forward(ids)).data();
    const largest = Math.max(...before.map(Math.abs));
    before.forEach((each, i) => assert(Math.abs(each - after[i]!) < 0.05 * largest));
    // Packing again finds nothing to do.
    quantizeModule(model, "q4");
    assertEquals(await noGrad(() => model.forward(ids)).data(), after);
  },
);

cpuTest(
  "training, saving and adapting a packed network are refused, and loading packs",
  async (device) => {
    const model = new Tied(device);
    const state = new Map(
      [...model.stateDict()].map(([name, { shape }]) =>
        [name, {
          dtype: "float32",
          shape,
          data: new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5),
        }] as const
      ),
    );
    quantizeModule(model, "q4");
    const ids = Tensor.from(device, [[1, 2]], { dtype: "int32" });
    const refusal = "Cannot use the q4 matrix [12, 64] here: wanted float32";
    assertThrows(() => model.forward(ids), Error, "packed weights have none");
    assertThrows(
      () => new Adam(model.parameters(), { lr: 0.1 }),
      Error,
      "got table.weight without",
    );
    assertThrows(() => addLoRA(model, { rank: 2, seed: 1 }), TypeError, "q4 matrix [33, 64]");
    model.loadStateDict(state);
    assertEquals(
      await noGrad(() => model.table.forward(ids)).data(),
      new Float32Array(128).fill(0.5),
    );
    const saved = model.stateDict().get("table.weight")!.data();
    const error = await saved.then(() => null, (error: unknown) => error);
    assert(error instanceof TypeError && error.message.includes(refusal), `${error}`);
    assertThrows(
      () => quantizeModule(new Tied(device), "q3" as "q4"),
      TypeError,
      'wanted "q8" or "q4"',
    );
  },
);
