import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { AdamW } from "../optim/mod.ts";
import { type Device, maxPool2d, noGrad, pad, Tensor } from "../tensor/mod.ts";
import { type SafetensorsInput, writeSafetensors } from "../tensor/safetensors.ts";
import {
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  decodeState,
  encodeState,
  Linear,
  Module,
} from "./mod.ts";

interface Recorded {
  readonly x: readonly number[];
  readonly before: State;
  readonly losses: readonly number[];
  readonly after: State;
  readonly logits: readonly number[];
}

type State = Readonly<Record<string, { dtype: string; shape: number[]; data: number[] }>>;

/** Recorded by `testing/record_pytorch_network.py`. */
const recorded: Recorded = JSON.parse(
  await Deno.readTextFile(new URL("testing/pytorch_network.jsonl", import.meta.url)),
);

class Network extends Module {
  readonly conv1: Conv2d;
  readonly norm1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly head: Linear;

  constructor(device: Device) {
    super();
    this.conv1 = new Conv2d(device, 1, 3, 3, { padding: 1, bias: false, seed: 1 });
    this.norm1 = new BatchNorm2d(device, 3);
    this.conv2 = new Conv2d(device, 3, 4, 3, { stride: 2, bias: false, seed: 2 });
    this.norm2 = new BatchNorm2d(device, 4);
    this.head = new Linear(device, 16, 3, { seed: 3 });
  }

  forward(x: Tensor): Tensor {
    const first = this.norm1.forward(this.conv1.forward(x)).relu();
    const second = this.norm2.forward(this.conv2.forward(pad(first, [0, 1, 0, 1]))).relu();
    return this.head.forward(maxPool2d(second, 2).reshape([x.shape[0]!, -1]));
  }
}

/** A file as PyTorch writes it: the counts of batches are 64-bit integers. */
function fileOf(state: State): Uint8Array {
  const arrays = Object.entries(state).map(([name, { dtype, shape, data }]) => {
    const values = dtype === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data);
    return [name, { dtype, shape, data: values } as SafetensorsInput] as const;
  });
  return writeSafetensors(new Map(arrays));
}

testOnEveryDevice("a network of PyTorch loads, and goes on training as there", async (device) => {
  const x = Tensor.from(device, [...recorded.x], { shape: [6, 1, 9, 9] });
  const y = Tensor.from(device, [0, 1, 2, 0, 1, 2], { dtype: "int32" });
  const network = new Network(device);
  const names = network.loadStateDict(decodeState(fileOf(recorded.before)));
  assertEquals(names, { missing: [], unknown: [] });
  const optimizer = new AdamW(network.parameters(), { lr: 0.01, weightDecay: 0.01 });
  for (const wanted of recorded.losses) {
    optimizer.zeroGrad();
    const loss = crossEntropy(network.forward(x), y);
    loss.backward();
    optimizer.step();
    assertAlmostEquals(await loss.item(), wanted, 1e-4);
  }
  network.eval();
  const logits = await noGrad(() => network.forward(x)).data();
  logits.forEach((logit, i) => assertAlmostEquals(logit, recorded.logits[i]!, 1e-3));
});

testOnEveryDevice("a state has PyTorch's names, shapes and values, buffers too", async (device) => {
  const network = new Network(device);
  const file = fileOf(recorded.after);
  network.loadStateDict(decodeState(file));
  const written = decodeState(await encodeState(network.stateDict()));
  assertEquals(written, decodeState(file));
  assertEquals([...network.stateDict().keys()], Object.keys(recorded.after));
  const x = Tensor.from(device, [...recorded.x], { shape: [6, 1, 9, 9] });
  const logits = await noGrad(() => network.eval().forward(x)).data();
  logits.forEach((logit, i) => assert(Math.abs(logit - recorded.logits[i]!) < 1e-4));
});
