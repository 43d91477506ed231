"""The divergence of a student from a teacher by transformers, and the norm of its gradient, on the responses of a stream.

    python3 tests/golden/distillation.py STUDENT TEACHER forward|reverse TEMPERATURE <groups

Both are folders of text-only models; groups are lines of JSON: {"prompt": [ids], "responses": [[ids], ...]}.  Prints the mean over all
response tokens and the norm, over every parameter of the student."""
import json
import sys

import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

student, teacher = (AutoModelForCausalLM.from_pretrained(f, dtype=torch.float64) for f in sys.argv[1:3])
reverse, temperature = sys.argv[3] == "reverse", float(sys.argv[4])
groups = [json.loads(line) for line in sys.stdin]
tokens = sum(len(r) for g in groups for r in g["responses"])
total = 0
for g in groups:
    for r in g["responses"]:
        ids = torch.tensor([g["prompt"] + r])
        s, t = (F.log_softmax(m(ids).logits[0, len(g["prompt"]) - 1:-1] / temperature, -1) for m in (student, teacher))
        t = t.detach()
        p, q = (t, s) if reverse else (s, t)
        kl = F.kl_div(p, q, reduction="none", log_target=True).sum() / tokens
        kl.backward()
        total += float(kl.detach())
norm = sum(float((p.grad ** 2).sum()) for p in student.parameters() if p.grad is not None) ** .5
print(total, norm)
