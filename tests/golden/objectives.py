"""Objectives by PyTorch in double precision: what tests/unit/algo_objectives.c compares advantages, losses and gradients with.

    python3 tests/golden/objectives.py 1 >tests/golden/objectives.jsonl     # any number: other batches
    python3 tests/golden/objectives.py --trl     # the same losses, advantages given, by TRL's own trainers; exit status 1 if they differ

Two batches, then cases, a JSON object a line.  Responses are rows that are padded and masked, as trainers have them, and gradients
are autograd's; nothing is shared with the form that the C code computes in."""
import json
import math
import sys

import torch

torch.set_default_dtype(torch.float64)
MOST = 9  # max_new_tokens, and the constant of dr-grpo

# name: baseline, scale, ratio, clip, aggregation, below, above
OBJECTIVES = {
    "grpo": ("mean", "group", "token", "ppo", "seq-mean-token-mean", .2, .2),
    "dr-grpo": ("mean", None, "token", "ppo", "constant", .2, .2),
    "dapo": ("mean", "group", "token", "ppo", "token-mean", .2, .28),
    "gspo": ("mean", "group", "sequence", "ppo", "seq-mean-token-mean", 3e-4, 4e-4),
    "cispo": ("mean", "group", "token", "cispo", "token-mean", 1, 4),
    "rloo": ("others", None, "token", "ppo", "seq-mean-token-sum", .2, .2),
    "reinforce++": (None, "batch", "token", "ppo", "token-mean", .2, .2),
    "reinforce++-baseline": ("mean", "batch", "token", "ppo", "token-mean", .2, .2),
}


def make_batch(seed, mixed):
    """Groups of responses; a mixed batch also has a teacher's response, one that the judge could not decide and a group of one."""
    g = torch.Generator().manual_seed(seed)
    draw = lambda n, low, high: [round(x, 6) for x in (low + (high - low) * torch.rand(n, generator=g)).tolist()]
    groups = []
    for size in ([4, 3, 4, 1] if mixed else [4, 4, 3]):
        responses = []
        for i in range(size):
            n = int(torch.randint(1, MOST + 1, (1,), generator=g))
            logp = draw(n, -3, -.05)
            near = lambda by: [round(x + d, 6) for x, d in zip(logp, draw(n, -by, by))]
            responses.append({"source": 0, "reward": round(float(torch.randint(0, 5, (1,), generator=g)) / 4, 2), "logp": logp,
                              "old": near(.4), "ref": near(.6), "sampler": near(.5)})
        groups.append(responses)
    if mixed:
        groups[0][2]["source"] = 1
        groups[1][1]["reward"] = None
        for r in groups[2]:  # no variance
            r["reward"] = .5
    return groups


def overlong(length, cache):
    """DAPO, eq. 13."""
    if not cache or length <= MOST - cache:
        return 0.
    return (MOST - cache - length) / cache


def advantages(name, groups, cache):
    """One for each response, NaN for those without, and the padded mask."""
    baseline, scale = OBJECTIVES[name][:2]
    out = []
    for group in groups:
        r = torch.tensor([math.nan if x["reward"] is None or x["source"] else x["reward"] + overlong(len(x["logp"]), cache) for x in group])
        known = ~r.isnan()
        a = r.clone()
        for i in range(len(r)):
            others = known.clone()
            others[i] = False
            if baseline == "mean":
                a[i] = r[i] - r[known].mean()
            if baseline == "others":
                a[i] = r[i] - (r[others].mean() if others.any() else r[i])
        if scale == "group":
            a = a / ((r[known].std() if known.sum() > 1 else 0) + 1e-4)
        out.append(a)
    a = torch.cat(out)
    if scale == "batch":
        lengths = torch.tensor([len(x["logp"]) for group in groups for x in group])
        tokens = a.repeat_interleave(lengths)
        tokens = tokens[~tokens.isnan()]
        a = (a - tokens.mean()) / tokens.var(correction=0).clamp(min=1e-8).sqrt()
    return a


def padded(groups, field):
    rows = [torch.tensor(x[field]) for group in groups for x in group]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def mean_over(x, mask):
    return (x * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)


