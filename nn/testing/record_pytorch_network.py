"""Records the state of a small convolutional network of PyTorch, and its logits after training steps.

    python nn/testing/record_pytorch_network.py > nn/testing/pytorch_network.jsonl

The optimizer's step is recorded, too: `nn/pytorch_network_test.ts` goes on from the same values.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn


# A bias before a batch norm has a gradient of rounding errors, of which AdamW makes whole steps.
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 4, 3, stride=2, bias=False)
        self.norm2 = nn.BatchNorm2d(4)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(F.pad(x, [0, 1, 0, 1])))), 2)
        return self.head(x.flatten(1))


def listed(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().double().reshape(-1).tolist()]


def described(state):
    return {name: {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "data": listed(value)}
            for name, value in state.items()}


def main():
    torch.manual_seed(5)
    network = Network()
    x, y = torch.randn(6, 1, 9, 9), torch.tensor([0, 1, 2, 0, 1, 2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    before = described(network.state_dict())
    losses = [step() for _ in range(5)]
    network.eval()
    print(json.dumps({
        "x": listed(x), "before": before, "losses": losses, "after": described(network.state_dict()),
        "logits": listed(network(x)),
    }, separators=(",", ":")))


main()
