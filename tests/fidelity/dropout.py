"""Loss and gradient of adapters by PEFT, with dropout whose masks are those of the project, and without.

    dropout.py BASE ADAPTERS SEED      prompts.jsonl, answers.jsonl: what ril-inspect says of the groups

An element of an adapter's input is dropped by a word of Philox 4x32-10 (Salmon et al. 2011): the key is what Philox makes of step, model, pass and
the layer's name under the seed, the counter the question, the response (the prompt: -1), the token's place in it, and the column / 4."""
import json
import sys

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

DROPOUT = 11  # enum ril_purpose
MASK = 0xFFFFFFFF


def philox(key, counter):
    """Of integers, or of arrays of counters."""
    c = [np.asarray(x, np.uint64) & np.uint64(MASK) for x in counter]
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & np.uint64(MASK), (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1),
             p0 & np.uint64(MASK)]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c


def fnv(text):
    h = 2166136261
    for byte in text.encode():
        h = (h ^ byte) * 16777619 & MASK
    return h


class Masked(torch.nn.Module):
    """In the place of a layer's dropout; `rows` are the names of the tokens at hand."""
    rows = None

    def __init__(self, name, p, seed, step):
        super().__init__()
        key = philox((seed, DROPOUT), (step, 0, 0, fnv(name)))
        self.key, self.below = (int(key[0]), int(key[1])), round(p * 2**32)

    def forward(self, x):
        if not self.training:
            return x
        columns = np.arange(x.shape[-1])
        question, response, place = (np.array(r)[:, None] for r in zip(*Masked.rows))
        words = np.stack(np.broadcast_arrays(*philox(self.key, (question, response, place, columns[None] // 4))), -1)
        word = np.take_along_axis(words, (columns % 4)[None, :, None].repeat(len(words), 0), -1)[..., 0]
        return x * torch.tensor(word >= self.below) / (1 - self.below / 2**32)


def loss_of(model, prompts, answers):
    total, tokens = 0, 0
    for p, a in zip(prompts, answers):
        question, ids = fnv(p["key"]), p["value"] + a["value"]
        Masked.rows = [(question, MASK, i) for i in range(len(p["value"]))] + [(question, 0, i) for i in range(len(a["value"]) - 1)]
        logp = model(input_ids=torch.tensor([ids[:-1]])).logits[0].double().log_softmax(-1)
        for i in range(len(p["value"]), len(ids)):
            total -= logp[i - 1, ids[i]]
            tokens += 1
    return total / tokens


def main(base, adapters, seed):
    prompts, answers = ([json.loads(line) for line in open(f)] for f in ("prompts.jsonl", "answers.jsonl"))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    model = PeftModel.from_pretrained(model, adapters, is_trainable=True).double()
    p = model.peft_config["default"].lora_dropout
    for name, module in model.named_modules():
        if hasattr(module, "lora_dropout"):
            assert isinstance(module.lora_dropout["default"], torch.nn.Dropout), name
            module.lora_dropout["default"] = Masked(name.removeprefix("base_model.model."), p, int(seed), 1)
    said = {}
    for what in "with", "without":
        model.train(what == "with")
        model.zero_grad()
        loss = loss_of(model, prompts, answers)
        loss.backward()
        norm = sum((x.grad**2).sum() for x in model.parameters() if x.grad is not None).sqrt()
        said[what] = {"loss": loss.item(), "norm": norm.item()}
    print(json.dumps(said))


main(*sys.argv[1:])