def losses(name, case, a, p, old, ref, sampler, mask, takes):
    """The loss, its gradient by p, the mean of k3 over tokens and the share of tokens that the clip stops."""
    _, _, level, form, aggregation, below, above = OBJECTIVES[name]
    below, above = case["below"] or below, case["above"] or above
    p = p.clone().requires_grad_()
    old = p.detach() if case["first"] else old
    log_ratio = p - old
    if level == "sequence":
        log_ratio = mean_over(log_ratio, mask).detach() + p - p.detach() if case["cap"] else mean_over(log_ratio, mask)
    ratio = log_ratio.exp().expand(p.shape)
    A = a.nan_to_num()[:, None].expand(p.shape)
    bounded = ratio.clamp(1 - below, 1 + above)
    s = bounded.detach() * A * p if form == "cispo" else torch.minimum(ratio * A, bounded * A)
    if form == "cispo":
        stopped = bounded != ratio
    else:
        stopped = (s != ratio * A) & (A.abs() > 1e-12)
    if case["cap"]:
        s = s * (old - sampler).exp().clamp(max=case["cap"]).detach()
    d = ref - p
    k3 = d.exp() - d - 1
    kl = {"k1": -d, "k2": d ** 2 / 2, "k3": k3}[case["kl"]]
    counts = mask * ~a.isnan()[:, None]
    x = -(s - case["beta"] * kl) * counts
    N, lengths, tokens = takes.sum(), mask.sum(-1), (mask * takes[:, None]).sum()
    loss = {"constant": x.sum() / (N * MOST), "seq-mean-token-mean": (x.sum(-1) / lengths).sum() / N,
            "seq-mean-token-sum": x.sum() / N, "token-mean": x.sum() / tokens}[aggregation]
    loss.backward()
    return loss.detach(), p.grad, (k3.detach() * counts).sum() / counts.sum(), (stopped * counts).sum() / counts.sum()


def tensors(groups):
    mask = padded([[{"m": [1.] * len(x["logp"])} for x in group] for group in groups], "m")
    takes = torch.tensor([x["source"] == 0 for group in groups for x in group])
    return [padded(groups, f) for f in ("logp", "old", "ref", "sampler")] + [mask, takes]


def cases():
    for name in OBJECTIVES:
        for i, (first, beta, kl, cap, below, above, cache) in enumerate([
                (True, 0, "k3", 0, None, None, 0), (False, .04, "k3", 0, None, None, 0), (False, .1, "k2", 1.1, .1, .25, 4),
                (True, .3, "k1", .9, None, None, 0), (False, .3, "k1", 0, .05, .05, 2)]):
            for batch in (0, 1):
                yield {"objective": name, "batch": batch, "first": first, "beta": beta, "kl": kl, "cap": cap, "below": below,
                       "above": above, "overlong": cache}


def write(seed):
    number = lambda x: None if math.isnan(x) else float(f"{x:.13g}")
    batches = [make_batch(seed, False), make_batch(seed + 1000, True)]
    for groups in batches:
        print(json.dumps({"most": MOST, "groups": groups}))
    for case in cases():
        groups = batches[case["batch"]]
        a = advantages(case["objective"], groups, case["overlong"])
        p, old, ref, sampler, mask, takes = tensors(groups)
        loss, grad, k3, clipped = losses(case["objective"], case, a, p, old, ref, sampler, mask, takes)
        print(json.dumps(case | {"advantage": [number(x) for x in a.tolist()], "loss": number(loss), "kl_mean": number(k3),
                                 "clipped": number(clipped), "dlogp": [number(x) for x in grad[mask > 0].tolist()]}))


# ---- TRL ----

class Anything:
    """Stands for what a trainer only reports to."""

    def __getattr__(self, name):
        return Anything()

    def __call__(self, x=None, *_, **__):
        return x if x is not None else self

    def __getitem__(self, name):
        return Anything()


