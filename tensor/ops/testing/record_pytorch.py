"""Records PyTorch's values and gradients, in double precision, of operations and their arguments.

    python tensor/ops/testing/record_pytorch.py > tensor/ops/testing/pytorch_golden.jsonl

`pytorch_golden_test.ts` makes the same inputs by the same generator, so that only results are stored:
rounded to 8 digits, which is below the rounding of float32.
"""

import json
import math

import torch
import torch.nn.functional as F

EXTREMES = [
    math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-30, -1e-30, 100.0, -100.0,
    0.5, 2.5, -30.0,
]
# Of variances and products of float32, those of large numbers overflow on the way.
SMALL_EXTREMES = [value for value in EXTREMES if not 1e3 < abs(value) < math.inf]


class Generator:
    """The same numbers as `Generator` in `pytorch_golden_test.ts`."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return self.state / 2**31 - 1

    def fill(self, kind, count, limit=0):
        if kind in ("extreme", "small extreme"):
            values = EXTREMES if kind == "extreme" else SMALL_EXTREMES
            return [values[(i + limit) % len(values)] for i in range(count)]
        make = {
            "normal": lambda u: 2 * u,
            "positive": lambda u: u + 1.2,
            "whole": lambda u: math.floor((u + 1) * 3.5) - 3,
            "integers": lambda u: math.floor(u * 20),
            "ids": lambda u: math.floor((u + 1) / 2 * limit),
            "mask": lambda u: 1.0 if u > -0.3 else 0.0,
            "open": lambda u: -math.inf if u < -0.5 else 2 * u,
        }[kind]
        return [make(self.next()) for _ in range(count)]


INTEGERS = ("integers", "ids")


def tensor_of(generator, spec):
    kind, shape = spec["fill"], spec["shape"]
    values = generator.fill(kind, math.prod(shape), spec.get("limit", 0))
    if kind in INTEGERS:
        return torch.tensor(values, dtype=torch.int64).reshape(shape)
    rounded = torch.tensor(values, dtype=torch.float32).double().reshape(shape)
    return rounded if kind == "mask" else rounded.requires_grad_()


def N(*shape, fill="normal", limit=0):
    spec = {"fill": fill, "shape": list(shape)}
    return {**spec, "limit": limit} if limit else spec


SHAPES = [[], [1], [0], [7], [4, 5], [2, 1, 3], [2, 0, 3], [3, 7], [11], [2, 3, 2]]


def elementwise(fill="normal", kinks=False):
    inputs = [[N(*shape, fill=fill)] for shape in SHAPES]
    inputs += [[N(16, fill="extreme")], [N(4, 4, fill="extreme", limit=5)]]
    if not kinks:
        inputs += [[N(9, fill="whole" if fill == "normal" else fill)]]
    return [(each, []) for each in inputs]


def unary(f, **options):
    return (lambda x, *_: f(x[0])), elementwise(**options)


def integer_unary(f):
    cases = [([N(*shape, fill="integers")], []) for shape in SHAPES]
    return (lambda x, *a: f(x[0], *a)), cases + [([N(33, fill="integers")], []), ([N(5, 6, fill="integers")], [])]


def axes_cases(fill="normal", extreme="extreme"):
    shapes = [([5], None), ([], None), ([3, 7], [1]), ([3, 7], [0]), ([4, 8], [-1]), ([2, 3, 4], [0, 2]),
              ([2, 3, 4], [1]), ([2, 3, 4], [1, 2]), ([1, 9], [0]), ([13, 3], None), ([2, 33], [1]), ([2, 2, 3], [0, 1]), ([6, 2], [-2])]
    cases = [([N(*shape, fill=fill)], [axes]) for shape, axes in shapes]
    return cases + [([N(4, 8, fill=extreme)], [[1]]), ([N(3, 5, fill="whole")], [[1]])]


def reduction(f, fill="normal", least=0, extreme="extreme"):
    def run(x, axes):
        return f(x[0], list(range(x[0].dim())) if axes is None else axes)
    cases = [case for case in axes_cases(fill, extreme) if math.prod(case[0][0]["shape"]) > least]
    return run, [case for case in cases if least == 0 or case[0][0]["shape"] != [1, 9]]


def product(x, axes):
    for axis in sorted((axis % max(1, x.dim()) for axis in axes), reverse=True):
        x = x.prod(axis)
    return x


def binary_cases(fill, other=None):
    shapes = [([], []), ([4], []), ([0, 3], [3]), ([3, 5], [3, 5]), ([3, 5], [5]), ([3, 1], [1, 5]),
              ([2, 3, 4], [3, 1]), ([2, 1, 4], [1, 3, 1]), ([7], [7]), ([33], [33]), ([6, 6], [6]), ([2, 9], [2, 1])]
    return [([N(*a, fill=fill), N(*b, fill=other or fill)], []) for a, b in shapes]


def at(x, *indices):
    places, used = [], 0
    for index in indices:
        if index is None:
            places.append(None)
        elif isinstance(index, list):
            places.append(slice(index[0], None) if len(index) == 1 else slice(*index) if index else slice(None))
        elif isinstance(index, str):
            used += 1
            places.append(x[used])
        else:
            places.append(index)
    return x[0][tuple(places)]


def convolution(f):
    def run(x, options):
        bias = x[2] if len(x) > 2 else None
        return f(x[0], x[1], bias, **options)
    return run


def pool(f):
    return lambda x, kernel, options: f(x[0], kernel, **options)


def batch_norm(x, options):
    count = x[0].shape[1]
    mean, var = torch.zeros(count).double(), torch.ones(count).double()
    y = F.batch_norm(x[0], mean, var, x[1], x[2], True, options.get("momentum", 0.1), options.get("eps", 1e-5))
    return y, [mean, var]


def attention(x, options):
    q, k, v = (each.transpose(1, 2) for each in x[:3])
    mask = x[3] != 0
    heads, key_heads = q.shape[1], k.shape[1]
    k, v = (each.repeat_interleave(heads // key_heads, 1) for each in (k, v))
    if options.get("causal", True):
        rows, columns = q.shape[2], k.shape[2]
        mask = mask & torch.ones(rows, columns).bool().tril(columns - rows)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    weights = torch.softmax(scores.masked_fill(~mask, -math.inf), -1)
    # A query without keys: softmax gives NaN, and nanodino zeros, as PyTorch's own kernels.
    weights = torch.where(mask.expand(weights.shape).any(-1, keepdim=True), weights, 0.0)
    return (weights @ v).transpose(1, 2)


def scatter_add(x, axis):
    return x[0].scatter_add(axis, x[1], x[2])


def padded(x, lengths, value):
    return F.pad(x[0], lengths, value=value)


def conv_cases(dims=2):
    settings = [
        ([1, 1, 1, 1], [1, 1, 1, 1], {}),
        ([2, 2, 5, 5], [3, 2, 3, 3], {"padding": [1, 1]}),
        ([2, 3, 6, 5], [2, 3, 3, 2], {"stride": [2, 3]}),
        ([1, 2, 6, 6], [3, 2, 3, 3], {"stride": [2, 2], "padding": [1, 0]}),
        ([1, 2, 7, 6], [2, 2, 3, 3], {"dilation": [2, 3], "padding": [1, 3]}),
        ([1, 6, 4, 4], [4, 3, 3, 3], {"groups": 2, "padding": [1, 1]}),
        ([1, 4, 5, 4], [8, 1, 3, 3], {"groups": 4, "stride": [2, 1]}),
        ([2, 2, 3, 4], [2, 2, 3, 4], {}),
        ([2, 3, 3, 3], [4, 3, 1, 1], {}),
        ([1, 1, 2, 2], [1, 1, 2, 2], {"padding": [3, 2]}),
        ([1, 2, 1, 17], [3, 2, 1, 5], {"padding": [0, 2]}),
        ([3, 1, 4, 4], [2, 1, 2, 2], {"stride": [2, 2]}),
    ]
    cases = [([N(*x), N(*w), N(w[0])], options) for x, w, options in settings]
    cases.append(([N(1, 1, 4, 4, fill="extreme"), N(1, 1, 2, 2, fill="positive")], {}))
    if dims == 2:
        return [(inputs, [options]) for inputs, options in cases]
    flat = []
    for inputs, options in cases:
        inputs = [{**each, "shape": [s for i, s in enumerate(each["shape"]) if i != 2]} for each in inputs]
        flat.append((inputs, [{key: value[1] if isinstance(value, list) else value for key, value in options.items()}]))
    return flat


def transposed_cases():
    settings = [
        ([1, 1, 1, 1], [1, 1, 1, 1], {}), ([2, 3, 3, 3], [3, 2, 3, 3], {"padding": [1, 1]}),
        ([1, 2, 3, 2], [2, 3, 3, 2], {"stride": [2, 3]}),
        ([1, 2, 3, 3], [2, 2, 3, 3], {"stride": [2, 2], "padding": [1, 1], "output_padding": [1, 1]}),
        ([1, 2, 3, 3], [2, 1, 2, 2], {"dilation": [2, 3]}), ([1, 4, 3, 3], [4, 3, 2, 2], {"groups": 2}),
        ([1, 4, 2, 3], [4, 1, 3, 3], {"groups": 4, "stride": [2, 1]}), ([2, 1, 2, 2], [1, 1, 4, 4], {"stride": [2, 2], "padding": [1, 1]}),
        ([1, 2, 1, 5], [2, 3, 1, 3], {"stride": [1, 2]}), ([3, 2, 2, 2], [2, 2, 2, 2], {"stride": [2, 2]}),
        ([1, 3, 4, 4], [3, 1, 1, 1], {}), ([1, 1, 3, 3], [1, 2, 2, 3], {"stride": [3, 2], "output_padding": [1, 0]}),
    ]
    return [([N(*x), N(*w), N(w[1] * options.get("groups", 1))], [options]) for x, w, options in settings]


def pool_cases(padding_in_corners):
    settings = [
        ([1, 1, 2, 2], 2, {}), ([2, 3, 6, 4], 2, {}), ([1, 2, 7, 6], 2, {}), ([1, 1, 5, 5], [3, 2], {"stride": [2, 2], "padding": [1, 1]}),
        ([1, 2, 5, 4], 3, {"stride": [1, 2]}), ([1, 1, 4, 4], 4, {}), ([2, 1, 3, 8], [1, 2], {}), ([1, 1, 6, 6], 3, {"stride": [3, 3]}),
        ([1, 1, 4, 5], [2, 1], {"stride": [1, 1]}), ([3, 2, 4, 4], 2, {"stride": [1, 1]}), ([1, 1, 9, 3], 3, {"padding": [1, 1]}), ([1, 3, 2, 2], 1, {}),
    ]
    return [([N(*shape)], [kernel, options]) for shape, kernel, options in settings]


def unfold_cases():
    settings = [
        ([1, 1, 3, 3], 2, {}), ([2, 3, 4, 4], [2, 3], {}), ([1, 2, 5, 5], 3, {"padding": [1, 1]}), ([1, 1, 6, 5], 2, {"stride": [2, 2]}),
        ([1, 2, 5, 6], 2, {"dilation": [2, 3]}), ([2, 1, 4, 4], [4, 4], {}), ([1, 1, 2, 7], [1, 3], {"stride": [1, 2]}), ([1, 1, 3, 3], 1, {}),
        ([1, 3, 4, 3], [3, 2], {"padding": [2, 1], "stride": [3, 2]}), ([3, 1, 3, 3], 2, {"padding": [1, 0]}), ([1, 2, 4, 4], 2, {"stride": [2, 2], "padding": [1, 1]}), ([1, 1, 5, 5], [2, 2], {"dilation": [3, 1]}),
    ]
    return [([N(*shape)], [kernel, options]) for shape, kernel, options in settings]


def fold_cases():
    cases = []
    for inputs, (kernel, options) in unfold_cases():
        shape = inputs[0]["shape"]
        columns = F.unfold(torch.zeros(shape), kernel, **options)
        cases.append(([N(*columns.shape)], [shape[2:], kernel, options]))
    return cases


def axis_cases(fills=("normal", "whole")):
    shapes = [([5], 0), ([1], 0), ([3, 7], 1), ([3, 7], 0), ([2, 5, 3], 1), ([2, 3, 4], -1), ([2, 3, 4], 0), ([2, 70], 1), ([40, 2], 0), ([9], -1), ([4, 4], -2)]
    return [([N(*shape, fill=fills[0])], [axis]) for shape, axis in shapes] + [([N(16, fill="extreme")], [0])]


def sorted_cases(fill):
    return [(inputs, [axis, {"descending": i % 2 == 1}]) for i, (inputs, (axis,)) in enumerate(axis_cases((fill,)))]


def norm_layer_cases(groups):
    # Of one or two values, the gradient cancels out but for rounding.
    shapes = [[4, 8], [5, 6], [2, 6, 3, 5], [3, 2, 4], [4, 8, 1, 1], [4, 6, 2, 2], [2, 2, 7], [3, 6, 5], [2, 4, 3, 3], [6, 10], [2, 6, 2, 3], [4, 2, 5, 1]]
    if groups:
        return [([N(*shape), N(shape[1]), N(shape[1])], [2]) for shape in shapes]
    return [([N(*shape), N(shape[1]), N(shape[1])], [{"momentum": 0.1 if i % 2 else 0.5}]) for i, shape in enumerate(shapes)]


def group_norm(x, groups):
    return F.group_norm(x[0], groups, x[1], x[2])


def attention_cases():
    settings = [
        ([1, 3, 1, 2], [1, 3, 1, 2], [3, 3], {"causal": False}), ([2, 4, 2, 3], [2, 4, 2, 3], [4, 4], {}), ([1, 2, 2, 4], [1, 5, 1, 4], [5], {"causal": False}),
        ([2, 3, 4, 2], [2, 6, 2, 2], [2, 1, 1, 6], {"causal": False}), ([1, 5, 2, 2], [1, 5, 2, 2], [1, 2, 5, 5], {}), ([2, 1, 1, 5], [2, 7, 1, 5], [7], {}),
        ([1, 4, 3, 2], [1, 4, 3, 2], [3, 4, 4], {"causal": False}), ([3, 2, 2, 2], [3, 2, 2, 2], [3, 1, 2, 2], {}), ([1, 6, 1, 3], [1, 6, 1, 3], [6, 6], {}),
        ([1, 1, 1, 1], [1, 1, 1, 1], [1], {"causal": False}), ([2, 3, 2, 3], [2, 9, 2, 3], [3, 9], {"causal": False}), ([1, 7, 2, 2], [1, 7, 2, 2], [1, 1, 7, 7], {}),
    ]
    return [([N(*q), N(*k), N(*k), N(*mask, fill="mask")], [options]) for q, k, mask, options in settings]


def class_cases():
    """Logits, classes, and perhaps a weight; options."""
    cases = []
    for i, (rows, classes) in enumerate([([4], 5), ([2, 3], 4), ([1], 2), ([7], 3), ([5], 9), ([3], 40), ([6], 1)]):
        logits, targets, weight = N(*rows, classes), N(*rows, fill="ids", limit=classes), N(classes, fill="positive")
        reduction = ("mean", "sum", "none")[i % 3]
        cases += [
            ([logits, targets, weight], [{"reduction": reduction}]),
            ([logits, targets], [{"label_smoothing": 0.1 * (i + 1), "reduction": reduction}]),
            ([logits, targets, weight], [{"label_smoothing": 0.3, "ignore": i % 2}]),
        ]
    return cases + [([N(8, 4, fill="open"), N(8, fill="ids", limit=4), N(4, fill="positive")], [{"reduction": "none"}])]


def class_cross_entropy(x, options):
    options = dict(options)
    logits, targets = x[0].movedim(-1, 1), x[1].clone()
    if options.pop("ignore", False):
        targets.reshape(-1)[::2] = -1
    # PyTorch does not differentiate with respect to the weight.
    weight = x[2].detach() if len(x) > 2 else None
    return F.cross_entropy(logits, targets, weight, ignore_index=-1, **options)


def soft_cases():
    cases = []
    for i, shape in enumerate([[4, 5], [2, 3, 4], [1, 2], [6, 3], [3, 33], [5, 1], [2, 2, 2, 3]]):
        inputs = [N(*shape), N(*shape, fill="positive")]
        reduction = ("mean", "sum", "none")[i % 3]
        cases += [(inputs, [{"reduction": reduction}]),
                  (inputs + [N(shape[-1], fill="positive")], [{"reduction": reduction, "label_smoothing": 0.15 * i}])]
    return cases


def soft_cross_entropy(x, options):
    weight = x[2] if len(x) > 2 else None
    return F.cross_entropy(x[0].movedim(-1, 1), x[1].movedim(-1, 1), weight, **options)


def divergence_cases():
    cases = []
    for i, shape in enumerate([[4, 5], [2, 3, 4], [1], [7], [3, 9], []]):
        for log_target in (False, True):
            reduction = ("mean", "sum", "none", "batchmean")[i % 4]
            target = N(*shape) if log_target else N(*shape, fill="positive")
            cases.append(([N(*shape), target], [{"reduction": reduction, "log_target": log_target}]))
    return cases


def einsum_cases():
    settings = [
        ("ij,jk->ik", [2, 3], [3, 4]), ("bij,bjk->bik", [2, 3, 4], [2, 4, 5]), ("i,j->ij", [3], [4]), ("i,i->", [5], [5]), ("i,i->i", [5], [5]),
        ("ii", [4, 4]), ("ii->i", [4, 4]), ("ij->ji", [2, 3]), ("ij->", [3, 2]), ("bii->bi", [2, 3, 3]), ("iij,j->i", [3, 3, 2], [2]), ("iijj", [2, 2, 3, 3]),
        ("...ij,...jk->...ik", [2, 1, 3, 4], [5, 4, 2]), ("...ij->...ji", [2, 3, 4]), ("b...->...", [3, 2, 2]), ("i...,i...->i", [3, 2], [3, 2]), ("ij,jk,kl->il", [2, 3], [3, 4], [4, 2]),
        ("ba,ca", [2, 3], [4, 3]), ("bA,Ac", [2, 3], [3, 4]), ("ij,ij->ij", [2, 3], [1, 3]), ("bhqd,bhkd->bhqk", [2, 2, 3, 4], [2, 2, 5, 4]), ("bn,anm,bm->ba", [2, 3], [4, 3, 5], [2, 5]),
        (" i j , j -> i ", [3, 4], [4]), ("ij,k->k", [2, 3], [4]), ("ij,jk->ik", [2, 0], [0, 3]), (",i->i", [], [3]), ("ijk,ilm,njm,nlk,abc->", [2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2]),
        ("i...", [2, 3]), ("...i,...i", [2, 3, 4], [3, 4]), ("xy,yz->zx", [1, 3], [3, 1]),
    ]
    return [([N(*shape) for shape in shapes], [equation]) for equation, *shapes in settings]


def recurrent_cases(gates):
    settings = [
        (1, 1, 1, 1, {}), (2, 3, 2, 3, {}), (3, 2, 4, 2, {"num_layers": 2}), (2, 4, 3, 2, {"bidirectional": True}), (2, 2, 2, 3, {"num_layers": 2, "bidirectional": True}),
        (1, 5, 3, 3, {"bias": False}), (4, 1, 2, 2, {}), (1, 7, 1, 2, {}), (2, 3, 5, 1, {"num_layers": 3}), (2, 2, 2, 2, {"bias": False, "bidirectional": True}), (3, 3, 1, 4, {}), (2, 6, 2, 2, {"num_layers": 2}),
    ]
    cases = []
    for i, (batch, positions, inputs, width, options) in enumerate(settings):
        directions = 2 if options.get("bidirectional") else 1
        layers = options.get("num_layers", 1)
        tensors = [N(batch, positions, inputs)]
        # Half of the cases begin with states of zeros.
        if i % 2:
            tensors += [N(layers * directions, batch, width)] * (2 if gates == 4 else 1)
        for layer in range(layers):
            for _ in range(directions):
                columns = inputs if layer == 0 else width * directions
                tensors += [N(gates * width, columns), N(gates * width, width)]
                tensors += [N(gates * width)] * (2 if options.get("bias", True) else 0)
        cases.append((tensors, [inputs, width, options, i % 2 == 1]))
    return cases


def recurrent(make, states):
    def run(x, inputs, width, options, has_states):
        layer = make(inputs, width, batch_first=True, **options).double()
        first = 1 + states if has_states else 1
        given = (tuple(x[1:first]) if states == 2 else x[1],) if has_states else ()
        names = [name for name, _ in layer.named_parameters()]
        output, last = torch.func.functional_call(layer, dict(zip(names, x[first:])), (x[0], *given))
        # All results in one row, so that gradients flow from each.
        return torch.cat([each.reshape(-1) for each in (output, *(last if states == 2 else (last,)))])
    return run


def selected(shape, axis, ids):
    return [N(*shape), N(*ids, fill="ids", limit=shape[axis])]


OPERATIONS = {
    # Convolutions
    "conv2d": (convolution(F.conv2d), conv_cases()),
    "conv1d": (convolution(F.conv1d), conv_cases(1)),
    "convTranspose2d": (convolution(F.conv_transpose2d), transposed_cases()),
    "maxPool2d": (pool(F.max_pool2d), pool_cases(False)),
    "avgPool2d": (pool(F.avg_pool2d), pool_cases(True)),
    "unfold": (pool(F.unfold), unfold_cases()),
    "fold": (lambda x, image, kernel, options: F.fold(x[0], image, kernel, **options), fold_cases()),
    "batchNorm": (batch_norm, norm_layer_cases(False)),
    "groupNorm": (group_norm, norm_layer_cases(True)),
    # Functions
    "abs": unary(torch.abs), "sin": unary(torch.sin), "cos": unary(torch.cos), "erf": unary(torch.erf),
    "floor": unary(torch.floor), "ceil": unary(torch.ceil), "round": unary(torch.round),
    "sign": unary(torch.sign), "log1p": unary(torch.log1p), "expm1": unary(torch.expm1),
    "rsqrt": unary(torch.rsqrt, fill="positive"), "reciprocal": unary(torch.reciprocal, fill="positive"),
    "isNaN": unary(lambda x: torch.isnan(x) + 0 * x.nan_to_num(0, 0, 0)),
    "isFinite": unary(lambda x: torch.isfinite(x) + 0 * x.nan_to_num(0, 0, 0)),
    "softplus": unary(F.softplus), "elu": unary(F.elu), "leakyRelu": unary(F.leaky_relu),
    "hardswish": unary(F.hardswish), "logSigmoid": unary(F.logsigmoid),
    "gelu": unary(lambda x: F.gelu(x, approximate="tanh")), "geluErf": unary(F.gelu),
    "clampLow": unary(lambda x: x.clamp(min=-0.5)), "clampHigh": unary(lambda x: x.clamp(max=0.7)),
    "maskedFill": (lambda x, value: x[0].masked_fill(x[1] != 0, value),
                   [(inputs, [(-math.inf, 0, 2.5)[i % 3]]) for i, (inputs, _) in enumerate(binary_cases("normal", "mask"))
                    if torch.broadcast_shapes(inputs[0]["shape"], inputs[1]["shape"]) == torch.Size(inputs[0]["shape"])]
                   + [([N(5, 5), N(5, 5, fill="mask")], [1.5]), ([N(2, 3, 4), N(4, fill="mask")], [0]), ([N(9), N(1, fill="mask")], [7]), ([N(3, 3), N(fill="mask")], [1]), ([N(2, 8), N(2, 1, fill="mask")], [-3]), ([N(4, 3, 2), N(3, 1, fill="mask")], [0])]),
    "remainder": (lambda x: torch.remainder(x[0], x[1]), binary_cases("normal", "positive")),
    "floorDivide": (lambda x: torch.floor(x[0].detach() / x[1].detach()), binary_cases("normal", "positive")),
    # Integers
    "absOfIntegers": integer_unary(torch.abs),
    "clampOfIntegers": integer_unary(lambda x: x.clamp(-3, 8)),
    "remainderOfIntegers": (lambda x: torch.remainder(x[0], torch.where(x[1] == 0, 7, x[1])), binary_cases("integers")),
    "floorDivideOfIntegers": (lambda x: torch.div(x[0], torch.where(x[1] == 0, 7, x[1]), rounding_mode="floor"), binary_cases("integers")),
    "cumulativeSumOfIntegers": (lambda x, axis: x[0].cumsum(axis), [case for case in axis_cases(("integers",)) if case[0][0]["fill"] != "extreme"] + [([N(3, 300, fill="integers")], [1])]),
    "topKOfIntegers": (lambda x, k, axis: x[0].topk(k, axis).values, [([N(*inputs[0]["shape"], fill="integers")], [max(1, inputs[0]["shape"][axis] // 2), axis]) for inputs, (axis,) in axis_cases()]),
    # Reductions
    "std": reduction(lambda x, axes: x.std(axes), least=1, extreme="small extreme"),
    "norm": reduction(lambda x, axes: torch.linalg.vector_norm(x, dim=axes)),
    "prod": reduction(product, extreme="small extreme"),
    "any": reduction(lambda x, axes: (x != 0).double().amax(axes) + 0 * x.nan_to_num(0, 0, 0).sum(axes), fill="whole"),
    "all": reduction(lambda x, axes: (x != 0).double().amin(axes) + 0 * x.nan_to_num(0, 0, 0).sum(axes), fill="whole"),
    "argmin": (lambda x, axis: x[0].detach().argmin(axis), axis_cases()),
    # Indexing
    "at": (at, [
        ([N(4, 3)], [0]), ([N(4, 3)], [[], -1]), ([N(4, 9)], [[], [0, 9, 2], None]), ([N(5, 4), N(3, fill="ids", limit=5)], ["ids"]),
        ([N(5, 4), N(3, fill="ids", limit=5), N(3, fill="ids", limit=4)], ["ids", "ids"]), ([N(2, 5, 4), N(2, 3, fill="ids", limit=5)], [[], "ids"]),
        ([N(7)], [[1, 6, 3]]), ([N(7)], [[-3]]), ([N(3, 4, 5)], [1, [], [1, 5, 2]]), ([N(3, 4)], [None, [], None, 2]), ([N(3, 2, 4), N(4, fill="ids", limit=4)], [[], 1, "ids"]),
        ([N(6, 5)], [[0, 0]]), ([N(2, 3, 3, 2), N(2, 1, fill="ids", limit=3), N(4, fill="ids", limit=3)], [[], "ids", "ids"]), ([N(8, 3)], [[1, 8, 4], [0, 3, 2]]),
    ]),
    "indexSelect": (lambda x, axis: x[0].index_select(axis, x[1]), [
        (selected([5], 0, [3]), [0]), (selected([4, 3], 1, [5]), [1]), (selected([4, 3], 0, [2]), [0]), (selected([2, 5, 3], 1, [4]), [1]), (selected([2, 3, 4], -1, [1]), [-1]),
        (selected([1, 6], 0, [3]), [0]), (selected([3, 1], 1, [4]), [1]), (selected([2, 2, 2, 2], 2, [5]), [2]), (selected([9, 4], 0, [12]), [0]), (selected([4, 0], 0, [2]), [0]), (selected([3, 3], 1, [0]), [1]), (selected([33], 0, [70]), [0]),
    ]),
    "scatterAdd": (scatter_add, [
        ([N(*shape), N(*values, fill="ids", limit=shape[axis]), N(*values)], [axis]) for shape, values, axis in [
            ([5], [3], 0), ([5], [9], 0), ([3, 4], [3, 2], 1), ([3, 4], [6, 4], 0), ([2, 3, 4], [2, 5, 4], 1), ([2, 3, 4], [2, 3, 1], -1), ([1, 1], [1, 7], 1), ([4, 2], [4, 0], 1), ([2, 2, 2], [3, 2, 2], 0), ([9], [40], 0), ([3, 9], [3, 9], 1), ([6, 1], [2, 1], 0)]
    ]),
    "gather": (lambda x, axis: x[0].gather(axis, x[1]), [
        ([N(*shape), N(*ids, fill="ids", limit=shape[axis])], [axis]) for shape, ids, axis in [
            ([5], [3], 0), ([3, 4], [2, 6], 1), ([3, 4], [3, 2], 1), ([3, 4], [5, 2], 0), ([2, 3, 4], [1, 7, 2], 1), ([2, 3, 4], [2, 1, 1], -1), ([4, 4], [1, 1], 0), ([2, 2, 2], [2, 2, 5], 2), ([9], [1], 0), ([6, 3], [6, 3], 0), ([6, 3], [2, 0], 0), ([1, 8], [1, 3], 1)]
    ]),
    "oneHot": (lambda x, classes: F.one_hot(x[0], classes), [([N(*shape, fill="ids", limit=limit)], [limit]) for shape, limit in [
        ([4], 3), ([1], 1), ([2, 3], 5), ([], 4), ([7], 7), ([3, 1], 2), ([2, 2, 2], 3), ([5], 9), ([12], 2), ([1, 4], 6), ([6], 4), ([3, 3], 8)]]),
    "sort": (lambda x, axis, options: x[0].sort(dim=axis, stable=True, **options).values, sorted_cases("normal")),
    "argsort": (lambda x, axis, options: x[0].detach().sort(dim=axis, stable=True, **options).indices, sorted_cases("whole")),
    "sortOfIntegers": (lambda x, axis, options: x[0].sort(dim=axis, stable=True, **options).values, [case for case in sorted_cases("integers") if case[0][0]["fill"] != "extreme"] + [([N(5, 45, fill="integers")], [1, {"descending": True}])]),
    # Arrangement
    "unbind": (lambda x, axis, i: x[0].unbind(axis)[i], [([N(*shape)], [axis, i]) for shape, axis, i in [
        ([3], 0, 1), ([3, 4], 0, 2), ([3, 4], 1, 0), ([2, 3, 4], 1, 2), ([2, 3, 4], -1, 3), ([1, 1], 0, 0), ([5, 2], -2, 4), ([2, 0], 0, 1), ([4, 2, 2], 0, 3), ([7], 0, 6), ([2, 2, 3], 2, 0), ([6, 1], 1, 0)]]),
    "flip": (lambda x, axes: x[0].flip(axes), [([N(*shape)], [axes]) for shape, axes in [
        ([3], [0]), ([3, 4], [0]), ([3, 4], [1]), ([3, 4], [0, 1]), ([2, 3, 4], [1]), ([2, 3, 4], [-1, 0]), ([1, 1], [0]), ([5, 2], [-2]), ([4, 2, 2], [0, 1, 2]), ([7], [-1]), ([2, 2, 3], [2]), ([6, 1], [1])]]),
    "pad": (padded, [([N(*shape)], [lengths, value]) for shape, lengths, value in [
        ([3], [1, 2], 0), ([3, 4], [0, 1], 5), ([3, 4], [1, 0, 2, 1], 0), ([2, 3, 4], [0, 0, 1, 1], -1), ([2, 3, 4], [1, 1, 1, 1, 1, 1], 0), ([1], [0, 0], 3), ([0, 2], [1, 1], 2), ([4], [3, 0], 0.5), ([2, 2], [0, 3], -2), ([5, 1], [2, 2], 0), ([1, 1, 2, 2], [1, 1, 1, 1], 0), ([3], [], 0)]]),
    "repeat": (lambda x, counts: x[0].repeat(counts), [([N(*shape)], [counts]) for shape, counts in [
        ([3], [2]), ([3], [2, 3]), ([2, 3], [1, 2]), ([2, 3], [3, 1]), ([2, 3], [2, 2, 2]), ([1], [4]), ([], [3]), ([2, 1, 2], [1, 3, 1]), ([4], [1]), ([2, 2], [1, 1, 1]), ([3], [0]), ([5, 1], [1, 4])]]),
    "roll": (lambda x, shift, axis: x[0].roll(shift, axis), [([N(*shape)], [shift, axis]) for shape, shift, axis in [
        ([5], 1, 0), ([5], -2, 0), ([3, 4], 1, 1), ([3, 4], 2, 0), ([3, 4], -5, 1), ([2, 3, 4], 1, 1), ([2, 3, 4], 9, -1), ([1], 3, 0), ([4], 4, 0), ([6, 2], 0, 0), ([2, 5], 3, 1), ([3, 1], 1, 1)]]),
    "tril": (lambda x, diagonal: x[0].tril(diagonal), [([N(*shape)], [diagonal]) for shape, diagonal in [
        ([3, 3], 0), ([3, 3], 1), ([3, 3], -1), ([2, 5], 0), ([5, 2], 0), ([2, 3, 4], 1), ([1, 1], 0), ([4, 4], 9), ([4, 4], -9), ([2, 2, 3, 3], 0), ([1, 6], 2), ([6, 1], -2)]]),
    "triu": (lambda x, diagonal: x[0].triu(diagonal), [([N(*shape)], [diagonal]) for shape, diagonal in [
        ([3, 3], 0), ([3, 3], 1), ([3, 3], -1), ([2, 5], 0), ([5, 2], 0), ([2, 3, 4], 1), ([1, 1], 0), ([4, 4], 9), ([4, 4], -9), ([2, 2, 3, 3], 0), ([1, 6], 2), ([6, 1], -2)]]),
    # Matmul and attention
    "matmul": (lambda x: x[0] @ x[1], [([N(*a), N(*b)], []) for a, b in [
        ([3], [3]), ([1], [1]), ([2, 3], [3]), ([3], [3, 4]), ([2, 4, 3], [3]), ([3], [2, 3, 4]), ([7, 9], [9]), ([9], [9, 5]), ([17], [17]), ([1, 3], [3]), ([3], [3, 1]), ([2, 2, 2, 3], [3])]]),
    "attention": (attention, attention_cases()),
    # Losses of distributions, Einstein's notation, recurrent layers
    "crossEntropy": (class_cross_entropy, class_cases()),
    "crossEntropyOfProbabilities": (soft_cross_entropy, soft_cases()),
    "klDivergence": (lambda x, options: F.kl_div(x[0], x[1], **options), divergence_cases()),
    "einsum": (lambda x, equation: torch.einsum(equation, *x), einsum_cases()),
    "lstm": (recurrent(torch.nn.LSTM, 2), recurrent_cases(4)),
    "gru": (recurrent(torch.nn.GRU, 1), recurrent_cases(3)),
}


def encoded(value):
    if isinstance(value, int):
        return value
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return 0
    return int(value) if value == int(value) and abs(value) < 1e6 else float(f"{value:.8g}")


def listed(tensor):
    return [encoded(value) for value in tensor.detach().reshape(-1).tolist()]


def record(operation, run, inputs, arguments, seed):
    generator = Generator(seed)
    tensors = [tensor_of(generator, spec) for spec in inputs]
    result = run(tensors, *arguments)
    result, others = result if isinstance(result, tuple) else (result, [])
    case = {"operation": operation, "seed": seed, "inputs": inputs, "arguments": [
        encoded(each) if isinstance(each, float) else each for each in arguments]}
    case["shape"], case["values"] = list(result.shape), listed(result)
    if others:
        case["others"] = [listed(each) for each in others]
    leaves = [each for each in tensors if each.requires_grad]
    if result.requires_grad and leaves:
        upstream = torch.tensor(generator.fill("normal", result.numel())).float().double()
        result.backward(upstream.reshape(result.shape))
        case["gradients"] = [None if each.grad is None else listed(each.grad) for each in leaves]
    return case


def main():
    lines = []
    for operation, (run, cases) in OPERATIONS.items():
        assert len(cases) >= 12, (operation, len(cases))
        for inputs, arguments in cases:
            lines.append(json.dumps(record(operation, run, inputs, arguments, len(lines) + 1), separators=(",", ":")))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
