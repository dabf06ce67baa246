/** Mistakes with the library's operations and layers for networks other than a GPT. */

import { assertMatch } from "@std/assert";
import * as nn from "../nn/mod.ts";
import * as optim from "../optim/mod.ts";
import * as tensor from "../tensor/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { testMistakes, type Untyped } from "./mistakes.ts";
import { cpuTest } from "./every_device.ts";

const images = ({ device }: { device: tensor.Device }) => Tensor.ones(device, [2, 4, 5, 5]);
const ids = ({ device }: { device: tensor.Device }, ...values: number[]) =>
  Tensor.from(device, values, { dtype: "int32" });

testMistakes("convolutions say what does not fit", [
  [
    (s) => tensor.conv2d(images(s), Tensor.ones(s.device, [8, 3, 3, 3])),
    RangeError,
    "Cannot compute conv2d: wanted a weight [O, 4, …] for 4 channels, got [8, 3, 3, 3]",
  ],
  [
    (s) => tensor.conv2d(images(s), Tensor.ones(s.device, [8, 2, 3, 3]), { groups: 3 }),
    RangeError,
    /wanted groups that divide 4 channels and a weight of \[8, 2, 3, 3\], got 3$/,
  ],
  [
    (s) => tensor.conv2d(images(s), Tensor.ones(s.device, [8, 4, 7, 7])),
    RangeError,
    /wanted a kernel within the padded image of \[5, 5\], got one that reaches over \[7, 7\]$/,
  ],
  [
    (s) => tensor.conv2d(s.x, Tensor.ones(s.device, [8, 4, 3, 3])),
    RangeError,
    "Cannot compute conv2d: wanted images [B, C, H, W], got [2, 3]",
  ],
  [
    (s) => tensor.conv2d(images(s), Tensor.ones(s.device, [8, 4, 3])),
    RangeError,
    "Cannot compute conv2d: wanted a weight with 4 axes, got [8, 4, 3]",
  ],
  [
    (s) => tensor.conv2d(images(s), Tensor.ones(s.device, [8, 4, 3, 3]), { stride: 0 }),
    RangeError,
    /wanted a stride of one or two whole numbers of at least 1, got 0$/,
  ],
  [
    (s) =>
      tensor.conv2d(images(s), Tensor.ones(s.device, [8, 4, 3, 3]), { padding: "same" as Untyped }),
    RangeError,
    /wanted padding of one or two whole numbers of at least 0, got "same"$/,
  ],
  [
    (s) =>
      tensor.conv2d(images(s), Tensor.ones(s.device, [8, 4, 3, 3]), {
        bias: Tensor.ones(s.device, [4]),
      }),
    RangeError,
    "Cannot compute conv2d: wanted a bias [8], got [4]",
  ],
  [
    (s) => tensor.conv2d(images(s), images(s).to("int32")),
    TypeError,
    /wanted images and a weight of one floating-point dtype, got float32 and int32$/,
  ],
  [(s) => tensor.conv1d(images(s), images(s)), RangeError, /wanted sequences \[B, C, L\], got/],
  [
    (s) => tensor.convTranspose2d(images(s), Tensor.ones(s.device, [3, 4, 3, 3])),
    RangeError,
    "Cannot compute convTranspose2d: wanted a weight [4, …], got [3, 4, 3, 3]",
  ],
  [(s) => tensor.maxPool2d(images(s), 6), RangeError, /^Cannot compute maxPool2d: wanted a kernel/],
  [
    (s) => tensor.avgPool2d(images(s), 2, { padding: 2 }),
    RangeError,
    "Cannot compute avgPool2d: wanted padding of at most half the kernel, got [2, 2]",
  ],
  [
    (s) => new nn.Conv2d(s.device, 4, 8, 3, { seed: 1 }).forward(s.x),
    RangeError,
    "Cannot compute conv2d: wanted images [B, C, H, W], got [2, 3]",
  ],
  [
    (s) => new nn.Conv2d(s.device, 3, 8, 3, { seed: 1, groups: 2 }),
    RangeError,
    "Cannot make a Conv2d: wanted groups that divide 3 inputs and 8 outputs, got 2",
  ],
  [
    (s) => new nn.Conv2d(s.device, 3, 8, { kernel_size: 3, seed: 1 } as Untyped, {} as Untyped),
    RangeError,
    "Cannot make a Conv2d: wanted kernel to be 1 or more, got { kernel_size, seed }",
  ],
  [
    (s) => new nn.ConvTranspose2d(s.device, 3, 8, 3, { seed: 1, stride: 1.5 }),
    RangeError,
    /^Cannot make a ConvTranspose2d: wanted a stride of one or two whole numbers .*, got 1\.5$/,
  ],
  [
    (s) => new nn.Conv1d(s.device, 3, 8, 3, { seed: 1, padding: "same" as Untyped }),
    RangeError,
    /^Cannot make a Conv1d: wanted padding of .*, got "same"$/,
  ],
  [
    // The stride of PyTorch's arguments would be ignored.
    () => new nn.MaxPool2d(3, 2 as Untyped),
    TypeError,
    "Cannot make a MaxPool2d: wanted options named stride, padding, got 2",
  ],
  [
    () => new nn.AvgPool2d(3, { strides: 2 } as Untyped),
    TypeError,
    "Cannot make an AvgPool2d: wanted options named stride, padding, got strides. " +
    "Did you mean stride?",
  ],
  [
    () => new (nn.MaxPool2d as Untyped)(),
    RangeError,
    /^Cannot make a MaxPool2d: wanted a kernel of .*, got undefined$/,
  ],
  [
    (s) => tensor.maxPool2d(images(s), 3, 2 as Untyped),
    TypeError,
    "Cannot compute maxPool2d: wanted options named stride, padding, got 2",
  ],
  [
    (s) => tensor.avgPool2d(images(s), 3, { ceil_mode: true } as Untyped),
    TypeError,
    "Cannot compute avgPool2d: wanted options named stride, padding, got ceil_mode",
  ],
  [
    () => new nn.Unflatten(1, 8 as Untyped),
    TypeError,
    "Cannot make an Unflatten: wanted a list of lengths, as in new Unflatten(1, [8, 8]), got 8",
  ],
  [
    (s) => new nn.BatchNorm2d(s.device, 4).forward(s.x),
    RangeError,
    "Cannot run a BatchNorm2d: wanted [B, 4, H, W], got [2, 3]",
  ],
  [
    (s) => new nn.GroupNorm(s.device, 3, 4),
    RangeError,
    "Cannot make a GroupNorm: wanted groups that divide 4 channels, got 3",
  ],
]);

