"""Steps of optimisers by PyTorch in double precision: what tests/unit/optim_steps.c compares ril_optim_step with.

    python3 tests/golden/optimisers.py 1 >tests/golden/optimisers.jsonl     # any number: other weights and gradients

A JSON object a line: settings, and parameters with their values before, the gradients of three steps and the values after them.
Values and gradients are numbers that float holds exactly."""
import json
import sys
from unittest import mock

import torch

torch.set_default_dtype(torch.float64)
STEPS = 3
# name: shape, is it the matrix of a layer between hidden states?
SHAPES = {"embed.weight": ([7, 4], False), "wide.weight": ([3, 8], True), "tall.weight": ([9, 4], True), "square.weight": ([5, 5], True),
          "square.bias": ([5], False), "norm.weight": ([6], False), "positions": ([1, 3, 4], False), "row.weight": ([1, 6], True),
          "head.weight": ([7, 4], False), "scale": ([1], False)}
MATRICES = [name for name, (_, hidden) in SHAPES.items() if hidden]


def draw(shape, unit, g):
    return torch.randint(-1000, 1001, shape, generator=g).double() / unit


def run(case, g):
    start = {name: draw(shape, 1024, g) for name, (shape, _) in SHAPES.items()}
    gradients = [{name: draw(shape, 4096, g) for name, (shape, _) in SHAPES.items()} for _ in range(STEPS)]
    p = {name: torch.nn.Parameter(x.clone()) for name, x in start.items()}
    decays = lambda name: case["decay_all"] or p[name].ndim > 1
    groups = [{"params": [x for name, x in p.items() if decays(name) == yes],
               "weight_decay": case["weight_decay"] if yes else 0} for yes in (True, False)]
    if case["optimizer"] == "muon":
        groups = [s | {"params": [x for x in s["params"] if not any(x is p[n] for n in MATRICES)]} for s in groups]
    optimisers = [torch.optim.AdamW([s for s in groups if s["params"]], lr=case["lr"], betas=(case["beta1"], case["beta2"]), eps=case["eps"])]
    if case["optimizer"] == "muon":
        optimisers.append(torch.optim.Muon([p[n] for n in MATRICES], lr=case["lr"], weight_decay=case["weight_decay"],
                                           momentum=case["momentum"], adjust_lr_fn=case["muon_scale"].replace("-", "_")))
    for step in gradients:
        for name, x in p.items():
            x.grad = step[name].clone()
        if case["clip"]:
            torch.nn.utils.clip_grad_norm_(p.values(), case["clip"])
        with mock.patch.object(torch, "bfloat16", torch.float64):  # what Muon's matrices are rounded to there
            for o in optimisers:
                o.step()
    number = lambda x: [float(f"{v:.14g}") for v in x.flatten().tolist()]
    return [{"name": name, "shape": shape, "hidden": hidden, "start": number(start[name]),
             "gradients": [number(s[name]) for s in gradients], "after": number(p[name].detach())}
            for name, (shape, hidden) in SHAPES.items()]


def cases():
    for weight_decay, decay_all, clip in ((0, False, 0), (.3, False, 0), (.3, True, 0), (.3, False, .5), (0, True, .5)):
        yield {"optimizer": "adamw", "lr": .02, "beta1": .9, "beta2": .98, "eps": 1e-8, "weight_decay": weight_decay,
               "decay_all": decay_all, "clip": clip}
    for weight_decay, clip, momentum, scale in ((0, 0, .95, "match-rms-adamw"), (.3, .5, .95, "original"), (.1, 0, .5, "match-rms-adamw"),
                                                (0, 2, 0, "original")):
        yield {"optimizer": "muon", "lr": .02, "beta1": .9, "beta2": .98, "eps": 1e-8, "weight_decay": weight_decay,
               "decay_all": False, "clip": clip, "momentum": momentum, "muon_scale": scale}


g = torch.Generator().manual_seed(int(sys.argv[1]))
for case in cases():
    print(json.dumps(case | {"params": run(case, g)}))
