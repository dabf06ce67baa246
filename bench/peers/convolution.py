#!/usr/bin/python3
"""Times the network of `bench/convolution.ts` on PyTorch, on the CPU.

    /usr/bin/python3 convolution.py --threads 2

The last line printed is one line of JSON with medians in milliseconds.
"""

import argparse
import json
import os
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--warmup", type=int, default=4)
parser.add_argument("--threads", type=int, default=os.cpu_count())
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
network = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
)
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
x = torch.randn(arguments.batch, 1, 28, 28)
y = torch.arange(arguments.batch) % 10


def step():
    optimizer.zero_grad()
    functional.cross_entropy(network(x), y).backward()
    optimizer.step()


def forward():
    with torch.no_grad():
        network(x)


def times(run, repeats):
    result = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        result.append(1000 * (time.perf_counter() - start))
    return result


times(step, arguments.warmup)
step_times = times(step, arguments.steps)
times(forward, 2)
forward_times = times(forward, min(20, arguments.steps))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({
    "library": f"PyTorch {torch.__version__}",
    "threads": torch.get_num_threads(),
    "ms": {
        "step": round(statistics.median(step_times), 2),
        "forward": round(statistics.median(forward_times), 2),
    },
    "parameters": sum(parameter.numel() for parameter in network.parameters()),
    "rss_before_mb": round(before, 1),
    "peak_rss_mb": round(peak, 1),
}))
