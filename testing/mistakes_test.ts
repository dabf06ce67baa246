/** Mistakes of programs that are not type-checked: each is told in words, not by the engine. */

import { assertMatch } from "@std/assert";
import * as nn from "../nn/mod.ts";
import * as optim from "../optim/mod.ts";
import * as tensor from "../tensor/mod.ts";
import { type Device, expression as ex, openDevice, Tensor } from "../tensor/mod.ts";
import { fresh } from "./every_device.ts";
import { HINT, type Mistake, open, testMistakes, type Untyped } from "./mistakes.ts";

const { runProgram, defineProgram }: Untyped = tensor;
const { copyInto, concat, split, stack, uniform, normal, permutation, multinomial }: Untyped =
  tensor;
const { Linear, MLP, Dropout, LayerNorm, RMSNorm, Sequential, SelfAttention }: Untyped = nn;
const { AdamW, SGD, MuonAdamW, clipGradientNorm, GradScaler }: Untyped = optim;
const Values: Untyped = Tensor;

testMistakes("operands that are no tensors are described", [
  ...([
    ["1", '"1"'],
    [true, "true"],
    [1n, "1n"],
    [undefined, "undefined"],
    [null, "null"],
    [[1, 2], `an array. ${HINT}`],
    [{ value: 1 }, "{ value }"],
    [Promise.resolve(1), "a promise, to be awaited"],
  ] as const).flatMap(([b, got]): Mistake[] =>
    ["add", "mul", "pow", "lt", "maximum"].map((method): Mistake => [
      ({ x }) => x[method](b),
      TypeError,
      `Cannot compute ${method}: wanted a tensor or a number, got ${got}`,
    ])
  ),
  [({ x }) => x.matmul(2), TypeError, "Cannot compute matmul: wanted a tensor, got 2"],
  [
    ({ x }) => x.where("yes", 0),
    TypeError,
    'Cannot compute where: wanted a tensor or a number, got "yes"',
  ],
  [
    ({ layer }) => layer.forward([[1, 2]]),
    TypeError,
    `Cannot run a Linear: wanted a tensor, got an array. ${HINT}`,
  ],
  [
    ({ x }) => tensor.crossEntropy(x, [0, 1] as Untyped),
    TypeError,
    `Cannot compute crossEntropy: wanted a tensor of targets, got an array. ${HINT}`,
  ],
  [
    ({ x }) => nn.meanSquaredError(x, undefined as Untyped),
    TypeError,
    "Cannot compute the squared error: wanted a tensor of targets, got undefined",
  ],
  [
    ({ w }) => w.mul(2).backward([1, 1]),
    TypeError,
    `Cannot run backward: wanted a tensor, got an array. ${HINT}`,
  ],
  [
    ({ x }) => copyInto([1], x),
    TypeError,
    `Cannot copy: wanted a tensor, got an array. ${HINT}`,
  ],
  [({ x }) => copyInto(x), TypeError, "Cannot copy: wanted a tensor, got undefined"],
  [
    ({ x }) => concat(x, x),
    TypeError,
    "Cannot concat: wanted a list of tensors, as in concat([a, b]), got a Tensor",
  ],
  [
    ({ x }) => stack([x, 1]),
    TypeError,
    "Cannot stack: wanted tensors, got 1",
  ],
]);

testMistakes("operators, which JavaScript cannot define for a class, name the methods", [
  ...([
    ({ x }) => 1 - x,
    ({ x }) => x + 1,
    ({ x }) => "the loss: " + x,
    ({ x }) => x > 1,
    ({ x, w }) => x * w,
    ({ x }) => -x,
    ({ x }) => Math.max(x, 1),
    ({ x }) => x == 1,
  ] satisfies Mistake[0][]).map((make): Mistake => [
    make,
    TypeError,
    /^Cannot use Tensor\(float32 \[2, 3\] on \w+\) as a number: wanted .*x\.add\(1\), x\.sub\(1\), .*x\.gt\(0\)/,
  ]),
]);

