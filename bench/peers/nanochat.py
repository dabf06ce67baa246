#!/usr/bin/python3
"""Times nanochat on PyTorch, on the CPU: a training step or decoding of a randomly initialized model.

    /usr/bin/python3 nanochat.py step --nanochat DIR --depth 4 --seq 256 --batch 4
    /usr/bin/python3 nanochat.py decode --nanochat DIR --samples 16

DIR is a checkout of nanochat. The last line printed is one line of JSON with medians.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
import types

PROMPT_TOKENS = 128
TIMED_TOKENS = 100
# The first tokens allocate what later ones use again.
WARMUP_TOKENS = 5


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["step", "decode"])
    parser.add_argument("--nanochat", required=True, help="a checkout of nanochat")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--n-embd", type=int, default=256)
    parser.add_argument("--n-head", type=int, default=4)
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--seq", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--adamw", action="store_true", help="AdamW for all parameters")
    parser.add_argument("--compile", action="store_true", help="compile the model")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--samples", type=int, default=1, help="sequences decoded together")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


arguments = parse_arguments()
# nanochat reads it when it is imported.
os.environ["NANOCHAT_DTYPE"] = arguments.dtype
sys.dont_write_bytecode = True
sys.path.insert(0, arguments.nanochat)
# The engine imports it for its own command only, and it needs packages that are not used here.
sys.modules["nanochat.checkpoint_manager"] = types.SimpleNamespace(load_model=None)

import torch  # noqa: E402
from nanochat.common import COMPUTE_DTYPE  # noqa: E402
from nanochat.engine import KVCache  # noqa: E402
from nanochat.gpt import GPT, GPTConfig  # noqa: E402


def open_model(a):
    config = GPTConfig(
        sequence_len=a.seq,
        vocab_size=a.vocab_size,
        n_layer=a.depth,
        n_head=a.n_head,
        n_kv_head=a.n_head,
        n_embd=a.n_embd,
        window_pattern="L",
    )
    with torch.device("meta"):
        model = GPT(config)
    model.to_empty(device="cpu")
    model.init_weights()
    return model


def time_steps(a):
    model = open_model(a)
    if a.adamw:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    else:
        optimizer = model.setup_optimizer(weight_decay=0.1)
    forward = torch.compile(model, dynamic=False) if a.compile else model
    generator = torch.Generator().manual_seed(1)
    inputs, targets = (
        torch.randint(0, a.vocab_size, (a.batch, a.seq), generator=generator) for _ in range(2)
    )
    seconds = []
    for _ in range(a.warmup + a.steps):
        start = time.perf_counter()
        forward(inputs, targets).backward()
        optimizer.step()
        model.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
    step = statistics.median(seconds[a.warmup :])
    return {
        "ms": {"step": round(1000 * step, 2)},
        "tokens_per_second": round(a.batch * a.seq / step, 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


@torch.inference_mode()
def time_decoding(a):
    model = open_model(a).eval()
    cache = KVCache(
        batch_size=a.samples,
        num_heads=a.n_head,
        seq_len=a.seq,
        head_dim=a.n_embd // a.n_head,
        num_layers=a.depth,
        device="cpu",
        dtype=COMPUTE_DTYPE,
    )
    length = min(PROMPT_TOKENS, a.seq // 2)
    prompts = torch.randint(0, a.vocab_size, (1, length)).repeat(a.samples, 1)
    start = time.perf_counter()
    logits = model.forward(prompts, kv_cache=cache)
    prefill = time.perf_counter() - start
    seconds = []
    for _ in range(min(TIMED_TOKENS, a.seq - length)):
        start = time.perf_counter()
        tokens = logits[:, -1].argmax(-1, keepdim=True)
        logits = model.forward(tokens, kv_cache=cache)
        seconds.append(time.perf_counter() - start)
    return {
        "tokens_per_second": round(a.samples / statistics.median(seconds[WARMUP_TOKENS:]), 1),
        "prefill_tokens_per_second": round(a.samples * length / prefill, 1),
    }


torch.set_num_threads(arguments.threads)
# nanochat prints as it builds a model.
report, sys.stdout = sys.stdout, sys.stderr
result = {"step": time_steps, "decode": time_decoding}[arguments.mode](arguments)
print(
    json.dumps({
        "library": f"nanochat on PyTorch {torch.__version__}",
        "config": vars(arguments),
        **result,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }),
    file=report,
)
