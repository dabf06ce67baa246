import { assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { normal, Tensor } from "../tensor/mod.ts";
import {
  Dropout,
  GroupNorm,
  LayerNorm,
  Linear,
  type Module,
  RMSNorm,
  SelfAttention,
} from "./mod.ts";

testOnEveryDevice(
  "layers give the dtype of their input, whatever that of their parameters",
  (device) => {
    const layers: (Module & { forward(x: Tensor): Tensor })[] = [
      new Linear(device, 8, 8, { seed: 1 }),
      new LayerNorm(device, 8),
      new LayerNorm(device, 8, { bias: false }),
      new RMSNorm(device, 8),
      new Dropout(0.5, { seed: 1 }),
      new Dropout(0.5, { seed: 1 }).eval(),
      new SelfAttention(device, 8, { heads: 2, seed: 1 }),
    ];
    const x = normal(device, [2, 3, 8], { seed: 1 });
    for (const layer of layers) {
      const name = layer.constructor.name;
      assertEquals(layer.forward(x).dtype, "float32", name);
      assertEquals(layer.forward(x.to("bfloat16")).dtype, "bfloat16", name);
    }
    const images = Tensor.ones(device, [1, 4, 2, 2]).to("bfloat16");
    assertEquals(new GroupNorm(device, 2, 4).forward(images).dtype, "bfloat16");
  },
);