testMistakes("values that are no numbers are described", [
  [
    ({ device, x }) => Values.from(device, [x, x]),
    TypeError,
    "Cannot make a tensor: wanted numbers, got tensors. Join them with stack() or concat().",
  ],
  [
    ({ device, x }) => Values.from(device, x),
    TypeError,
    "Cannot make a tensor: wanted numbers, got a tensor. Its values are read by await tensor.data().",
  ],
  [
    ({ device }) => Values.from(device, [1, "2"]),
    TypeError,
    'Cannot make a tensor: wanted numbers, got "2"',
  ],
  [
    ({ device }) => Values.full(device, [2]),
    TypeError,
    "Cannot fill a tensor: wanted a number, got undefined",
  ],
  [
    ({ x }) => x.clamp({ min: 0 }),
    TypeError,
    "Cannot compute clamp: wanted one or two numbers, as in clamp(0, 1), got { min }",
  ],
  [
    ({ x }) => x.to("float64"),
    TypeError,
    'Cannot convert a tensor: wanted the dtype float32, bfloat16, float16 or int32, got "float64"',
  ],
  [
    ({ x, other }) => x.to(other),
    TypeError,
    "Cannot convert a tensor: wanted the dtype float32, bfloat16, float16 or int32, got a device",
  ],
  [
    ({ x }) => x.gelu("none"),
    TypeError,
    'Cannot compute gelu: wanted "tanh" or "erf", got "none"',
  ],
]);

testMistakes("numbers given as strings, and numbers out of range, are shown", [
  [
    ({ device }) => uniform(device, [2], { seed: "3" }),
    RangeError,
    'Cannot seed: wanted an integer from 0 to 2^53 - 1, got "3"',
  ],
  [
    ({ device }) => uniform(device, [2], { seed: 3, low: "1", high: "2" }),
    RangeError,
    'Cannot sample uniform numbers: wanted low < high, got low "1" and high "2"',
  ],
  [
    ({ device }) => uniform(device, [2], { seed: 3, high: Infinity }),
    RangeError,
    "Cannot sample uniform numbers: wanted low < high, got low 0 and high Infinity",
  ],
  ...[NaN, -1, "1"].map((standardDeviation): Mistake => [
    ({ device }) => normal(device, [2], { seed: 3, standardDeviation }),
    RangeError,
    "Cannot sample normal numbers: wanted a finite standardDeviation from 0 up, got " +
    JSON.stringify(standardDeviation).replace("null", "NaN"),
  ]),
  [
    ({ device }) => normal(device, [2], { seed: 3, mean: "1" }),
    RangeError,
    'Cannot sample normal numbers: wanted a finite mean, got "1"',
  ],
  [
    ({ x }) => tensor.topK(x, "1" as Untyped),
    RangeError,
    'Cannot compute topK along axis -1 of [2, 3]: wanted k from 0 to 3, got "1"',
  ],
  [
    ({ x, device }) => {
      tensor.crossEntropy(x, Tensor.from(device, [0, 1], { dtype: "int32" }), { softcap: 0 });
    },
    RangeError,
    "Cannot compute cross-entropy: wanted a softcap above 0, got 0",
  ],
  [
    () => tensor.rotaryAngles(2, 3),
    RangeError,
    "Cannot compute rotary angles: wanted an even head size, got 3",
  ],
  [
    () => optim.cosineSchedule(1, 2, "1" as Untyped, 0),
    RangeError,
    'Cannot follow a schedule: wanted finite values, got "1"',
  ],
  [
    () => optim.linearSchedule(1, 10, 1, NaN),
    RangeError,
    "Cannot follow a schedule: wanted finite values, got NaN",
  ],
]);

