import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import {
  hasGolden,
  readGoldenJson,
  readGoldenTensors,
  relativeDeviation,
} from "../testing/golden.ts";
import {
  crossEntropy,
  type Device,
  embedding,
  layerNorm,
  linear,
  rmsNorm,
  rotary,
  Tensor,
} from "./mod.ts";

type Inputs = Readonly<Record<string, Tensor>>;

const operations: Readonly<Record<string, (inputs: Inputs) => Tensor>> = {
  rms_norm: ({ x }) => rmsNorm(x!),
  rms_norm_tiny: ({ x }) => rmsNorm(x!),
  rms_norm_weight: ({ x, w }) => rmsNorm(x!, { weight: w!, epsilon: 1e-5 }),
  layer_norm: ({ x, w, b }) => layerNorm(x!, { weight: w!, bias: b! }),
  layer_norm_plain: ({ x }) => layerNorm(x!),
  softmax: ({ x }) => x!.softmax(),
  softmax_dim1: ({ x }) => x!.softmax(1),
  softmax_large: ({ x }) => x!.softmax(),
  log_softmax: ({ x }) => x!.logSoftmax(),
  log_softmax_large: ({ x }) => x!.logSoftmax(),
  cross_entropy_mean: ({ x, t }) => crossEntropy(x!, t!),
  cross_entropy_sum: ({ x, t }) => crossEntropy(x!, t!, { reduction: "sum" }),
  cross_entropy_none: ({ x, t }) => crossEntropy(x!, t!, { reduction: "none" }),
  embedding: ({ w, idx }) => embedding(w!, idx!),
  gelu_tanh: ({ x }) => x!.gelu(),
  gelu_erf: ({ x }) => x!.gelu("erf"),
  silu: ({ x }) => x!.silu(),
  relu_sq: ({ x }) => x!.reluSquared(),
  relu: ({ x }) => x!.relu(),
  sigmoid: ({ x }) => x!.sigmoid(),
  tanh: ({ x }) => x!.tanh(),
  softcap15: ({ x }) => x!.softcap(15),
  linear: ({ x, w }) => linear(x!, w!),
  linear_bias: ({ x, w, b }) => linear(x!, w!, b!),
  rotary: ({ x, cos, sin }) => rotary(x!, cos!, sin!),
  qk_prep: ({ x, cos, sin }) => rmsNorm(rotary(x!, cos!, sin!), { scale: 1.2 }),
};

/** Golden operations compared by other tests: attention and optimizers. */
const elsewhere = /^(sdpa|nanochat|muon|optim)_|^cross_entropy_all_ignored$/;

interface GoldenOperations {
  readonly ops: Record<
    string,
    { readonly inputs?: readonly string[]; readonly grads?: readonly string[] }
  >;
}

async function compare(device: Device, name: string): Promise<number> {
  const golden = readGoldenTensors("golden-ops");
  const { inputs = [], grads = [] } = readGoldenJson<GoldenOperations>("golden-ops").ops[name]!;
  const read = (part: string) => {
    const { data, shape } = golden.get(`${name}/${part}`)!;
    return Tensor.from(device, data as Float32Array<ArrayBuffer>, { shape });
  };
  const tensors: Record<string, Tensor> = Object.fromEntries(
    inputs.map((each) => [each, read(each)]),
  );
  for (const grad of grads) tensors[grad.slice(1)]!.requireGrad();
  const y = operations[name]!(tensors);
  y.backward(read("dy"));
  let worst = 0;
  const check = async (part: string, actual: Tensor) => {
    const deviation = relativeDeviation(await actual.data(), await read(part).data());
    worst = Math.max(worst, deviation);
    assert(deviation <= 1e-4, `${name}/${part}: the relative deviation is ${deviation}`);
  };
  await check("y", y);
  for (const grad of grads) await check(grad, tensors[grad.slice(1)]!.grad!);
  return worst;
}

if (hasGolden) {
  testOnEveryDevice("operations and their gradients agree with PyTorch's", async (device) => {
    let worst = 0;
    for (const name of Object.keys(operations)) {
      worst = Math.max(worst, await compare(device, name));
    }
    console.log(`golden-ops on ${device.kind}: the largest relative deviation is ${worst}`);
  });

  testOnEveryDevice("a mean over no targets is not a number, as in PyTorch", async (device) => {
    const logits = Tensor.from(device, [[1, 2], [3, 4]]);
    const targets = Tensor.from(device, [-1, -1], { dtype: "int32" });
    assertEquals(await crossEntropy(logits, targets).item(), NaN);
    assertEquals(await crossEntropy(logits, targets, { reduction: "sum" }).item(), 0);
  });

  Deno.test("every golden operation is compared by some test", () => {
    const names = Object.keys(readGoldenJson<GoldenOperations>("golden-ops").ops);
    assertEquals(names.filter((name) => !elsewhere.test(name) && !(name in operations)), []);
  });
} else {
  Deno.test({
    name: "operations agree with PyTorch's (ignored: no golden data beside the project)",
    ignore: true,
    fn: () => {},
  });
}
