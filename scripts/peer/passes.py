#!/usr/bin/env python3
"""passes.py --agree FILE [--device D] [--compute TYPE] [--only PART] [--step B] MODEL -- the passes of tests/bench/passes.c with
PyTorch and transformers, at their best settings, on the same random weights.  Run by scripts/bench-cuda.

First its numbers are held to ours (FILE, from `passes --agree`): log-probabilities, gradient norms, sampled tokens, a
discriminator's logits, a picture's embeddings.  Only then is it timed: one line a part, tab-separated: part, seconds, setting.
Exit status 5: the numbers disagree, nothing was timed; 6: torch or transformers is missing.

What it does otherwise than we do, and why:
- There is no shared prefix here: every response brings its prompt along.  Made-up responses are of one length, so nothing is padded, no mask
  is given, and scaled_dot_product_attention takes its flash kernel (flash_attn too, where it is installed: the faster counts).
- Layers are compiled (torch.compile, one compilation for all of them) and run as they are: the faster counts.
- The language head reads response rows only, fused with log-softmax by torch.compile, in chunks, checkpointed or not.
- A step goes through as many sequences at once as memory holds, halved from 16, without gradient checkpointing as long as one fits.
- Weights and gradients of steps are in the type of the passes (ours adds gradients in float); the optimiser steps float masters, fused,
  with clipping, and rounds them to the passes' type, as ours.
- Decoding: a static cache and one compiled step (a CUDA graph on a GPU: mode reduce-overhead), and a growing cache as it is: the faster
  counts.
"""
import argparse, copy, gc, inspect, math, sys, time

try:
    import torch
    import torch.nn.functional as F
    import transformers
    from torch.utils.checkpoint import checkpoint
    from transformers import DynamicCache, StaticCache
except ImportError as e:
    print(f"passes.py: {e}", file=sys.stderr)
    sys.exit(6)

DECODED, CHUNK = 64, 2048
# A step meets a dozen shapes; beyond its limit torch.compile gives up without a word.
setattr(torch._dynamo.config, "recompile_limit" if hasattr(torch._dynamo.config, "recompile_limit") else "cache_size_limit", 64)
# u of bfloat16 is 2^-9; through dozens of layers some tens of them.  Measured figures are printed beside the bounds.
BOUND = {"f32": 2e-3, "bf16": 0.1}
TYPE = {"f32": torch.float32, "bf16": torch.bfloat16}


# ---- the clock: as tests/bench/passes_rates.c ----
def sync():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize(DEVICE)


def once(f):
    sync()
    t = time.perf_counter()
    f()
    sync()
    return time.perf_counter() - t


def best(f):
    """The best of what fits into some seconds, after a first run that compiles."""
    once(f)
    least, spent = math.inf, 0.0
    for i in range(20):
        t = once(f)
        least, spent = min(least, t), spent + t
        if spent > 4:
            break
    return least


def free():
    gc.collect()
    if DEVICE.type == "cuda":
        torch.cuda.empty_cache()


def fastest(part, settings):
    """settings: [(name, function that makes what is timed)].  One that cannot run says why; the fastest counts."""
    times = []
    for name, make in settings:
        try:
            times.append((best(make()), name))
        except Exception as e:  # a compiler's own, out of memory: another setting may do
            print(f"passes.py: {part}, {name}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", file=sys.stderr)
        torch.compiler.reset()
        free()
    if times:
        t, name = min(times)
        print(f"{part}\t{t:.6g}\t{name}", flush=True)


# ---- the model ----
class Policy:
    def __init__(self, folder, compute):
        self.model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=TYPE[compute], attn_implementation="sdpa")
        self.model = self.model.to(DEVICE).eval()
        self.lm, self.head = self.model.model.language_model, self.model.lm_head
        self.config = self.model.config.get_text_config()
        names = inspect.signature(self.lm.forward).parameters
        self.cache_name = "cache" if "cache" in names else "past_key_values"  # before transformers 5.24
        self.model.requires_grad_(False)

    def train(self):
        """The language model with its head, as --train llm."""
        self.lm.requires_grad_(True)
        self.head.requires_grad_(True)
        return self

    def parameters(self):
        return [p for p in self.model.parameters() if p.requires_grad]

    def hidden(self, ids, cache=None, **more):
        return self.lm(input_ids=ids, use_cache=cache is not None, **{self.cache_name: cache}, **more).last_hidden_state

    def layers(self, compiled):
        """One compilation for all, as long as no cache is given, in which each has a place of its own."""
        for layer in self.lm.layers:
            layer._compiled_call_impl = None
            if compiled:
                layer.compile(dynamic=False)

    def attention(self, name):
        self.model.set_attn_implementation(name)


