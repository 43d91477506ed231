"""Losses of a discriminator by PyTorch in double precision: what tests/unit/disc_losses.c compares values and gradients with.

    python3 tests/golden/discriminators.py 1 >tests/golden/discriminators.jsonl     # any number: other logits

A JSON object a line: the loss, label smoothing, groups of [logit, label] (1 the student's, 0 a teacher's, -1 neither), and what came
of them.  Pairs are TRL's rewards of chosen and rejected answers: a score is -z, a teacher's answer is the chosen one."""
import json
import sys

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)


def make_groups(g, sizes):
    groups = []
    for size in sizes:
        z = (torch.randn(size, generator=g) * 3).tolist()
        label = torch.randint(-1, 2, (size,), generator=g).tolist()
        groups.append([[round(a * 64) / 64, b] for a, b in zip(z, label)])
    return groups


def bce(z, label, _, smoothing):
    losses = []
    for side in (1, 0):
        own = z[label == side]
        target = torch.full_like(own, float(side)) * (1 - smoothing) + smoothing / 2
        losses.append(F.binary_cross_entropy_with_logits(own, target))
    return sum(losses) / 2


def bradley_terry(z, label, group, smoothing):
    chosen, rejected = [], []
    for g in group.unique():
        own = group == g
        for s in z[own & (label == 1)]:
            for t in z[own & (label == 0)]:
                chosen.append(-t)
                rejected.append(-s)
    margin = torch.stack(chosen) - torch.stack(rejected)
    return -(F.logsigmoid(margin) * (1 - smoothing / 2) + F.logsigmoid(-margin) * smoothing / 2).mean()


g = torch.Generator().manual_seed(int(sys.argv[1]))
for sizes in ([8, 8], [7, 1, 12, 3]):
    for name, loss in (("bce", bce), ("bradley-terry", bradley_terry)):
        for smoothing in (0, .1, .5):
            groups = make_groups(g, sizes)
            z = torch.tensor([x[0] for own in groups for x in own], requires_grad=True)
            label = torch.tensor([x[1] for own in groups for x in own])
            group = torch.tensor([i for i, own in enumerate(groups) for _ in own])
            value = loss(z, label, group, smoothing)
            value.backward()
            print(json.dumps({"loss": name, "smoothing": smoothing, "groups": groups, "value": float(f"{value.item():.14g}"),
                              "gradient": [float(f"{x:.14g}") for x in z.grad.tolist()]}))
