#!/usr/bin/env python3
"""rows.py train|sample|iterate MODEL STREAM [OPTION]... -- one row of scripts/bench with PyTorch and transformers at their best settings, on the same
folder and the same questions.  Run by scripts/bench.

First results are held to ours, a line each, tab-separated: "same", what, how far apart, at most.  Then the settings are tried, the fastest of
which is kept: "setting", its name, seconds.  Then "ready"; and for each line of standard input, which is a number of seconds: "times",
seconds of processor time, seconds by the clock of the repeats that fit (of an iteration: of each stage, `/` between them).  Exit
status 5: the results differ, nothing was timed; 6: torch or transformers is missing.

Settings: torch's threads are the processors; attention is scaled_dot_product_attention without a mask, as nothing is padded in front; the
decoder is run as it is, compiled layer by layer, or the whole loss compiled; the language head reads responses alone; AdamW is fused.
Sampling: a growing cache, or a static one with the step compiled; BF16 weights stay, or are widened once to float32.  A tower that is
frozen is not run: the embeddings are given, as ours are.
"""
import argparse, copy, json, logging, os, struct, sys, time, warnings

from passes import (TYPE, Policy, StaticCache, DynamicCache, F, apart, choose, embed, free, head_logp, logp_rows, norm_of, torch, transformers)
import passes

BOUND = {"f32": 1e-4, "bf16": 0.1}
KIND = {"F32": torch.float32, "I32": torch.int32, "BF16": torch.bfloat16}