def attentions():
    try:
        import flash_attn  # noqa: F401
        return ["sdpa", "flash_attention_2"]
    except ImportError:
        return ["sdpa"]


def logp_rows(h, w, target):
    z = (h @ w.T).float()
    return z.gather(-1, target[:, None])[:, 0] - z.logsumexp(-1)


def head_logp(h, w, target, keep, rows=logp_rows):
    """h [R,H] -> [R]; keep: the logits are kept for the way back, else computed again."""
    parts = []
    for a, t in zip(h.split(CHUNK), target.split(CHUNK)):
        parts.append(rows(a, w, t) if keep else checkpoint(rows, a, w, t, use_reentrant=False))
    return torch.cat(parts)


def policy_logp(policy, seqs, P, keep=True, rows=logp_rows):
    h = policy.hidden(seqs)[:, P - 1:-1]
    return head_logp(h.flatten(0, 1), policy.head.weight, seqs[:, P:].flatten(), keep, rows)


def policy_step(policy, seqs, P, micro, rows=logp_rows):
    """Minus the mean log-probability, and its gradient."""
    policy.model.zero_grad(set_to_none=True)
    total = seqs[:, P:].numel()
    for part in seqs.split(micro):
        (-policy_logp(policy, part, P, True, rows).sum() / total).backward()


def score(policy, w, seqs):
    return (policy.hidden(seqs)[:, -1] @ w.to(policy.head.weight.dtype)).float()


def score_step(policy, w, seqs, micro):
    policy.model.zero_grad(set_to_none=True)
    w.grad = None
    label = (torch.arange(len(seqs), device=DEVICE) % 2).float()
    for part, l in zip(seqs.split(micro), label.split(micro)):
        (F.binary_cross_entropy_with_logits(score(policy, w, part), l, reduction="sum") / len(seqs)).backward()


def norm_of(params):
    return math.sqrt(sum(float(p.grad.double().pow(2).sum()) for p in params if p.grad is not None))


def embed(policy, pixels, grid):
    more = {"image_grid_thw": grid} if hasattr(policy.model.model, "visual") else {}
    out = policy.model.model.get_image_features(pixels, **more)
    out = getattr(out, "pooler_output", out)
    return torch.cat(list(out)) if isinstance(out, (tuple, list)) else out.flatten(0, -2)


def picture(policy):
    """The rule of tests/bench/passes_sample.c."""
    vision = policy.model.config.vision_config
    if hasattr(policy.model.model, "visual"):
        shape = (1024, vision.in_channels * vision.temporal_patch_size * vision.patch_size ** 2)
    else:
        size = vision.image_size
        size = list(size) if isinstance(size, (list, tuple)) else [size, size]
        shape = (1, vision.num_channels, *size)
    i = torch.arange(math.prod(shape), dtype=torch.int64)
    x = (i * 7919 % 2003).float() / 1001 - 1
    return x.reshape(shape).to(DEVICE), torch.tensor([[1, 32, 32]], device=DEVICE)


# ---- agreement ----
def read_agreement(path):
    a = {}
    for line in open(path):
        name, *values = line.split()
        a.setdefault(name, []).append([float(x) for x in values])
    return a


def apart(ours, theirs):
    """Root mean square of the difference over the spread of the numbers."""
    x, y = torch.tensor(ours).double(), theirs.detach().double().cpu().flatten()
    assert x.shape == y.shape, (x.shape, y.shape)
    spread = y.std() if len(y) > 2 else y.abs().max()  # of a few, their size
    return float((x - y).pow(2).mean().sqrt() / spread)


