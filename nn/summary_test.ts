import { assertEquals, assertThrows } from "@std/assert";
import { cpuTest } from "../testing/every_device.ts";
import { type Device, Tensor } from "../tensor/mod.ts";
import { Activation } from "./activation.ts";
import { BatchNorm2d } from "./batch_norm.ts";
import { Conv2d } from "./convolution.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { quantizeModule } from "./quantize.ts";
import { Sequential } from "./sequential.ts";
import { summary } from "./summary.ts";

cpuTest("a summary has a line for each module, with its parameters", (device) => {
  const network = new Sequential([
    new Conv2d(device, 1, 4, 3, { seed: 1, bias: false }).requireGrad(false),
    new BatchNorm2d(device, 4),
    new Activation("relu"),
  ]);
  assertEquals(summary(network).split("\n"), [
    "Sequential",
    "  layers.0  Conv2d       weight [4, 1, 3, 3] (frozen)",
    "  layers.1  BatchNorm2d  weight [4], bias [4]",
    "  layers.2  Activation",
    "44 parameters",
  ]);
});

class Tied extends Module {
  readonly scale: Tensor;
  readonly embedding: Embedding;
  readonly heads: Readonly<Record<string, Linear>>;
  /** Not a parameter. */
  readonly mask: Tensor;

  constructor(device: Device) {
    super();
    this.scale = Tensor.ones(device, [], { requiresGrad: true });
    this.embedding = new Embedding(device, 1000, 32, { seed: 1 });
    const head = new Linear(device, 32, 1000, { seed: 2, bias: false });
    Reflect.set(head, "weight", this.embedding.weight);
    this.heads = { next: head };
    this.mask = Tensor.ones(device, [3]).keep();
  }
}

cpuTest("a summary counts a shared parameter once, and names packed ones", (device) => {
  const network = new Tied(device);
  const linesOf = (note: string) => [
    "Tied  scale []",
    `  embedding   Embedding  weight [1000, 32]${note}`,
    `  heads.next  Linear     weight [1000, 32]${note}`,
    "32,001 parameters",
  ];
  assertEquals(summary(network).split("\n"), linesOf(""));
  quantizeModule(network, "q4");
  assertEquals(summary(network).split("\n"), linesOf(" (q4)"));
  assertEquals(
    summary(new Linear(device, 2, 1, { seed: 1 })),
    "Linear  weight [1, 2], bias [1]\n3 parameters",
  );
  assertThrows(() => summary("Linear" as never), TypeError, 'wanted a module, got "Linear"');
});
