"""Records 600 random expressions, with PyTorch's values and gradients in double precision.

    python tensor/ops/testing/record_pytorch_expressions.py > tensor/ops/testing/pytorch_expressions.jsonl

A third of them has extreme inputs. Expressions that PyTorch itself computes in single precision with
more than an eighth of the tested error are not recorded: they tell about conditions, not about kernels.
"""

import json
import math
import random

import torch
import torch.nn.functional as F

from record_pytorch import EXTREMES, encoded, listed

LEAVES = {"a": [2, 3], "b": [3], "c": [2, 1], "w": [3, 3]}

UNARY = {
    "neg": torch.neg, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "square": torch.square,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "silu": F.silu,
    "erf": torch.erf, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round,
    "log1p": torch.log1p, "expm1": torch.expm1, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal,
    "softplus": F.softplus, "leakyRelu": F.leaky_relu, "logSigmoid": F.logsigmoid,
}
# These differ at NaN or at infinities, as their documentation says; PyTorch's gradient of ELU at NaN
# depends on the number of elements.
MODERATE = {
    "elu": F.elu,
    "sin": torch.sin, "cos": torch.cos, "abs": torch.abs, "sign": torch.sign,
    "hardswish": F.hardswish, "clamp": lambda x: x.clamp(-1, 1), "gelu": lambda x: F.gelu(x, approximate="tanh"),
}
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
    "maximum": torch.maximum, "minimum": torch.minimum,
    "whereLess": lambda x, y: torch.where(x < y, x, y * 2),
    "maskedFill": lambda x, y: x.expand(torch.broadcast_shapes(x.shape, y.shape)).masked_fill(y > 0, 0.5),
}
ROWS = {
    "softmax": lambda x: x.softmax(-1), "logSoftmax": lambda x: x.log_softmax(-1),
    "logSumExp": lambda x: x.logsumexp(-1, keepdim=True), "sum": lambda x: x.sum(-1, keepdim=True),
    "mean": lambda x: x.mean(-1, keepdim=True), "max": lambda x: x.amax(-1, keepdim=True),
    "min": lambda x: x.amin(-1, keepdim=True), "norm": lambda x: torch.linalg.vector_norm(x, dim=-1, keepdim=True),
    "prod": lambda x: x.prod(-1, keepdim=True), "cumulativeSum": lambda x: x.cumsum(-1),
    "sort": lambda x: x.sort(dim=-1, stable=True).values, "flip": lambda x: x.flip([-1]), "roll": lambda x: x.roll(1, -1),
    "at": lambda x: x[..., ::2].sum(-1, keepdim=True), "indexSelect": lambda x: x.index_select(-1, torch.tensor([x.shape[-1] - 1, 0, 0])),
    "pad": lambda x: F.pad(x, [1, 2], value=0.25)[..., 1:1 + x.shape[-1]], "repeat": lambda x: x.repeat(*[1] * (x.dim() - 1), 2)[..., :x.shape[-1]],
}
MODERATE_ROWS = {
    "std": lambda x: torch.cat([x, x * 0.5 + 1], -1).std(-1, keepdim=True),
    "layerNorm": lambda x: F.layer_norm(torch.cat([x, x * 0.5 + 1], -1), [2 * x.shape[-1]], eps=0.1)[..., :x.shape[-1]],
    "matmul": None, "conv1d": None,
}


def grow(rng, depth, is_extreme):
    if depth == 0 or rng.random() < 0.12:
        return rng.choice(["a", "b", "c"])
    unary = list(UNARY) + ([] if is_extreme else list(MODERATE))
    rows = list(ROWS) + ([] if is_extreme else list(MODERATE_ROWS))
    kind = rng.random()
    if kind < 0.4:
        return [rng.choice(unary), grow(rng, depth - 1, is_extreme)]
    if kind < 0.75:
        return [rng.choice(list(BINARY)), grow(rng, depth - 1, is_extreme), grow(rng, depth - 1, is_extreme)]
    return [rng.choice(rows), grow(rng, depth - 1, is_extreme)]