def agree(policy, a, bound):
    G, P, R, L = (int(x) for x in a["small"][0])
    ids = torch.tensor(a["ids"][0], dtype=torch.long, device=DEVICE)
    seqs = torch.cat([ids[:P].expand(R, P), ids[P:].reshape(R, L)], 1)
    found = {}
    with torch.no_grad():
        logp = []
        for s in a["sampled"]:
            full = torch.cat([ids[:P], torch.tensor(s, dtype=torch.long, device=DEVICE)])[None]
            logp.append(policy_logp(policy, full, P))
        found["sampled log-probabilities"] = apart(sum(a["sampled_logp"], []), torch.cat(logp))
        if "tower" in a:
            x, grid = picture(policy)
            mine = embed(policy, x, grid).flatten()[:len(a["tower"][0])]
            found["picture embeddings"] = apart(a["tower"][0], mine)
        found["log-probabilities"] = apart(a["logp"][0], policy_logp(policy, seqs, P))
    policy.train()
    policy_step(policy, seqs, P, R)
    found["their gradient's norm"] = abs(norm_of(policy.parameters()) / a["gradient"][0][0] - 1)
    w = torch.tensor(a["score_weight"][0], device=DEVICE, dtype=policy.head.weight.dtype, requires_grad=True)
    with torch.no_grad():
        found["discriminator's logits"] = apart(a["score"][0], score(policy, w, seqs))
    policy.model.zero_grad(set_to_none=True)
    good = True
    for name, error in found.items():
        good &= error <= bound
        print(f"passes.py: {name}: {error:.2g} apart ({'at most' if error <= bound else 'MORE THAN'} {bound:g})", file=sys.stderr)
    return good, w


# ---- the parts ----
def tower(policy):
    x, grid = picture(policy)

    def make(compiled):
        f = torch.compile(embed) if compiled else embed

        def run():
            with torch.no_grad():
                f(policy, x.cpu().to(DEVICE) if DEVICE.type == "cuda" else x, grid)
        return run
    fastest("tower", [("as it is", lambda: make(False)), ("compiled", lambda: make(True))])


def choose(z):
    return torch.multinomial(z.float().softmax(-1), 1)


def prefill(policy, prompt, n):
    ids = prompt.expand(n, -1).contiguous()

    def make(compiled, attention):
        policy.attention(attention)
        f = torch.compile(policy.hidden, dynamic=False) if compiled else policy.hidden

        def run():
            with torch.no_grad():
                choose(policy.head(f(ids, cache=DynamicCache(config=policy.config))[:, -1]))
        return run
    fastest("prefill", [(f"{a}, {'compiled' if c else 'as it is'}", lambda c=c, a=a: make(c, a)) for a in attentions() for c in (False, True)])
    plain(policy)


def plain(policy):
    policy.layers(False)
    policy.attention("sdpa")


def decode(policy, prompt, n, steps):
    P = prompt.shape[-1]
    ids = prompt.expand(n, -1).contiguous()
    token = torch.full((n, 1), int(prompt[..., -1:].flatten()[0]), device=DEVICE)
    places = [torch.full((n, 1), P + i, device=DEVICE) for i in range(steps)]

    def step(token, place, cache):
        return choose(policy.head(policy.hidden(token, position_ids=place, cache=cache)[:, -1]))

    def timed(f, cache):
        t = token
        sync()
        start = time.perf_counter()
        for place in places:
            torch.compiler.cudagraph_mark_step_begin()
            t = f(t, place, cache).clone()
        sync()
        return (time.perf_counter() - start) / steps

    def growing():
        times = []
        for _ in range(2):
            cache = DynamicCache(config=policy.config)
            policy.hidden(ids, cache=cache)
            times.append(timed(step, cache))
        return min(times)

    def static():
        cache = StaticCache(config=policy.config, max_cache_len=P + steps + 1)
        f = torch.compile(step, dynamic=False, mode="reduce-overhead" if DEVICE.type == "cuda" else "default")
        times = []
        for _ in range(3):  # the first compiles
            cache.reset()
            policy.hidden(ids, cache=cache)
            times.append(timed(f, cache))
        return min(times[1:])

    times = []
    for name, run in (("growing cache", growing), ("static cache, compiled", static)):
        try:
            with torch.no_grad():
                times.append((run(), name))
        except Exception as e:
            print(f"passes.py: decode {n}, {name}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", file=sys.stderr)
        torch.compiler.reset()
        free()
    if times:
        print(f"decode {n}\t{min(times)[0]:.6g}\t{min(times)[1]}", flush=True)


