"""Learning rates by transformers' own schedules: what tests/unit/schedule.c compares ril_learning_rate with.

    python3 tests/golden/schedules.py 0 >tests/golden/schedules.jsonl       # any number: other settings beside the fixed ones

A JSON object a line: settings, and the rates of steps 1 to `total` as shares of the largest.  Step t here is step t there, where
counting begins at 0, with a rate of nothing."""
import json
import random
import sys

import torch
from transformers import optimization

MIN_LR_FIELD = {"linear": "lr_end", "cosine": "min_lr_rate", "wsd": "min_lr_ratio"}


def share_of(name, warmup, total, decay, shape, least):
    """t -> the rate's share."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.)
    least = {MIN_LR_FIELD[name]: least} if least else {}
    if name == "constant":
        s = optimization.get_constant_schedule_with_warmup(optimizer, warmup)
    elif name == "linear" and least:
        s = optimization.get_polynomial_decay_schedule_with_warmup(optimizer, warmup, total, power=1., **least)
    elif name == "linear":
        s = optimization.get_linear_schedule_with_warmup(optimizer, warmup, total)
    elif name == "cosine" and least:
        s = optimization.get_cosine_with_min_lr_schedule_with_warmup(optimizer, warmup, total, **least)
    elif name == "cosine":
        s = optimization.get_cosine_schedule_with_warmup(optimizer, warmup, total)
    else:
        s = optimization.get_wsd_schedule(optimizer, warmup, decay or -(-total // 10), total, decay_type=shape, **least)
    return s.lr_lambdas[0]


def cases(seed):
    yield "constant", 0, 5, 0, "cosine", 0
    for name in ("constant", "linear", "cosine"):
        for warmup, total, least in ((0, 12, 0), (4, 13, 0), (1, 2, 0), (3, 20, .1)):
            yield name, warmup, total, 0, "cosine", 0 if name == "constant" else least
    for shape in ("cosine", "linear", "1-sqrt"):
        # its warm-up there begins at the least rate; here, as everywhere, at nothing: one of the two is 0
        for warmup, total, decay, least in ((0, 12, 5, .2), (3, 15, 6, 0), (0, 21, 0, 0), (2, 9, 7, 0), (0, 4, 4, .5), (1, 8, 1, 0)):
            yield "wsd", warmup, total, decay, shape, least
    r = random.Random(seed)
    for _ in range(20 if seed else 0):
        name = r.choice(["constant", "linear", "cosine", "wsd"])
        total = r.randint(2, 300)
        warmup = r.randint(0, total // 2)
        least = 0 if name == "constant" or (name == "wsd" and warmup) else r.choice([0, r.random()])
        yield name, warmup, total, r.randint(1, total - warmup), r.choice(["cosine", "linear", "1-sqrt"]), least


for case in cases(int(sys.argv[1])):
    share = share_of(*case)
    fields = dict(zip(("schedule", "warmup", "total", "decay", "shape", "least"), case))
    print(json.dumps(fields | {"rates": [float(f"{share(t):.13g}") for t in range(1, case[2] + 1)]}))