testMistakes("indexing says what is out of place", [
  [
    ({ x }) => x.at(1.5),
    RangeError,
    "Cannot index a tensor: wanted an index from -2 to 1 for axis 0 of [2, 3], got 1.5",
  ],
  [({ x }) => x.at(0, 3), RangeError, /wanted an index from -3 to 2 for axis 0 of \[3\], got 3$/],
  [
    ({ x }) => x.at(0, 0, 0),
    RangeError,
    "Cannot index a tensor: wanted at most 2 indices for [2, 3], got 3",
  ],
  [
    ({ x }) => x.at("0:1"),
    TypeError,
    'Cannot index a tensor: wanted numbers, ranges, null or tensors, got "0:1"',
  ],
  [({ x }) => x.at([0, 2, 0]), RangeError, /wanted a step of 1 or more .*, got 0$/],
  [
    ({ x }) => x.at([0, 1, 0, 1]),
    TypeError,
    /wanted a range \[start, end, step\]; of several indices make a tensor, got \[0, 1, 0, 1\]$/,
  ],
  [({ x }) => x.at([], [0, 9]), RangeError, /^Cannot slice \[2, 3\] along axis 1: wanted a range/],
  [
    ({ x }) => x.at(x.gt(2)),
    TypeError,
    "Cannot index a tensor: wanted positions of type int32, got float32",
  ],
  [(s) => s.x.at(ids(s, 0, 2)), RangeError, /wanted positions from 0 to 1, got 2$/],
  [
    (s) => tensor.indexSelect(s.x, 1, ids(s, 3)),
    RangeError,
    "Cannot compute indexSelect: wanted ids from 0 to 2, got 3",
  ],
  [
    ({ x }) => tensor.indexSelect(x, 1, [0, 2] as Untyped),
    TypeError,
    /wanted a tensor of ids, got an array/,
  ],
  [
    (s) => tensor.scatterAdd(s.x, 1, ids(s, 0), s.x),
    RangeError,
    "Cannot compute scatterAdd: wanted values and positions of one shape, got [2, 3] and [1]",
  ],
  [(s) => tensor.oneHot(ids(s, 0, 3), 3), RangeError, /wanted ids from 0 to 2, got 3$/],
  [
    ({ x }) => tensor.oneHot(x, 3),
    TypeError,
    "Cannot compute oneHot: wanted ids of type int32, got float32",
  ],
  [({ x }) => tensor.pad(x, [1]), RangeError, /^Cannot pad \[2, 3\]: wanted two whole numbers/],
  [({ x }) => tensor.repeat(x, [2]), RangeError, /^Cannot repeat \[2, 3\]: wanted a whole number/],
  [({ x }) => tensor.sort(x, 2), RangeError, /^Cannot compute argsort along axis 2/],
  [
    ({ x }) => tensor.sort(x, 0, { reverse: true } as Untyped),
    TypeError,
    "Cannot compute argsort: wanted options named descending, got reverse",
  ],
]);

