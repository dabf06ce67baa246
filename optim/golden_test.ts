import { assert } from "@std/assert";
import {
  hasGolden,
  readGoldenJson,
  readGoldenTensors,
  relativeDeviation,
} from "../testing/golden.ts";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { type Device, linear, Tensor } from "../tensor/mod.ts";
import { Adam } from "./adam.ts";
import { AdamW } from "./adam.ts";
import { Muon } from "./muon.ts";
import { SGD } from "./sgd.ts";

interface GoldenOptimizer {
  steps: number;
  stack: number;
  lr: number;
  weight_decay?: number;
  weight_decay_l2?: number;
  momentum?: number;
  nesterov?: boolean;
  beta2: number;
  ns_steps: number;
  betas: [number, number];
  eps: number;
  losses: number[];
}

const golden = hasGolden
  ? readGoldenJson<{ ops: Record<string, GoldenOptimizer> }>("golden-ops").ops
  : {};
const tensors = hasGolden ? readGoldenTensors("golden-ops") : new Map();

function read(device: Device, name: string): Tensor {
  const { shape, data } = tensors.get(name)!;
  return Tensor.from(device, Float32Array.from(data), { shape });
}

async function compare(actual: Tensor, name: string, tolerance: number): Promise<void> {
  const deviation = relativeDeviation(await actual.data(), tensors.get(name)!.data);
  assert(deviation <= tolerance, `${name}: deviates by ${deviation}, above ${tolerance}`);
}

const muonNames = Object.keys(golden).filter((name) => name.startsWith("muon_"));
for (const name of muonNames) {
  const { steps, stack, lr, weight_decay, momentum, beta2, ns_steps } = golden[name]!;
  testOnEveryDevice(`Muon updates matrices as the original does: ${name}`, async (device) => {
    const start = read(device, `${name}/p0`);
    const parameters = Array.from(
      { length: stack },
      (_, i) => start.slice(0, i, i + 1).squeeze(0).contiguous().requireGrad(),
    );
    const optimizer = new Muon(parameters, {
      lr,
      weightDecay: weight_decay!,
      momentum: momentum!,
      beta2,
      orthogonalizationSteps: ns_steps,
    });
    const place = (array: string, i: number) => {
      const { shape, data } = tensors.get(`${name}/${array}`)!;
      const size = data.length / stack;
      return { shape: shape.slice(1), data: data.subarray(i * size, (i + 1) * size) };
    };
    const check = async (what: string, i: number, actual: Tensor, array: string) => {
      const deviation = relativeDeviation(await actual.data(), place(array, i).data);
      assert(deviation <= 1e-4, `${what} ${i} after ${array}: deviates by ${deviation}`);
    };
    for (let step = 1; step <= steps; step++) {
      parameters.forEach((parameter, i) => {
        const { shape, data } = place(`grad${step}`, i);
        parameter.grad = Tensor.from(device, Float32Array.from(data), { shape });
      });
      optimizer.step();
      for (const [i, parameter] of parameters.entries()) {
        await check("parameter", i, parameter, `p${step}`);
      }
    }
    const state = optimizer.stateDict();
    for (const i of parameters.keys()) {
      await check("momentum", i, state.get(`${i}.momentum`) as Tensor, `momentum_buffer${steps}`);
      const variance = state.get(`${i}.variance`) as Tensor;
      await check("variance", i, variance, `second_momentum_buffer${steps}`);
    }
  });
}

const adamwNames = Object.keys(golden).filter((name) => name.startsWith("nanochat_adamw"));
for (const name of adamwNames) {
  const { steps, lr, betas, eps, weight_decay } = golden[name]!;
  testOnEveryDevice(`AdamW updates as nanochat's does: ${name}`, async (device) => {
    const parameter = read(device, `${name}/p0`).requireGrad();
    const optimizer = new AdamW([parameter], { lr, betas, eps, weightDecay: weight_decay! });
    for (let step = 1; step <= steps; step++) {
      parameter.grad = read(device, `${name}/grad${step}`);
      optimizer.step();
      await compare(parameter, `${name}/p${step}`, 1e-5);
    }
    const state = optimizer.stateDict();
    await compare(state.get("0.average") as Tensor, `${name}/exp_avg${steps}`, 1e-5);
    await compare(state.get("0.squares") as Tensor, `${name}/exp_avg_sq${steps}`, 1e-5);
  });
}

const torchNames = Object.keys(golden).filter((name) => name.startsWith("optim_"));
for (const name of torchNames) {
  const options = golden[name]!;
  testOnEveryDevice(
    `a linear regression is trained as PyTorch trains it: ${name}`,
    async (device) => {
      const [x, y] = [read(device, "optim/X"), read(device, "optim/Y")];
      const weight = read(device, "optim/W0").requireGrad();
      const bias = read(device, "optim/b0").requireGrad();
      const optimizer = makeOptimizer(name, [weight, bias], options);
      for (const [step, wanted] of options.losses.entries()) {
        const loss = linear(x, weight, bias).sub(y).square().mean();
        assert(
          Math.abs(await loss.item() - wanted) <= 1e-5 * wanted,
          `the loss before step ${step}`,
        );
        if (step === options.losses.length - 1) break;
        optimizer.zeroGrad();
        loss.backward();
        if (step === 0) {
          await compare(weight.grad!, `${name}/dW1`, 1e-5);
          await compare(bias.grad!, `${name}/db1`, 1e-5);
        }
        optimizer.step();
        await compare(weight, `${name}/W${step + 1}`, 1e-5);
        await compare(bias, `${name}/b${step + 1}`, 1e-5);
      }
    },
  );
}

function makeOptimizer(
  name: string,
  parameters: Tensor[],
  { lr, momentum = 0, nesterov = false, weight_decay = 0, weight_decay_l2 = 0, betas, eps }:
    GoldenOptimizer,
): SGD | Adam | AdamW {
  if (name.startsWith("optim_sgd")) {
    return new SGD(parameters, { lr, momentum, nesterov, weightDecay: weight_decay });
  }
  if (name.startsWith("optim_adamw")) {
    return new AdamW(parameters, { lr, betas, eps, weightDecay: weight_decay });
  }
  return new Adam(parameters, { lr, betas, eps, weightDecay: weight_decay_l2 });
}

if (!hasGolden) {
  Deno.test({
    name: "optimisers update as the originals do (ignored: the folder ../shared/golden is absent)",
    ignore: true,
    fn: () => {},
  });
} else {
  Deno.test("the golden data has the cases of these tests", () => {
    assert(muonNames.length === 5 && adamwNames.length === 2 && torchNames.length === 6);
  });
}