testMistakes("strings that stand for true and false are refused, as both would be true", [
  [
    ({ w }) => w.reshape([1, 2]).matmul(w.reshape([1, 2]), { transposeB: "false" }),
    TypeError,
    'Cannot compute matmul: wanted transposeB to be true or false, got "false"',
  ],
  [
    ({ device }) => new Linear(device, 2, 3, { seed: 1, bias: "true" }),
    TypeError,
    'Cannot make a Linear: wanted bias to be true or false, got "true"',
  ],
  [
    ({ w }) => new SGD([w], { lr: 1, momentum: 0.9, nesterov: "false" }),
    TypeError,
    'Cannot make an optimizer: wanted nesterov to be true or false, got "false"',
  ],
]);

testMistakes("shapes and axes that are no lists are shown as they would be right", [
  [
    ({ x }) => x.expand([-1, 3]),
    RangeError,
    "Cannot expand: wanted a shape of integers from 0 up, got [-1, 3]",
  ],
  [
    ({ x }) => x.reshape(3, 2),
    TypeError,
    "Cannot reshape: wanted a list, as in reshape([3, 2]), got reshape(3, 2)",
  ],
  [
    ({ x }) => x.permute(1, 0),
    TypeError,
    "Cannot permute: wanted a list, as in permute([1, 0]), got permute(1, 0)",
  ],
  [
    ({ x }) => x.expand(2, 2, 3),
    TypeError,
    "Cannot expand: wanted a list, as in expand([2, 2, 3]), got expand(2, 2, 3)",
  ],
  [
    ({ x }) => x.reshape(),
    TypeError,
    "Cannot reshape: wanted a list, as in reshape([2, 3]), got undefined",
  ],
  [
    ({ device }) => Values.zeros(device, 3),
    TypeError,
    "Cannot make a tensor: wanted a shape, as in [2, 3], got 3",
  ],
  [
    ({ device }) => Values.from(device, [1, 2], { shape: 2 }),
    TypeError,
    "Cannot make a tensor: wanted a shape, as in [2, 3], got 2",
  ],
  [
    ({ x }) => split(x, 2),
    TypeError,
    "Cannot split: wanted a list of lengths, as in split(x, [2, 1]), got 2",
  ],
  ...["sum", "max", "mean"].map((method): Mistake => [
    ({ x }) => x[method]({ axis: 1 }),
    TypeError,
    new RegExp(
      `^Cannot .*${method}: wanted an axis or a list of axes, as in 1 or \\[0, 1\\], got {`,
    ),
  ]),
  [
    ({ x }) => x.sum(1, { keepdims: false }),
    TypeError,
    "Cannot sum: wanted keepAxes to be true or false, got { keepdims }",
  ],
  [({ x }) => x.transpose([0, 1]), TypeError, "Cannot transpose: wanted an axis, got an array"],
]);

testMistakes("a device that is missing or of another kind is told", [
  [
    () => Values.zeros([2, 3]),
    TypeError,
    "Cannot make a tensor: wanted a device first, as openDevice returns it, got an array",
  ],
  [
    () => Values.from("cpu", [1]),
    TypeError,
    'Cannot make a tensor: wanted a device first, as openDevice returns it, got "cpu"',
  ],
  [
    () => Values.from(openDevice("cpu", { threads: 1, blas: false }), [1]),
    TypeError,
    /^Cannot make a tensor: wanted a device first, .* got a promise, to be awaited$/,
  ],
  [
    () => new Linear(3, 2, { seed: 1 }),
    TypeError,
    "Cannot make a Linear: wanted a device first, as openDevice returns it, got 3",
  ],
  [
    () => new MLP([2, 1], { seed: 1 }),
    TypeError,
    "Cannot make an MLP: wanted a device first, as openDevice returns it, got an array",
  ],
  [
    () => (openDevice as Untyped)({ threads: 1 }),
    RangeError,
    "Cannot open a device: wanted auto, cpu or webgpu, got { threads }",
  ],
  [
    ({ x, other }) => x.add(Tensor.ones(other, [3])),
    Error,
    /^Cannot compute add: wanted tensors on one device, got them on different devices \(.+\)$/,
  ],
]);