def head(policy, rows):
    H, V = policy.config.hidden_size, policy.config.vocab_size
    w = policy.head.weight.detach().clone().requires_grad_()
    h = (torch.rand(rows, H, device=DEVICE) - .5).to(w.dtype).requires_grad_()
    target = torch.randint(0, V, (rows,), device=DEVICE)

    def make(compiled, keep):
        f = torch.compile(logp_rows, dynamic=False) if compiled else logp_rows

        def run():
            h.grad = w.grad = None
            (-head_logp(h, w, target, keep, f).mean()).backward()
        return run
    fastest("language head", [(f"{'compiled' if c else 'as it is'}, logits {'kept' if k else 'computed again'}", lambda c=c, k=k: make(c, k))
                              for c in (False, True) for k in (True, False)])


def reference(policy, seqs, P):
    def make(compiled, attention):
        policy.attention(attention)
        policy.layers(compiled)
        f = torch.compile(logp_rows, dynamic=False) if compiled else logp_rows

        def run():
            with torch.no_grad():
                for part in seqs.split(16):
                    policy_logp(policy, part, P, True, f)
        return run
    fastest("reference pass", [(f"{a}, {'compiled' if c else 'as it is'}", lambda c=c, a=a: make(c, a)) for a in attentions() for c in (False, True)])
    plain(policy)


def fits(run, micro, f):
    try:
        run(micro, f)
        return True
    except torch.OutOfMemoryError:
        return False


def step_part(part, policy, seqs, run):
    """run(micro, rows): micro-batches halved until they fit; checkpoints where even one sequence does not."""
    def make(compiled, attention):
        policy.attention(attention)
        policy.layers(compiled)
        f = torch.compile(logp_rows, dynamic=False) if compiled else logp_rows
        micro = min(16, len(seqs))
        while not fits(run, micro, f):
            policy.model.zero_grad(set_to_none=True)
            free()
            if micro > 1:
                micro //= 2
            elif not policy.model.training:  # not even one sequence: checkpoints, which only training mode takes
                getattr(policy.model, "activation_checkpointing_enable", policy.model.gradient_checkpointing_enable)()
                policy.model.train()
                micro = 4
            else:
                raise RuntimeError("one sequence with checkpoints does not fit")
        return lambda: run(micro, f)
    fastest(part, [(f"{a}, {'compiled' if c else 'as it is'}", lambda c=c, a=a: make(c, a)) for a in attentions() for c in (False, True)])
    policy.model.zero_grad(set_to_none=True)
    plain(policy)


def optimiser(policy):
    """On float masters; what passes read is their copy in the passes' type."""
    params = policy.parameters()
    wide = [p if p.dtype == torch.float32 else p.detach().float().requires_grad_() for p in params]
    for m in wide:
        m.grad = torch.full_like(m, 1e-3)
    opt = torch.optim.AdamW(wide, lr=1e-6, fused=True)

    def run():
        torch.nn.utils.clip_grad_norm_(wide, 1.0, foreach=True)
        opt.step()
        if wide[0] is not params[0]:
            torch._foreach_copy_([p.data for p in params], [m.data for m in wide])
    fastest("optimiser", [("fused, float masters", lambda: run)])
    policy.model.zero_grad(set_to_none=True)


