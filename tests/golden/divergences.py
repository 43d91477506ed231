"""Divergences of softmaxes by PyTorch in double precision: what tests/unit/distill.c compares values and gradients with.

    python3 tests/golden/divergences.py 1 >tests/golden/divergences.jsonl     # any number: other logits

A JSON object a line: temperature, direction, rows of logits of student and teacher, weights of the rows, and what came of them."""
import json
import sys

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
g = torch.Generator().manual_seed(int(sys.argv[1]))
draw = lambda rows, cols, size: (torch.randn(rows, cols, generator=g) * size * 64).round() / 64
for rows, cols in ((1, 5), (4, 37)):
    for temperature in (1, .8, 2):
        for reverse in (False, True):
            for size in (1, 5):
                s, t, weight = draw(rows, cols, size).requires_grad_(), draw(rows, cols, size), draw(1, rows, 1)[0].abs()
                log_s, log_t = F.log_softmax(s / temperature, -1), F.log_softmax(t / temperature, -1)
                # kl_div(input, target) is KL(target || input)
                p, q = (log_t, log_s) if reverse else (log_s, log_t)
                kl = F.kl_div(p, q, reduction="none", log_target=True).sum(-1)
                (kl * weight).sum().backward()
                number = lambda x: [float(f"{v:.14g}") for v in x.detach().flatten().tolist()]
                print(json.dumps({"temperature": temperature, "reverse": reverse, "rows": rows, "student": number(s), "teacher": number(t),
                                  "weight": number(weight), "kl": number(kl), "gradient": number(s.grad)}))