def trainer(**settings):
    from types import SimpleNamespace
    t = SimpleNamespace(accelerator=SimpleNamespace(num_processes=1, gather=lambda x: x, gather_for_metrics=lambda x: x,
                                                    reduce=lambda x, **_: x),
                        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
                        current_gradient_accumulation_steps=1, aux_loss_enabled=False, top_entropy_quantile=1.,
                        off_policy_mask_threshold=None, use_vllm=False, vllm_importance_sampling_correction=False,
                        _entropy_bonus_enabled=False, max_completion_length=MOST, beta=0., _metrics=Anything(),
                        model=SimpleNamespace(training=True), importance_sampling_level="token")
    t.__dict__.update(settings)
    return t


def trl_loss(name, case, a, p, old, ref, sampler, mask):
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.rloo_trainer import RLOOTrainer
    below, above = case["below"] or OBJECTIVES[name][5], case["above"] or OBJECTIVES[name][6]
    kind = {"dr-grpo": "dr_grpo", "gspo": "grpo", "reinforce++": "dapo", "reinforce++-baseline": "dapo"}.get(name, name)
    p = p.clone().requires_grad_()
    old = p.detach() if case["first"] else old
    t = trainer(loss_type=kind, epsilon_low=below, epsilon_high=above + (name == "cispo"), beta=case["beta"], use_vllm=case["cap"] > 0,
                vllm_importance_sampling_correction=True, _get_per_token_logps_and_entropies=lambda *_, **__: (p, torch.ones_like(p), None))
    if name == "gspo":
        t.importance_sampling_level = "sequence"
    inputs = {"prompt_ids": mask[:, :1].long(), "prompt_mask": mask[:, :1].long(), "completion_ids": mask.long(), "completion_mask": mask,
              "advantages": a, "old_per_token_logps": old, "old_logps": (old * mask).sum(-1), "ref_per_token_logps": ref,
              "num_items_in_batch": mask.sum(),
              "importance_sampling_ratio": (old - sampler).exp().clamp(max=case["cap"] or None) if case["cap"] else None}
    loss = (RLOOTrainer if name == "rloo" else GRPOTrainer)._compute_loss(t, t.model, inputs)
    loss.backward()
    return loss.detach(), p.grad * mask


def compare():
    """On the first batch, where every response counts: with k3, TRL's only estimator; rloo in the first pass, where its ratio is 1."""
    groups = make_batch(1, False)
    p, old, ref, sampler, mask, takes = tensors(groups)
    compared = worst = 0
    for case in cases():
        name = case["objective"]
        if case["batch"] or (case["beta"] and case["kl"] != "k3"):
            case = case | {"batch": 0, "kl": "k3", "below": case["below"], "beta": .07}
        if name == "cispo":
            case["below"] = 1  # TRL has no bound below
        if name == "gspo":
            case["cap"] = 0    # TRL takes the mean of the weighted losses, GSPO-token and verl the weighted gradient of each
        if name == "rloo":
            case |= {"first": True, "beta": 0, "cap": 0}
        a = advantages(name, groups, case["overlong"])
        loss, grad, _, _ = losses(name, case, a, p, old, ref, sampler, mask, takes)
        theirs, their_grad = trl_loss(name, case, a, p, old, ref, sampler, mask)
        off = float((grad - their_grad).norm() / their_grad.norm())
        if name != "rloo":  # the value of a ratio of 1 is A a response there, A a token here
            off = max(off, float((loss - theirs).abs() / (theirs.abs() + 1e-3)))
        compared, worst = compared + 1, max(worst, off)
        if not off < 1e-9:
            print(f"{case}: {float(loss)} and {float(theirs)}, gradients {off:.2e} apart", file=sys.stderr)
    from trl.rewards import get_soft_overlong_punishment
    for cache in range(1, MOST + 1):
        theirs = get_soft_overlong_punishment(MOST, cache)([[0] * n for n in range(1, MOST + 1)])
        worst = max([worst] + [abs(overlong(n, cache) - x) for n, x in zip(range(1, MOST + 1), theirs)])
        compared += 1
    print(f"{compared} compared, largest difference {worst:.2e}")
    return not worst < 1e-9


if __name__ == "__main__":
    sys.exit(compare() if sys.argv[1:] == ["--trl"] else write(int(sys.argv[1])))