class Unsuitable(Exception):
    """A moderate expression with infinities, or a number that devices may flush to zero."""


def evaluate(expression, leaves, is_extreme):
    if isinstance(expression, str):
        return leaves[expression]
    value = compute(expression[0], [evaluate(each, leaves, is_extreme) for each in expression[1:]], leaves)
    is_subnormal = (value != 0) & (value.abs() < 2**-126)
    if is_subnormal.any() or (not is_extreme and not value.isfinite().all()):
        raise Unsuitable
    return value


def compute(name, values, leaves):
    if name == "matmul":
        return values[0].expand(*values[0].shape[:-1], 3) @ leaves["w"]
    if name == "conv1d":
        x = values[0].reshape(1, 1, -1)
        return F.conv1d(x, leaves["w"][:1].reshape(1, 1, 3), padding=1).reshape(values[0].shape)
    table = {**UNARY, **MODERATE, **BINARY, **ROWS, **MODERATE_ROWS}
    return table[name](*values)


def run(expression, values, upstream_seed, is_extreme, dtype):
    leaves = {name: torch.tensor(value, dtype=dtype).reshape(LEAVES[name]).requires_grad_() for name, value in values.items()}
    y = evaluate(expression, leaves, is_extreme)
    if not y.requires_grad:
        return None
    rng = random.Random(upstream_seed)
    upstream = [rounded(rng.uniform(-1, 1)) for _ in range(y.numel())]
    y.backward(torch.tensor(upstream, dtype=dtype).reshape(y.shape))
    gradients = [torch.zeros(shape, dtype=dtype) if leaves[name].grad is None else leaves[name].grad for name, shape in LEAVES.items()]
    return y.detach(), gradients, upstream


def rounded(value):
    return torch.tensor(float(f"{value:.4g}"), dtype=torch.float32).item()


def is_close(single, double, tolerance):
    wanted = double.float().double()
    finite = wanted[wanted.isfinite()]
    largest = finite.abs().max().item() if finite.numel() else 0.0
    same = (single.double() == wanted) | (single.isnan() & wanted.isnan()) | ((single.double() - wanted).abs() <= tolerance / 8 * largest)
    return bool(same.all())


def depth_of(expression):
    return 0 if isinstance(expression, str) else 1 + max(depth_of(each) for each in expression[1:])


def main():
    rng = random.Random(7)
    seen, tried = 0, 0
    while seen < 600:
        tried += 1
        is_extreme = seen % 3 == 2
        expression = grow(rng, 6, is_extreme)
        if isinstance(expression, str) or depth_of(expression) < 2:
            continue
        values = {name: [rng.choice(EXTREMES) if is_extreme and name != "w" and rng.random() < 0.4 else rounded(rng.uniform(-2, 2))
                         for _ in range(math.prod(shape))] for name, shape in LEAVES.items()}
        values = {name: [torch.tensor(v, dtype=torch.float32).item() for v in each] for name, each in values.items()}
        try:
            double = run(expression, values, tried, is_extreme, torch.float64)
            single = run(expression, values, tried, is_extreme, torch.float32)
        except Unsuitable:
            continue
        if double is None:
            continue
        y, gradients, upstream = double
        fits = is_close(single[0], y, 1e-5) and all(is_close(a, b, 1e-4) for a, b in zip(single[1], gradients))
        # Of extreme expressions, a few are NaN throughout, which tells little.
        if not fits or (y.isnan().all() and rng.random() < 0.8):
            continue
        seen += 1
        print(json.dumps({
            "expression": expression, "extreme": is_extreme,
            "inputs": [["-0" if math.copysign(1, v) < 0 and v == 0 else encoded(v) for v in each] for each in values.values()],
            "upstream": [encoded(each) for each in upstream], "shape": list(y.shape), "values": listed(y),
            "gradients": [listed(each) for each in gradients],
        }, separators=(",", ":")))
    import sys
    print(f"{tried} tried", file=sys.stderr)


main()
