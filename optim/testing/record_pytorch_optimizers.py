"""Records what PyTorch's RMSprop and moving averages do to parameters, in double precision.

    python optim/testing/record_pytorch_optimizers.py > optim/testing/pytorch_optimizers.jsonl

`pytorch_optimizers_test.ts` has the same numbers by the same generator, so that only results are stored.
"""

import json

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS = 5


def generator(seed):
    """The same numbers as `numbers` in `pytorch_optimizers_test.ts`."""
    state = seed
    while True:
        state = (state * 1664525 + 1013904223) % 2**32
        yield state / 2**31 - 1


def tensor_of(numbers, size):
    return torch.tensor([next(numbers) for _ in range(size)], dtype=torch.float32).double()


def listed(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().reshape(-1).tolist()]


RMSPROP = [
    {}, {"lr": 0.1}, {"alpha": 0.5}, {"eps": 0.1}, {"weight_decay": 0.3}, {"momentum": 0.9},
    {"centered": True}, {"momentum": 0.5, "centered": True}, {"alpha": 0.0}, {"momentum": 0.9, "weight_decay": 0.1, "lr": 0.03},
    {"centered": True, "weight_decay": 0.2, "alpha": 0.9}, {"momentum": 0.99, "centered": True, "eps": 1e-3, "lr": 0.001, "weight_decay": 0.05},
]
DECAYS = [0.999, 0.9, 0.5, 0.0, 1.0, 0.99, 0.25, 0.75, 0.1, 0.95, 0.3, 0.6]


def rmsprop(seed, options):
    numbers = generator(seed)
    parameter = torch.nn.Parameter(tensor_of(numbers, 3 + seed))
    optimizer = torch.optim.RMSprop([parameter], **options)
    after = []
    for _ in range(STEPS):
        parameter.grad = tensor_of(numbers, parameter.numel())
        optimizer.step()
        after.append(listed(parameter))
    return {"kind": "rmsprop", "seed": seed, "size": parameter.numel(), "options": options, "after": after}


def average(seed, decay):
    numbers = generator(seed)
    module = torch.nn.ParameterList([torch.nn.Parameter(tensor_of(numbers, 3 + seed))])
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay))
    after = []
    for _ in range(STEPS):
        module[0].data.copy_(tensor_of(numbers, module[0].numel()))
        averaged.update_parameters(module)
        after.append(listed(averaged.module[0]))
    return {"kind": "ema", "seed": seed, "size": module[0].numel(), "options": {"decay": decay}, "after": after}


cases = [rmsprop(i + 1, options) for i, options in enumerate(RMSPROP)]
cases += [average(i + 1, decay) for i, decay in enumerate(DECAYS)]
for case in cases:
    print(json.dumps(case, separators=(",", ":")))
