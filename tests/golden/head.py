"""The language head's log-probabilities and entropies by PyTorch in double precision, and autograd's gradients of a loss of both.

    python3 tests/golden/head.py >tests/golden/head.json      # what tests/unit/head_golden.c compares with"""
import json

import torch

torch.set_default_dtype(torch.float64)
R, C, V, TEMPERATURE = 5, 4, 7, .8
g = torch.Generator().manual_seed(3)
draw = lambda *shape: (torch.randn(*shape, generator=g) * 64).round() / 64  # the same numbers in float
h, w, target = draw(R, C).requires_grad_(), draw(V, C).requires_grad_(), torch.randint(0, V, (R,), generator=g)
by_logp, by_entropy = draw(R), draw(R)
by_logp[1] = by_entropy[2] = by_logp[3] = by_entropy[3] = 0
d = torch.distributions.Categorical(logits=h @ w.T / TEMPERATURE)
logp, entropy = d.log_prob(target), d.entropy()
(by_logp @ logp + by_entropy @ entropy).backward()
numbers = dict(h=h, w=w, target=target, dlogp=by_logp, dentropy=by_entropy, logp=logp, entropy=entropy, dh=h.grad, dw=w.grad)
print(json.dumps({"temperature": TEMPERATURE, **{name: x.flatten().tolist() for name, x in numbers.items()}}))