testMistakes("options that are missing or misspelled are named", [
  [
    ({ device }) => new Linear(device, 1, 2),
    TypeError,
    "Cannot make a Linear: wanted options with { seed: … }, got undefined",
  ],
  [
    ({ device }) => new Linear(device, 1, 2, { bias: false }),
    TypeError,
    "Cannot make a Linear: wanted options with { seed: … }, got { bias }",
  ],
  [
    ({ device }) => new Linear(device, 1, 2, { seed: 1, biases: false }),
    TypeError,
    "Cannot make a Linear: wanted options named seed, bias, initialWeight, got biases. Did you mean bias?",
  ],
  [
    ({ device }) => uniform(device, [2]),
    TypeError,
    "Cannot sample uniform numbers: wanted options with { seed: … }, got undefined",
  ],
  [
    ({ device }) => normal(device, [2], { seed: 1, std: 1 }),
    TypeError,
    "Cannot sample normal numbers: wanted options named seed, mean, standardDeviation, requiresGrad, got std",
  ],
  [
    ({ device }) => permutation(device, 3),
    TypeError,
    "Cannot sample a permutation: wanted options with { seed: … }, got undefined",
  ],
  [
    ({ x }) => multinomial(x),
    TypeError,
    "Cannot sample: wanted options with { seed: … }, got undefined",
  ],
  [
    () => new Dropout(0.5),
    TypeError,
    "Cannot make a Dropout: wanted options with { seed: … }, got undefined",
  ],
  [
    ({ device }) => new SelfAttention(device, 4, { seed: 1 }),
    TypeError,
    "Cannot make a SelfAttention: wanted options with { seed: …, heads: … }, got { seed }",
  ],
  [
    ({ device }) => new LayerNorm(device, 3, { eps: 1 }),
    TypeError,
    "Cannot make a LayerNorm: wanted options named bias, epsilon, got eps. Did you mean epsilon?",
  ],
  [
    ({ device }) => new RMSNorm(device, 3, 1e-5),
    TypeError,
    "Cannot make an RMSNorm: wanted options named weight, epsilon, got 0.00001",
  ],
  [
    ({ device }) => Values.from(device, [1], { requires_grad: true }),
    TypeError,
    "Cannot make a tensor: wanted options named shape, dtype, requiresGrad, got requires_grad. " +
    "Did you mean requiresGrad?",
  ],
  [
    ({ device }) => Values.ones(device, [2], "int32"),
    TypeError,
    'Cannot make a tensor: wanted options named dtype, requiresGrad, got "int32"',
  ],
  [
    () => (openDevice as Untyped)("cpu", { nthreads: 1 }),
    TypeError,
    "Cannot open a device: wanted options named threads, blas, oneDnn, matmulPrecision, got nthreads. " +
    "Did you mean threads?",
  ],
  [
    ({ x }) => x.matmul(x, { transpose: true }),
    TypeError,
    /^Cannot compute matmul: wanted options named transposeA, .* got transpose\. Did you mean tr/,
  ],
  [
    ({ x }) => tensor.attention(x, x, x, { attn_mask: x } as Untyped),
    TypeError,
    "Cannot compute attention: wanted options named causal, window, scale, mask, got attn_mask. Did you mean mask?",
  ],
  [
    ({ device }) => {
      const q = Tensor.ones(device, [1, 2, 1, 4]);
      tensor.attentionPattern(q, q, { mask: q } as Untyped);
    },
    TypeError,
    "Cannot compute attention: wanted options named causal, window, scale, got mask",
  ],
  [
    ({ device }) => {
      const [q, k] = [Tensor.ones(device, [1, 3, 1, 4]), Tensor.ones(device, [1, 2, 1, 4])];
      tensor.attentionPattern(q, k);
    },
    RangeError,
    /^Cannot compute attention: wanted at least 3 keys, as many as queries, since causal is set, got 2/,
  ],
  [
    ({ x, w }) => tensor.layerNorm(x, w),
    TypeError,
    "Cannot compute layerNorm: wanted options named weight, bias, epsilon, got a Tensor",
  ],
  [
    ({ x }) => nn.meanSquaredError(x, x, { reduce: "sum" } as Untyped),
    TypeError,
    "Cannot compute the squared error: wanted options named reduction, got reduce. " +
    "Did you mean reduction?",
  ],
  [
    () => new GradScaler({ scale: 2 }),
    TypeError,
    /^Cannot scale losses: wanted options named initScale, .* got scale\. Did you mean initScale\?$/,
  ],
]);