testMistakes("functions, masks and batches say what they want", [
  [
    ({ x }) => x.clamp(3, 1),
    RangeError,
    "Cannot compute clamp: wanted the lower bound first, got 3 and 1",
  ],
  [({ x }) => x.clamp(null, null), TypeError, /wanted at least one bound, got none$/],
  [
    ({ x }) => (x as Untyped).slice(0, 0, 2, 2),
    RangeError,
    "Cannot slice: wanted no step, which x.at([start, end, step]) takes, got 2",
  ],
  [
    ({ device, x }) => tensor.copyInto(x.at(0), Tensor.zeros(device, [1]).expand(x.at(0).shape)),
    RangeError,
    "Cannot compute copy: wanted an output with a place for each element, got an expanded tensor",
  ],
  [({ x }) => x.to("int32").floorDivide(0), RangeError, /wanted a divisor other than 0, got 0$/],
  [
    ({ x }) => x.to("int32").remainder(x),
    TypeError,
    "Cannot compute remainder: wanted two tensors of int32, got float32",
  ],
  [
    ({ device }) => {
      const q = Tensor.ones(device, [1, 2, 1, 4]);
      tensor.attention(q, q, q, { mask: Tensor.ones(device, [3, 3]) });
    },
    RangeError,
    /the shapes \[3, 3\] and \[1, 1, 2, 2\] do not broadcast/,
  ],
  [
    ({ device }) => {
      const x = Tensor.ones(device, [1, 2, 4]);
      new nn.SelfAttention(device, 4, { heads: 1, seed: 1 }).forward(x, {
        mask: [1, 1] as Untyped,
      });
    },
    TypeError,
    /^Cannot compute attention: wanted a tensor as the mask, got an array/,
  ],
  [
    ({ x, w }) => nn.batches([x, w.at(0)], { batchSize: 1 }),
    RangeError,
    "Cannot make batches: wanted as many examples in each tensor, got [2, 3] and []",
  ],
  [
    ({ x }) => nn.batches([x], { batchSize: 2, shuffle: true }),
    TypeError,
    "Cannot make batches: wanted a seed with shuffle, got none",
  ],
  [
    ({ x }) => nn.batches([x], { batch_size: 2 } as Untyped),
    TypeError,
    "Cannot make batches: wanted options named batchSize, shuffle, seed, dropLast, got batch_size. " +
    "Did you mean batchSize?",
  ],
  [
    ({ x }) => nn.batches(x, { batchSize: 2 }),
    TypeError,
    "Cannot make batches: wanted a list of tensors, as in batches([x, y], …), got a Tensor",
  ],
  [
    ({ layer }) => layer.loadStateDict(new Map(), { stict: false }),
    TypeError,
    /wanted options named strict, got stict\. Did you mean strict\?$/,
  ],
  [({ device }) => Tensor.eye(device, -1), RangeError, /wanted a shape of integers from 0 up/],
  [
    ({ device }) => Tensor.linspace(device, 0, 1, undefined as Untyped),
    RangeError,
    /^Cannot make a linspace: wanted how many numbers/,
  ],
]);