def whole_step(policy, w, spec):
    """One RIL step of groups x (student + teacher) responses: sampled, judged by a discriminator that is trained on them first, the
    reference's and the policy's pass, both optimisers (on the passes' own type, without masters: less than ours holds)."""
    how = {k: int(v) for k, v in (x.split("=") for x in spec.split(","))}
    G, P, S, T, L = (how[k] for k in ("groups", "prompt", "student", "teacher", "length"))
    V = min(policy.config.vocab_size, 151000)
    prompts = torch.randint(0, V, (G, P), device=DEVICE).repeat_interleave(S, 0)
    given = torch.randint(0, V, (G * (S + T), P + L), device=DEVICE)
    disc, ref = copy.deepcopy(policy), copy.deepcopy(policy)
    ref.model.requires_grad_(False)
    ids = prompts.contiguous()
    opt = [torch.optim.AdamW(policy.parameters(), lr=1e-6, fused=True), torch.optim.AdamW([*disc.parameters(), w], lr=1e-6, fused=True)]
    disc.layers(True)
    ref.layers(True)
    rows = torch.compile(logp_rows, dynamic=False)
    one = torch.compile(lambda t, place, cache: choose(policy.head(policy.hidden(t, position_ids=place, cache=cache)[:, -1])), dynamic=False,
                        mode="reduce-overhead" if DEVICE.type == "cuda" else "default")
    cache = StaticCache(config=policy.config, max_cache_len=P + L + 1)
    micro = 4 if DEVICE.type == "cuda" else 16

    def run():
        with torch.no_grad():
            cache.reset()
            policy.layers(False)
            t = choose(policy.head(policy.hidden(ids, cache=cache)[:, -1]))
            for i in range(L - 1):
                torch.compiler.cudagraph_mark_step_begin()
                t = one(t, torch.full((G * S, 1), P + i, device=DEVICE), cache).clone()
        score_step(disc, w, given, micro)
        torch.nn.utils.clip_grad_norm_(disc.parameters(), 1.0, foreach=True)
        opt[1].step()
        disc.model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for part in given.split(16):
                score(disc, w, part)
                policy_logp(ref, part, P, True, rows)
        policy.layers(True)
        policy_step(policy, given, P, micro, rows)
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0, foreach=True)
        opt[0].step()
        policy.model.zero_grad(set_to_none=True)
    try:
        print(f"RIL step\t{best(run):.6g}\tstatic cache, compiled", flush=True)
    except Exception as e:
        print(f"passes.py: RIL step: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", file=sys.stderr)


def main():
    global DEVICE
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--agree", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compute", choices=TYPE, default="f32")
    parser.add_argument("--only", default="")
    parser.add_argument("--step", help="groups=8,prompt=400,student=8,teacher=8,length=256: a whole RIL step, and nothing else")
    how = parser.parse_args()
    DEVICE = torch.device(how.device)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    print(f"versions\ttorch {torch.__version__}, transformers {transformers.__version__}\t", flush=True)
    a = read_agreement(how.agree)
    policy = Policy(how.model, how.compute)
    good, w = agree(policy, a, BOUND[how.compute])
    if not good:
        sys.exit(5)
    print("agrees\t\t", flush=True)
    if how.step:
        return whole_step(policy, w, how.step)
    G, P, R, L = (int(x) for x in a["batch"][0])
    ids = torch.tensor(a["ids"][0], dtype=torch.long, device=DEVICE)
    prompt = ids[:P][None]
    top = min(policy.config.vocab_size, 151000)
    seqs = torch.cat([prompt.expand(G * R, P), torch.randint(0, top, (G * R, L), device=DEVICE)], 1)
    wanted = lambda part: any(name in part for name in how.only.split(","))
    policy.model.requires_grad_(False)
    if wanted("tower"):
        tower(policy)
    if wanted("prefill"):
        prefill(policy, prompt, G)
    for n in (1, 64, 256):
        if wanted(f"decode {n}"):
            decode(policy, prompt, n, min(DECODED, L))
    if wanted("reference pass"):
        reference(policy, seqs, P)
    if wanted("language head"):
        head(policy, G * R * L)
    policy.train()
    if wanted("policy step"):
        step_part("policy step", policy, seqs, lambda micro, f: policy_step(policy, seqs, P, micro, f))
    if wanted("optimiser"):
        optimiser(policy)
    if wanted("discriminator step"):
        step_part("discriminator step", policy, seqs, lambda micro, f: score_step(policy, w, seqs, micro))


if __name__ == "__main__":
    main()