testMistakes("layers and parameters that are something else are described", [
  [
    ({ device, x }) => new Linear(device, 2, 2, { seed: 1, initialWeight: () => x }),
    RangeError,
    "Cannot make a parameter: wanted initial values [2, 2], got [2, 3]",
  ],
  [
    ({ w }) => new SGD([w, 3], { lr: 1 }),
    TypeError,
    "Cannot make an optimizer: wanted tensors as parameters, got 3",
  ],
  [
    () => new SGD(new Map([["a", null]]), { lr: 1 }),
    TypeError,
    "Cannot make an optimizer: wanted tensors as parameters, got null",
  ],
  [
    ({ w }) => {
      w.sum().backward();
      new AdamW([w], { betas: 0.9 }).step();
    },
    TypeError,
    "Cannot step the optimizer: wanted betas, as in [0.9, 0.999], got 0.9",
  ],
  [
    ({ layer }) => new Sequential(layer),
    TypeError,
    "Cannot make a Sequential: wanted a list of layers, as in [first, second], got a Linear",
  ],
  [
    () => new Sequential([(x: unknown) => x]),
    TypeError,
    "Cannot make a Sequential: wanted Modules with a method forward, got a function",
  ],
  ...[SGD, AdamW, MuonAdamW].map((Optimizer): Mistake => [
    ({ layer }) => new Optimizer(layer),
    TypeError,
    "Cannot make an optimizer: wanted parameters in a map or a list, got a Linear. " +
    "Pass module.parameters().",
  ]),
  [
    ({ layer }) => new SGD([layer]),
    TypeError,
    "Cannot make an optimizer: wanted parameters in a map or a list, got a Linear. " +
    "Pass module.parameters().",
  ],
  [
    ({ layer }) => new SGD(layer.parameters().values()),
    TypeError,
    "Cannot make an optimizer: wanted parameters in a map or a list, got an Iterator. " +
    "An iterator is read only once: pass a map or a list.",
  ],
  [
    ({ w }) => new SGD(w),
    TypeError,
    "Cannot make an optimizer: wanted parameters in a map or a list, got a Tensor. " +
    "Pass a list of tensors.",
  ],
  [
    ({ w }) => new SGD([w], { learningRate: 1 }),
    TypeError,
    "Cannot make an optimizer: wanted options named parameters, lr, initialLr, weightDecay, " +
    "momentum, nesterov, got learningRate",
  ],
  [
    ({ w }) => new AdamW([{ params: [w] }]),
    TypeError,
    "Cannot make an optimizer: wanted options named parameters, lr, initialLr, kind, " +
    "weightDecay, betas, eps, got params. Did you mean parameters?",
  ],
  [
    ({ w }) => new AdamW([w], { lr: "0.1" }).step(),
    RangeError,
    'Cannot step the optimizer: wanted lr to be a number from 0, got "0.1"',
  ],
  [
    ({ layer }) => clipGradientNorm(layer, 1),
    TypeError,
    "Cannot clip gradients: wanted parameters in a map or a list, got a Linear. " +
    "Pass module.parameters().",
  ],
  [
    ({ layer, w }) => layer.loadStateDict({ weight: w }),
    TypeError,
    "Cannot load the parameters: wanted a Map, got { weight }. Pass new Map(Object.entries(…)).",
  ],
  [
    ({ layer }) => layer.loadStateDict(new Map([["weight", [1, 2]], ["bias", [0]]])),
    RangeError,
    "Cannot load the parameters: wanted weight of float32 [1, 2], got an array; " +
    "wanted bias of float32 [1], got an array",
  ],
  [
    ({ w }) => new SGD([w]).loadStateDict({} as Untyped),
    TypeError,
    "Cannot load the optimizer's state: wanted a Map, got {}. Pass new Map(Object.entries(…)).",
  ],
]);