testMistakes("einsum says which letters do not fit", [
  [
    ({ x }) => tensor.einsum("ij,jk->ik", x),
    TypeError,
    'Cannot compute einsum: wanted a list of tensors, as in einsum("ij,jk->ik", [a, b]), got a Tensor',
  ],
  [
    ({ x }) => tensor.einsum([x] as Untyped, "ij" as Untyped),
    TypeError,
    /wanted the letters first/,
  ],
  [
    ({ x }) => tensor.einsum("ij,jk->ik", [x]),
    RangeError,
    /wanted letters for each operand, .* and at most one ->, got "ij,jk->ik" for 1$/,
  ],
  [
    ({ x }) => tensor.einsum("ij->j->i", [x]),
    RangeError,
    /and at most one ->, got "ij->j->i" for 1$/,
  ],
  [
    ({ x }) => tensor.einsum("ijk->i", [x]),
    RangeError,
    'Cannot compute einsum: wanted a letter for each axis of [2, 3], got "ijk"',
  ],
  [({ x }) => tensor.einsum("i...jk", [x]), RangeError, /each axis of \[2, 3\], got "i\.\.\.jk"$/],
  [({ x }) => tensor.einsum("i1->i", [x]), RangeError, /wanted letters, .* got "i1"$/],
  [
    ({ x }) => tensor.einsum("ij->ik", [x]),
    RangeError,
    /wanted a result with letters of the operands, each once, got "ik"$/,
  ],
  [({ x }) => tensor.einsum("ij->ii", [x]), RangeError, /each once, got "ii"$/],
  [
    ({ x }) => tensor.einsum("ii", [x]),
    RangeError,
    'Cannot compute einsum: wanted a square of axes for "ii", got 2 by 3',
  ],
  [
    ({ x }) => tensor.einsum("ij,jk->ik", [x, x]),
    RangeError,
    'Cannot compute einsum: wanted one length for "j", got 3 and 2',
  ],
  [
    ({ x }) => tensor.einsum("ij,kj->ik", [x, x.to("int32")]),
    TypeError,
    /wanted operands of one type, got float32 and int32|wanted float32, bfloat16 or float16, got int32/,
  ],
]);

testMistakes("losses of distributions say what they want", [
  [
    (s) => tensor.crossEntropy(s.x, ids(s, 0, 1), { weight: [1, 1, 1] as Untyped }),
    TypeError,
    /wanted a tensor as the weight, got an array/,
  ],
  [
    (s) => tensor.crossEntropy(s.x, ids(s, 0, 1), { weight: s.w }),
    RangeError,
    "Cannot compute crossEntropy: wanted a weight for each of 3 classes, got [2]",
  ],
  [
    (s) => tensor.crossEntropy(s.x, ids(s, 0, 1), { weight: ids(s, 1, 1, 1) }),
    TypeError,
    /wanted weight as float32, bfloat16 or float16, got int32/,
  ],
  [
    (s) => tensor.crossEntropy(s.x, ids(s, 0, 1), { labelSmoothing: 2 }),
    RangeError,
    "Cannot compute crossEntropy: wanted labelSmoothing from 0 to 1, got 2",
  ],
  [
    (s) => tensor.crossEntropy(s.x, ids(s, 0, 1), { label_smoothing: 0.1 } as Untyped),
    TypeError,
    /got label_smoothing\. Did you mean labelSmoothing\?$/,
  ],
  [
    ({ x, w }) => tensor.crossEntropy(x, w),
    TypeError,
    "Cannot compute crossEntropy: wanted targets of type int32, got float32",
  ],
  [
    ({ x }) => tensor.crossEntropy(x, x.at([], [0, 2])),
    RangeError,
    "Cannot compute crossEntropy: wanted a target for each row of [2, 3], got [2, 2]",
  ],
  [
    (s) => tensor.crossEntropy(s.x, ids(s, 0, 3), { labelSmoothing: 0.1 }),
    RangeError,
    "Cannot compute crossEntropy: wanted targets from -1 to 2, got 3",
  ],
  [
    ({ x }) => nn.klDivergence(x, x.at(0)),
    RangeError,
    "Cannot compute the KL divergence: wanted targets of shape [2, 3], got [3]",
  ],
  [
    ({ x }) => nn.klDivergence(x, x, { reduction: "batchMean" as Untyped }),
    TypeError,
    /wanted reduction "mean", "sum", "none" or "batchmean", got "batchMean"$/,
  ],
  [
    ({ x }) => nn.klDivergence(x, x, { log_target: true } as Untyped),
    TypeError,
    /got log_target\. Did you mean logTarget\?$/,
  ],
]);

const sequence = ({ device }: { device: tensor.Device }) => Tensor.ones(device, [2, 4, 3]);
const lstm = ({ device }: { device: tensor.Device }) => new nn.LSTM(device, 3, 5, { seed: 1 });
const gru = ({ device }: { device: tensor.Device }) => new nn.GRU(device, 3, 5, { seed: 1 });