# ---- the stream ----
def frames(path):
    with open(path, "rb") as raw:
        while head := raw.read(8):
            header = json.loads(raw.read(struct.unpack("<Q", head)[0]))
            meta = header.pop("__metadata__", {})
            data = raw.read(max((t["data_offsets"][1] for t in header.values()), default=0))
            raw.read(4)
            yield meta, {n: torch.frombuffer(bytearray(data[slice(*t["data_offsets"])]) or bytearray(4), dtype=KIND[t["dtype"]])[
                :(t["data_offsets"][1] - t["data_offsets"][0]) // KIND[t["dtype"]].itemsize].reshape(t["shape"]) for n, t in header.items()}


def first_step(path):
    groups = []
    for meta, tensors in frames(path):
        if meta["ril"].startswith("group"):
            groups.append((meta["key"], tensors))
        elif groups:
            break
    return groups


class Batch:
    """The groups of a step as rows of ids, prompt and response, as long as the longest, with nothing in front."""

    def __init__(self, policy, path, pictures_from=None):
        keys, self.groups = zip(*first_step(path))
        self.prompts = torch.stack([g["prompt.ids"].long() for g in self.groups])  # all of one length
        self.image = self.prompts == policy.model.config.image_token_id
        shown = dict(first_step(pictures_from)) if pictures_from else dict(zip(keys, self.groups))
        seen = [shown[k] for k in keys]
        self.pixels = torch.cat([g["vision.pixels"] for g in seen]) if "vision.pixels" in seen[0] else None
        self.grid = torch.cat([g["vision.grid"] for g in seen]).long() if self.pixels is not None else None
        self.given = torch.cat([g["vision.embeds"] for g in seen]).float() if self.image.any() else None
        self.positions = self.places(policy)

    def places(self, policy):
        """The positions that the model itself gives a prompt: the same for all, as pictures are of one size."""
        seen = {}
        hook = policy.lm.register_forward_pre_hook(lambda m, a, k: seen.update(k), with_kwargs=True)
        n = len(self.pixels) // len(self.groups) if self.pixels is not None else 0
        more = dict(pixel_values=self.pixels[:n].to(policy.model.dtype), image_grid_thw=self.grid[:1]) if n else {}
        assert bool((self.image == self.image[:1]).all())
        with torch.inference_mode():
            policy.model.model(input_ids=self.prompts[:1], mm_token_type_ids=self.image[:1].int(), **more)
        hook.remove()
        p = seen.get("position_ids")
        return (torch.arange(self.prompts.shape[1])[None, None].expand(3, 1, -1) if p is None else p.reshape(-1, 1, p.shape[-1])).clone()

    def responses(self, wanted=lambda source: True):
        """ids [n, longest], their rows and columns, and their place in the stream's order; the group of each row."""
        rows, self.owner, self.source, self.picked = [], [], [], []
        for g, t in enumerate(self.groups):
            start = t["resp.start"].tolist()
            for r, source in enumerate(t["resp.source"].tolist()):
                if wanted(source):
                    rows.append(t["resp.ids"][start[r]:start[r + 1]].long())
                    self.owner.append(g)
                    self.source.append(source)
                    self.picked.append((g, r, start[r], start[r + 1]))
        self.longest, self.length = max(map(len, rows)), torch.tensor([len(r) for r in rows])
        self.resp = torch.stack([F.pad(r, (0, self.longest - len(r))) for r in rows])
        self.owner = torch.tensor(self.owner)
        self.ids = torch.cat([self.prompts[self.owner], self.resp], 1)
        self.real = torch.arange(self.longest)[None] < self.length[:, None]
        self.target = self.resp[self.real]
        return self

    def each(self, name):
        """A field of every response, or of every one of their tokens, in the rows' order."""
        values = [self.groups[g][name] for g, *_ in self.picked]
        per_token = len(self.groups[0][name]) == len(self.groups[0]["resp.ids"])
        return torch.cat([v[a:b] if per_token else v[r:r + 1] for v, (_, r, a, b) in zip(values, self.picked)])

    def positions_of(self, rows, length):
        """Of prompts and `length` tokens behind them, which count on in every one of the three."""
        after = self.positions[:, :, -1:] + 1 + torch.arange(length)
        return torch.cat([self.positions, after], 2).expand(-1, rows, -1).contiguous()


def inputs(policy, batch, ids, owner, vision):
    """Embeddings of ids [n,T], with the pictures' in their places; vision [pictures' tokens, D], or None."""
    x = policy.lm.embed_tokens(ids)
    if vision is None:
        return x
    image = F.pad(batch.image[owner], (0, ids.shape[1] - batch.image.shape[1]))
    rows = vision.to(x.dtype).reshape(len(batch.groups), -1, vision.shape[-1])[owner].flatten(0, 1)
    return x.masked_scatter(image[..., None].expand_as(x), rows)


def hidden(policy, batch, ids, owner, vision, positions):
    return policy.lm(inputs_embeds=inputs(policy, batch, ids, owner, vision), position_ids=positions, use_cache=False).last_hidden_state


def logp(policy, batch, vision, positions, rows=logp_rows):
    """Of every token of every response, in order."""
    h = hidden(policy, batch, batch.ids[:, :-1], batch.owner, vision, positions[:, :, :-1])[:, batch.prompts.shape[1] - 1:]
    return head_logp(h[batch.real], policy.head.weight, batch.target, True, rows)


# ---- agreement ----
class Agreement:
    def __init__(self, bound):
        self.bound, self.good = bound, True

    def number(self, what, ours, theirs):
        self.tell(what, abs(float(torch.as_tensor(theirs).detach()) / ours - 1))

    def numbers(self, what, ours, theirs):
        self.tell(what, apart(ours.flatten().tolist(), theirs))

    def tell(self, what, error, bound=None):
        bound = bound or self.bound
        self.good &= error <= bound
        print(f"same\t{what}\t{error:.2g}\t{bound:g}", flush=True)

    def end(self):
        if not self.good:
            sys.exit(5)


# ---- trying settings, and timing the best ----
def clock(f):
    t = time.perf_counter()
    r = f()
    return r if isinstance(r, tuple) else (time.perf_counter() - t,)


def try_all(settings):
    """settings: [(name, function that makes what is timed, which says how long its stages took or nothing)].  One that cannot run says why.
    The fastest's name, and it made: anew, as each begins with nothing compiled, but for the last."""
    best = last = None
    for name, make in settings:
        torch.compiler.reset()
        free()
        last = None
        try:
            f = make()
            clock(f)  # compiles
            t = sum(clock(f))
            t = min(t, sum(clock(f))) if t < 3 else t
            print("setting", name, f"{t:.6g}", sep="\t", flush=True)
            last = t, name, f
            best = best if best and best[0] <= t else (t, name, make)
        except Exception as e:  # a compiler's own, out of memory: another setting may do
            print(f"rows.py: {name}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", file=sys.stderr)
    if best is None:
        sys.exit(1)
    if last and last[1] == best[1]:
        return last[1:]
    torch.compiler.reset()
    free()
    f = best[2]()
    clock(f)
    return best[1], f


def serve(settings):
    name, f = try_all(settings)
    print(f"ready\t{name}", flush=True)
    for line in sys.stdin:
        seconds, times, cpu, start = float(line), [], time.process_time(), time.perf_counter()
        while not times or time.perf_counter() - start + sum(times[-1]) < seconds:
            times.append(clock(f))
        print("times", f"{time.process_time() - cpu:.6g}", f"{time.perf_counter() - start:.6g}", *("/".join(f"{x:.6g}" for x in t) for t in times),
              sep="\t", flush=True)


# ---- training ----
def optimiser(policy, more=()):
    params = [*policy.parameters(), *more]
    opt = torch.optim.AdamW(params, lr=1e-6, weight_decay=0, fused=True)

    def step():
        torch.nn.utils.clip_grad_norm_(params, 1.0, foreach=True)
        opt.step()
        opt.zero_grad(set_to_none=True)
    return step


def compiled_ways(policy):
    """Name, and what is compiled: layers as they stand, a whole function."""
    def as_is(f):
        policy.layers(False)
        return f, logp_rows

    def layers(f):
        policy.layers(True)
        return f, torch.compile(logp_rows, dynamic=False)

    def whole(f):
        policy.layers(False)
        return torch.compile(f, dynamic=False), logp_rows
    return [("as it is", as_is), ("layers compiled", layers), ("whole compiled", whole)]


def train(policy, how):
    batch = Batch(policy, how.stream).responses(lambda source: source == -1)
    same = Agreement(BOUND["f32"])
    with torch.no_grad():
        if batch.pixels is not None:
            same.numbers("picture embeddings", batch.given, embed(policy, batch.pixels, batch.grid))
    policy.train()
    if how.tower:
        policy.model.requires_grad_(True)
    positions = batch.positions_of(*batch.resp.shape)

    def loss(rows=logp_rows):
        vision = embed(policy, batch.pixels, batch.grid) if how.tower else batch.given
        return -logp(policy, batch, vision, positions, rows).mean()
    first = loss()
    first.backward()
    ours = json.loads(open(how.metrics).readline())
    same.number("loss", ours["loss"], first)
    same.number("gradient norm", ours["grad_norm"], norm_of(policy.parameters()))
    same.end()
    policy.model.zero_grad(set_to_none=True)

    def make(way):
        f, rows = way(loss)
        step = optimiser(policy)

        def run():
            f(rows).backward()
            step()
        return run
    serve([(name, lambda way=way: make(way)) for name, way in compiled_ways(policy)])


# ---- sampling ----
class Sampler:
    """Prompts of a batch, n responses of L tokens each."""

    def __init__(self, policy, batch, n, length, vision, static):
        self.policy, self.length = policy, length
        self.owner = torch.arange(len(batch.groups)).repeat_interleave(n)
        self.ids, self.batch, self.vision = batch.prompts[self.owner], batch, vision
        self.positions = batch.positions_of(len(self.owner), length)
        self.P = self.ids.shape[1]
        self.place = [self.positions[:, :, self.P + i:self.P + i + 1].contiguous() for i in range(length - 1)]
        self.cache = StaticCache(config=policy.config, max_cache_len=self.P + length) if static else None
        self.step = torch.compile(self.one, dynamic=False) if static else self.one

    def one(self, token, place, cache):
        return choose(self.policy.head(self.policy.hidden(token, position_ids=place, cache=cache)[:, -1]))

    @torch.no_grad()
    def run(self):
        policy, cache = self.policy, self.cache
        if cache is not None:
            cache.reset()
        else:
            cache = DynamicCache(config=policy.config)
        x = inputs(policy, self.batch, self.ids, self.owner, self.vision)
        h = policy.lm(inputs_embeds=x, position_ids=self.positions[:, :, :self.P], use_cache=True, **{policy.cache_name: cache})
        tokens = [choose(policy.head(h.last_hidden_state[:, -1]))]
        for place in self.place:
            tokens.append(self.step(tokens[-1], place, cache))
        return None


def slower_in_bf16(rows, width):
    """How many times as long as in float32 products take in BF16: many, where the processor has no instructions for them."""
    t = {}
    for kind in torch.float32, torch.bfloat16:
        x, w = torch.ones(rows, width, dtype=kind), torch.ones(4 * width, width, dtype=kind)
        f = lambda: F.linear(x, w)  # noqa: B023
        clock(f)
        t[kind] = min(clock(f)[0] for _ in range(3))
    return t[torch.bfloat16] / t[torch.float32]


def sample(policy, how):
    batch = Batch(policy, how.stream).responses()
    kinds = [(how.compute, policy)]
    if how.compute == "bf16":
        wide = copy.copy(policy)
        wide.model = copy.deepcopy(policy.model).float()
        wide.lm, wide.head = wide.model.model.language_model, wide.model.lm_head
        kinds = [("f32", wide), *kinds]
        slower = [slower_in_bf16(rows, policy.config.hidden_size) for rows in (len(batch.prompts), 64)]
        if min(slower) > 3:
            print(f"rows.py: BF16 left out: its products take {slower[0]:.3g} and {slower[1]:.3g} times as long as float32's here", file=sys.stderr)
            kinds = kinds[:1]
    same = Agreement(BOUND["f32"])
    positions = batch.positions_of(*batch.resp.shape)
    with torch.no_grad():
        for name, p in kinds:
            found = apart(batch.each("resp.logp").tolist(), logp(p, batch, batch.given, positions))
            same.tell(f"log-probabilities of what ours sampled in {how.ours}, {name}", found, max(BOUND[name], BOUND[how.ours]))
    same.end()
    serve([(f"{name}, {'static cache, compiled' if static else 'growing cache'}",
            lambda p=p, s=static: Sampler(p, batch, how.each, how.length, batch.given, s).run) for name, p in kinds for static in (False, True)])


# ---- an iteration of RIL ----
class Discriminator:
    def __init__(self, folder):
        from safetensors import safe_open
        self.policy = Policy(folder, "f32").train()
        with safe_open(os.path.join(folder, "model.safetensors"), "pt") as f:
            self.w, self.b = (f.get_tensor(n).float().flatten().requires_grad_() for n in ("score.weight", "score.bias"))

    def parameters(self):
        return [*self.policy.parameters(), self.w, self.b]

    def score(self, batch, positions):
        h = hidden(self.policy, batch, batch.ids, batch.owner, batch.given, positions)
        return h[torch.arange(len(h)), batch.prompts.shape[1] + batch.length - 1] @ self.w + self.b

    def loss(self, batch, positions, rows=None):
        """Half of it student responses, half teachers'; the logit says student."""
        student = (torch.tensor(batch.source) == 0).float()
        each = torch.where(student > 0, .5 / student.sum(), .5 / (1 - student).sum())
        return (F.binary_cross_entropy_with_logits(self.score(batch, positions), student, reduction="none") * each).sum()


def policy_loss(logp, old, ref, advantage, weight, clip=.2, beta=.01):
    """The clipped surrogate and the k3 estimate of KL, each token by its weight."""
    ratio = (logp - old).exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    kl = (ref - logp).exp() - (ref - logp) - 1
    return (weight * (beta * kl - gain)).sum()


def iterate(policy, how):
    batch = Batch(policy, how.stream, how.pictures).responses()
    same = Agreement(BOUND["f32"])
    positions = batch.positions_of(*batch.resp.shape)
    ref, disc = copy.deepcopy(policy), Discriminator(how.disc)
    policy.train()
    ours, ours_disc = (json.loads(open(p).readline()) for p in (how.metrics, how.disc_metrics))
    advantage = batch.each("advantage").repeat_interleave(batch.length)
    weight = 1 / (len(batch.resp) * how.length)

    def update_loss(rows, old=None, ref_logp=None):
        p = logp(policy, batch, batch.given, positions, rows)
        return policy_loss(p, p.detach() if old is None else old, p.detach() if ref_logp is None else ref_logp, advantage, weight)

    def ref_logp(rows):
        with torch.no_grad():
            return logp(ref, batch, batch.given, positions, rows)
    with torch.no_grad():
        same.numbers("log-probabilities of the policy", batch.each("logp.policy"), logp(policy, batch, batch.given, positions))
        same.numbers("log-probabilities of the reference", batch.each("logp.ref"), ref_logp(logp_rows))
    first = disc.loss(batch, positions)
    first.backward()
    same.number("discriminator's loss", ours_disc["before"]["loss"], first)
    same.number("discriminator's gradient norm", ours_disc["grad_norm"], norm_of(disc.parameters()))
    update_loss(logp_rows, None, ref_logp(logp_rows)).backward()  # its value is 0: advantages' sum, at a ratio of 1
    same.number("update's gradient norm", ours["grad_norm"], norm_of(policy.parameters()))
    same.end()
    policy.model.zero_grad(set_to_none=True)
    disc.policy.model.zero_grad(set_to_none=True)
    disc.w.grad = disc.b.grad = None

    def make(way, static):
        sampler = Sampler(policy, batch, how.each, how.length, batch.given, static)
        ways = [way(policy, update_loss), way(ref, ref_logp), way(disc.policy, lambda rows: disc.loss(batch, positions)),
                way(disc.policy, lambda rows: disc.score(batch, positions))]
        steps = optimiser(policy), optimiser(disc.policy, (disc.w, disc.b))

        def run():
            t = [time.perf_counter()]
            policy.layers(False)  # each has a place of its own in the cache
            sampler.run()
            t.append(time.perf_counter())
            f, rows = ways[2]
            f(rows).backward()
            steps[1]()
            with torch.no_grad():
                ways[3][0](None)
            t.append(time.perf_counter())
            way(policy, update_loss)
            f, rows = ways[0]
            f(rows, None, ways[1][0](ways[1][1])).backward()
            steps[0]()
            t.append(time.perf_counter())
            return tuple(b - a for a, b in zip(t, t[1:]))
        return run
    names = [name for name, _ in compiled_ways(policy)]

    def way_of(i):
        return lambda p, f: compiled_ways(p)[i][1](f)
    serve([(f"{names[i]}, {'static cache, compiled' if s else 'growing cache'}", lambda i=i, s=s: make(way_of(i), s))
           for i, s in ((0, False), (1, True))])  # the whole loss compiled was no faster at 1 M and 10 M parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("train", "sample", "iterate"))
    parser.add_argument("model")
    parser.add_argument("stream")
    parser.add_argument("--compute", choices=TYPE, default="f32")
    parser.add_argument("--ours", choices=TYPE, default="f32", help="what ours computed the stream in")
    parser.add_argument("--tower", action="store_true", help="train the tower and the projector, too")
    parser.add_argument("--metrics", help="ours: of the first step")
    parser.add_argument("--each", type=int, default=1, help="responses to a prompt")
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--disc")
    parser.add_argument("--disc-metrics")
    parser.add_argument("--pictures", help="stream with the pictures of the recorded one")
    how = parser.parse_args()
    passes.DEVICE = torch.device("cpu")
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "no CUDA runtime"
    warnings.filterwarnings("ignore", module="torch")
    print(f"versions\ttorch {torch.__version__}, transformers {transformers.__version__}", flush=True)
    {"train": train, "sample": sample, "iterate": iterate}[how.kind](Policy(how.model, how.compute), how)


if __name__ == "__main__":
    main()
