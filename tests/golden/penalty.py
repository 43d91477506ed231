"""R1 by noise (ril-discriminate --r1) by transformers and PyTorch's autograd, on the responses of a stream.

    python3 tests/golden/penalty.py D WEIGHT SIGMA SEED STEP bce|bradley-terry <groups

D is the folder of a text-only discriminator; groups are lines of JSON: {"key": "...", "prompt": [ids], "responses": [[ids], ...],
"source": [...]}.  Noise is drawn here again: Philox 4x32-10 (Salmon et al. 2011) and Box and Muller's transform.  Prints the mean
squared difference of the teachers' logits, and the norm of the gradient of the loss with WEIGHT times that, over every parameter."""
import json
import math
import os
import sys

import torch
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import AutoModel

folder, weight, sigma, seed, step, loss = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
PURPOSE = 12
WORD = 0xffffffff


def philox(key, c):
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ key[0], b & WORD, a >> 32 ^ c[3] ^ key[1], a & WORD]
        key = [key[0] + 0x9E3779B9 & WORD, key[1] + 0xBB67AE85 & WORD]
    return c


def normals(question, response, n):
    out = []
    for i in range((n + 1) // 2):
        w = philox([seed, PURPOSE], [step, question, response, i])
        u, v = ((w[k] << 32 | w[k + 1]) >> 11 for k in (0, 2))
        radius, angle = math.sqrt(-2 * math.log(1 - u * 2. ** -53)), 2 * math.pi * v * 2. ** -53
        out += [radius * math.cos(angle), radius * math.sin(angle)]
    return torch.tensor(out[:n])


def name_of(key):
    h = 2166136261
    for byte in key.encode():
        h = (h ^ byte) * 16777619 & WORD
    return h


torch.set_default_dtype(torch.float64)
body = AutoModel.from_pretrained(folder, dtype=torch.float64)
head = {k: v.double().requires_grad_() for k, v in load_file(os.path.join(folder, "model.safetensors")).items() if k.startswith("score.")}
table = body.get_input_embeddings().weight
scale = sigma * float(table.detach().square().mean().sqrt())
groups = [json.loads(line) for line in sys.stdin]


def score(g, r, noise=None):
    e = F.embedding(torch.tensor(g["prompt"] + r), table)
    if noise is not None:
        e = e + torch.cat([torch.zeros(len(g["prompt"]), e.shape[1]), noise])
    return F.linear(body(inputs_embeds=e[None]).last_hidden_state[0, -1:], head["score.weight"], head["score.bias"])[0, 0]


sides, moved, pairs = {0: [], 1: []}, [], []
for g in groups:
    z = [score(g, r) for r in g["responses"]]
    for i, (r, source) in enumerate(zip(g["responses"], g["source"])):
        if source < 0:
            continue
        sides[min(source, 1)].append(z[i])
        if source > 0:
            noise = scale * normals(name_of(g["key"]), i, len(r) * table.shape[1]).reshape(len(r), -1)
            moved.append((z[i] - score(g, r, noise)) ** 2)
            pairs += [z[k] - z[i] for k, s in enumerate(g["source"]) if s == 0]
student, teacher = (torch.stack(sides[k]) for k in (0, 1))
if loss == "bce":
    value = (F.softplus(-student).mean() + F.softplus(teacher).mean()) / 2
else:
    value = F.softplus(-torch.stack(pairs)).mean()
r1 = torch.stack(moved).mean()
(value + weight * r1).backward()
norm = sum(float((p.grad ** 2).sum()) for p in [*body.parameters(), *head.values()] if p.grad is not None) ** .5
print(float(r1.detach()), norm)