testMistakes("recurrent layers, averages and moves say what they want", [
  [
    ({ device }) => new nn.LSTM(device, 3, 0, { seed: 1 }),
    RangeError,
    "Cannot make an LSTM: wanted width to be 1 or more, got 0",
  ],
  [
    ({ device }) => new nn.GRU(device, 3, 4, { seed: 1, num_layers: 2 } as Untyped),
    TypeError,
    /^Cannot make a GRU: wanted options named .*, got num_layers\. Did you mean layers\?$/,
  ],
  [
    ({ device }) => new nn.GRU(device, 3, 4, { seed: 1, layers: 0 }),
    RangeError,
    "Cannot make a GRU: wanted layers to be 1 or more, got 0",
  ],
  [
    ({ device }) => new nn.LSTM(device, 3, 4, { seed: 1, layers: 2, dropout: 1 }),
    RangeError,
    /wanted a probability from 0 to below 1, got 1$/,
  ],
  [
    (s) => lstm(s).forward(s.x),
    RangeError,
    "Cannot run an LSTM: wanted [batch, positions, 3] with a position or more, got [2, 3]",
  ],
  [
    (s) => gru(s).forward(sequence(s).slice(1, 0, 0)),
    RangeError,
    /a position or more, got \[2, 0, 3\]$/,
  ],
  [
    (s) => lstm(s).forward(sequence(s), [s.x, s.x] as Untyped),
    TypeError,
    "Cannot run an LSTM: wanted states as { hidden, cell }, got an array",
  ],
  [
    (s) => lstm(s).forward(sequence(s), { hidden: Tensor.ones(s.device, [1, 2, 5]) } as Untyped),
    TypeError,
    "Cannot run an LSTM: wanted states as { hidden, cell }, got { hidden }",
  ],
  [
    (s) => gru(s).forward(sequence(s), s.x),
    TypeError,
    "Cannot run a GRU: wanted states as { hidden }, got a Tensor",
  ],
  [
    (s) => gru(s).forward(sequence(s), { hidden: s.x }),
    RangeError,
    "Cannot run a GRU: wanted a hidden state of [1, 2, 5], got [2, 3]",
  ],
  [
    ({ w }) => new optim.RMSprop([w], { weight_decay: 0.1 } as Untyped),
    TypeError,
    /got weight_decay\. Did you mean weightDecay\?$/,
  ],
  [
    ({ layer }) => new optim.EMA(layer),
    TypeError,
    "Cannot make an EMA: wanted parameters in a map or a list, got a Linear. Pass module.parameters().",
  ],
  [
    ({ w }) => new optim.EMA([w], { decay: 1.5 }),
    RangeError,
    "Cannot make an EMA: wanted a decay from 0 to 1, got 1.5",
  ],
  [
    ({ w }) => new optim.EMA([w]).swap(),
    Error,
    "Cannot swap parameters for averages: wanted an update before, got none",
  ],
  [
    ({ x }) => x.toDevice("cpu"),
    TypeError,
    'Cannot copy a tensor to a device: wanted a device first, as openDevice returns it, got "cpu"',
  ],
  [({ w, other }) => w.mul(2).toDevice(other), Error, /^Cannot copy .* Use detach\(\)$/],
]);

cpuTest("the caller's line is the first one in the stack", (device) => {
  const x = Tensor.ones(device, [2, 3]);
  const weight = Tensor.ones(device, [1, 1, 3, 3]);
  const mistakes = [
    () => x.at(1.5),
    () => tensor.conv2d(x, weight),
    () => new nn.Conv2d(device, 3, 8, {} as Untyped, { seed: 1 }),
    () => new nn.MaxPool2d(3, 2 as Untyped),
    () => tensor.pad(x, [1]),
    () => x.clamp(2, 1),
    () => nn.batches([x], { batchSize: 0 }),
    () => new nn.BatchNorm2d(device, 1).forward(x),
    () => tensor.einsum("ii", [x]),
    () => tensor.crossEntropy(x, x, { labelSmoothing: 2 }),
    () => nn.klDivergence(x, x.at(0)),
    () => lstm({ device }).forward(x),
    () => new optim.EMA([x]).swap(),
  ];
  for (const make of mistakes) {
    let stack = "";
    try {
      make();
    } catch (error) {
      stack = (error as Error).stack!;
    }
    assertMatch(stack.split("\n    at ")[1] ?? "", /mistakes_library_test\.ts/, `${make}`);
  }
});
