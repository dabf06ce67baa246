#!/usr/bin/python3
"""Trains the networks of `examples/clothes.ts` and `examples/quickstart.ts` on PyTorch, without numpy.

    python3 bench/peers/fashion_mnist.py /usr/share/datasets/fashion-mnist --network clothes --seed 1

It prints the share of right test images after each epoch, as the examples do.
"""

import argparse
import gzip

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--network", choices=["clothes", "quickstart"], default="clothes")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)
torch.manual_seed(arguments.seed)


def read(name, header):
    with gzip.open(f"{arguments.folder}/{name}-ubyte.gz") as file:
        return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)


def examples(part):
    classes = read(f"{part}-labels-idx1", 8).long()
    return read(f"{part}-images-idx3", 16).reshape(-1, 1, 28, 28).float() / 255, classes


networks = {
    "clothes": lambda: nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    ),
    "quickstart": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10),
    ),
}
network = networks[arguments.network]()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
images, classes = examples("train")
test_images, test_classes = examples("t10k")
for epoch in range(1, arguments.epochs + 1):
    for chosen in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[chosen]), classes[chosen]).backward()
        optimizer.step()
    with torch.no_grad():
        right = sum(
            (network(x).argmax(1) == y).sum().item()
            for x, y in zip(test_images.split(500), test_classes.split(500))
        )
    print(f"epoch {epoch}: {right / len(test_classes):.4f} of the test images are right", flush=True)