const sum = defineProgram({ name: "f", inputs: ["a", "b"] }, ({ a, b }: Untyped) => [ex.add(a, b)]);

testMistakes("programs name what is missing", [
  [
    ({ x }) => runProgram(sum, [x]),
    RangeError,
    "Cannot compute f: wanted the tensors [a, b], got 1",
  ],
  [
    ({ x }) => runProgram(sum, x),
    TypeError,
    "Cannot compute f: wanted the tensors [a, b], got a Tensor",
  ],
  [({ x }) => runProgram(sum, [x, 1]), TypeError, "Cannot compute f: wanted a tensor, got 1"],
  [
    () => defineProgram({ name: "f", inputs: ["a"] }, ({ a, c }: Untyped) => [ex.add(a, c)]),
    TypeError,
    'Cannot define "f": wanted one of the names a, got c',
  ],
  [
    () => defineProgram({ name: "f", inputs: ["a"] }, () => [ex.exp("a" as Untyped)]),
    TypeError,
    'Cannot build a formula: wanted a formula or a number, got "a"',
  ],
  [
    () => defineProgram({ name: "f", inputs: ["a"] }, ({ a }: Untyped) => ex.exp(a)),
    TypeError,
    /^Cannot define "f": wanted a list of formulas, one for each output, got {/,
  ],
  [
    () => defineProgram({ name: "f", input: ["a"] }, ({ a }: Untyped) => [ex.exp(a)]),
    TypeError,
    /^Cannot define a program: wanted options named .* got input\. Did you mean inputs\?$/,
  ],
]);

const float32 = 'Convert with to("float32").';
const ints = (device: Device) => Tensor.from(device, Int32Array.of(1, 2, 5));

testMistakes("messages name the method that the caller wrote, and its operands", [
  [
    ({ x }) => x.to("int32").div(2),
    TypeError,
    `Cannot compute div: wanted float32, bfloat16 or float16, got int32. ${float32}`,
  ],
  [
    ({ x, device }) => x.eq(ints(device)),
    TypeError,
    `Cannot compute eq: wanted tensors of one dtype, got float32 and int32. ${float32}`,
  ],
  [
    ({ x, device }) => x.sub(Tensor.from(device, [1, 2])),
    RangeError,
    "Cannot compute sub: the shapes [2, 3] and [2] do not broadcast (3 against 2 at axis -1)",
  ],
  [
    ({ x, device }) => x.where(x, ints(device)),
    TypeError,
    "Cannot compute where: wanted two values of one dtype, got float32 and int32",
  ],
  [
    ({ x, device }) => tensor.embedding(x, ints(device)),
    RangeError,
    "Cannot compute embedding: wanted ids from 0 to 1, got 5",
  ],
  [
    ({ device }) => tensor.embedding(Tensor.ones(device, [1, 2, 3]), ints(device)),
    RangeError,
    "Cannot compute embedding: wanted a weight with 2 axes, got [1, 2, 3]",
  ],
  ...[2, 3, 0.5, 1.7, -1].map((exponent): Mistake => [
    ({ x }) => x.to("int32").pow(exponent),
    TypeError,
    `Cannot compute pow: wanted float32, bfloat16 or float16, got int32. ${float32}`,
  ]),
  [
    ({ x }) => x.to("int32").mean(),
    TypeError,
    `Cannot take the mean: wanted float32, bfloat16 or float16, got int32. ${float32}`,
  ],
  [
    ({ x }) => x.to("int32").variance(),
    TypeError,
    `Cannot compute variance: wanted float32, bfloat16 or float16, got int32. ${float32}`,
  ],
]);

testMistakes("a tensor that was freed says by what", [
  [
    ({ device }) => {
      const y = Tensor.ones(device, [2]);
      y.dispose();
      return y.add(1);
    },
    Error,
    "Cannot use the tensor of shape [2]: it was freed by dispose().",
  ],
  [
    ({ device }) => {
      const make = () => {
        using _ = device.scope();
        return Tensor.ones(device, [2]);
      };
      return make().add(1);
    },
    Error,
    "Cannot use the tensor of shape [2]: it was freed at the end of its scope. " +
    "Call keep() on what should outlive a scope.",
  ],
  [
    ({ w }) => {
      w.sum().backward();
      const { grad } = w;
      w.zeroGrad();
      return grad.add(1);
    },
    Error,
    "Cannot use the tensor of shape [2]: it was freed by zeroGrad().",
  ],
]);

const AGAIN = "its saved values were freed by the first backward. Run the forward pass again, or " +
  "add the losses and run backward once.";

testMistakes("an error in backward names the operation that the caller wrote", [
  ...["sum", "mean", "max", "variance", "squeeze"].map((method): Mistake => [
    ({ device }) => {
      const x = Tensor.from(device, method === "squeeze" ? [[1]] : [[1, 2], [3, 5]]);
      const y = (x.requireGrad() as Untyped)[method]();
      y.backward();
      y.backward();
    },
    Error,
    `Cannot run backward through "${method}" again: ${AGAIN}`,
  ]),
  [
    ({ x, device }) => {
      const loss = tensor.crossEntropy(x.requireGrad(), Tensor.from(device, Int32Array.of(0, 1)));
      loss.backward();
      loss.backward();
    },
    Error,
    `Cannot run backward through "crossEntropy" again: ${AGAIN}`,
  ],
  [
    ({ w }) => {
      const y = w.mul(w).sum();
      w.assign(new Float32Array(2));
      y.backward();
    },
    Error,
    /^Cannot differentiate "mul": its input 0 was changed in place/,
  ],
  [
    ({ w, device }) => {
      const [y, upstream] = [w.exp(), Tensor.ones(device, [2])];
      const { allocate } = device;
      const full = {
        value: (bytes: number, label: string) => {
          if (label === "fill") return Reflect.apply(allocate, device, [bytes, label]);
          throw new RangeError(`Cannot allocate ${bytes} bytes`);
        },
        configurable: true,
      };
      Object.defineProperty(device, "allocate", full);
      try {
        y.backward(upstream);
      } finally {
        Reflect.deleteProperty(device, "allocate");
      }
    },
    RangeError,
    'Cannot allocate 8 bytes (in the gradient of "exp")',
  ],
]);

fresh.testOnEveryDevice("a closed device says so, and names the operation", async (device) => {
  const { x, w, other } = await open(device);
  await device.close();
  await other.close();
  const closed =
    /^Cannot \w+ "(add|matmul|fill|mul)".* the (cpu )?device(: the device was| is) closed$/;
  for (
    const use of [
      () => x.add(1),
      () => x.matmul(x.transpose()),
      () => Tensor.zeros(device, [2]),
      () => w.mul(w),
    ]
  ) {
    let message = "";
    try {
      use();
    } catch (error) {
      message = error instanceof Error ? error.message : "";
    }
    assertMatch(message, closed);
  }
});
