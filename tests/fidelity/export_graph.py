"""What llama.cpp computes from an exported file, written down in numpy from its own graphs (tools/mtmd/models/qwen2vl.cpp, qwen3vl.cpp and the
rotary positions of ggml-cpu/ops.cpp): from the file's keys and tensors alone, by the gguf package's reader.

    export_graph.py tower TOWER.gguf WIDTH HEIGHT OURS     the embeddings of export.py's picture, beside a file with a line of numbers for each token
    export_graph.py rope TEXT.gguf WANT                     the angles by which pairs turn and the length of cos and sin, beside a line of rope.jsonl"""
import json
import sys

import numpy as np
from gguf import GGUFReader

from export import pixels


def read(path):
    r = GGUFReader(path)
    keys = {k: f.contents() for k, f in r.fields.items() if not k.startswith("tokenizer.")}
    return keys, {t.name: np.asarray(t.data, np.float64) for t in r.tensors}


# ---- towers ----

def norm(x, t, name, eps):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * t[name + ".weight"] + t[name + ".bias"]


def linear(x, t, name):
    return x @ t[name + ".weight"].T + t[name + ".bias"]


def gelu(x):  # ggml's is the one by tanh, everywhere
    return .5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * x * (1 + .044715 * x * x)))


def quick_gelu(x):
    return x / (1 + np.exp(-1.702 * x))


def joined(x):
    """[rows, columns, ...] in the order in which every 2 x 2 lie together."""
    h, w = x.shape[:2]
    return x.reshape(h // 2, 2, w // 2, 2, -1).swapaxes(1, 2).reshape(h * w, -1)


def stretched(table, h, w):
    """Learned positions of a square for h x w patches: bilinear, the corners on the corners."""
    side = int(len(table) ** .5)
    grid = table.reshape(side, side, -1)
    for axis, n in ((0, h), (1, w)):
        at = np.arange(n) * (side - 1) / max(n - 1, 1)
        low = np.minimum(at.astype(int), side - 1)
        share = (at - low).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        grid = np.take(grid, low, axis) * (1 - share) + np.take(grid, np.minimum(low + 1, side - 1), axis) * share
    return grid


def turned(x, place):
    """Pairs i and i + d/2 of each head's d: the first half of the pairs by the row, the second by the column."""
    d = x.shape[-1]
    freq = 10000. ** (-2 * np.arange(d // 4) / (d // 2))
    angle = np.concatenate([place[:, :1] * freq, place[:, 1:] * freq], 1)[:, None]
    a, b = x[..., :d // 2], x[..., d // 2:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], -1)


def attention(x, t, name, heads, place):
    if name + "qkv.weight" in t:
        q, k, v = np.split(linear(x, t, name + "qkv"), 3, -1)
    else:
        q, k, v = (linear(x, t, name + part) for part in "qkv")
    q, k, v = (y.reshape(len(x), heads, -1) for y in (q, k, v))
    q, k = turned(q, place), turned(k, place)
    score = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
    score = np.exp(score - score.max(-1, keepdims=True))
    return linear(np.einsum("hqk,khd->qhd", score / score.sum(-1, keepdims=True), v).reshape(len(x), -1), t, name + "out")


def mlp(x, t, first, second, act=gelu):
    return linear(act(linear(x, t, first)), t, second)


def tower(path, width, height):
    keys, t = read(path)
    key = lambda name: keys["clip.vision." + name]
    p, eps, stacked = key("patch_size"), key("attention.layer_norm_epsilon"), keys.get("clip.vision.is_deepstack_layers", [])
    act = gelu if keys.get("clip.use_gelu") else quick_gelu
    colours = (pixels(width, height) / 255. - key("image_mean")) / key("image_std")
    h, w = height // p, width // p
    patches = colours.reshape(h, p, w, p, 3).transpose(0, 2, 4, 1, 3).reshape(h, w, -1)
    weight = sum(t[n].reshape(len(t[n]), -1) for n in ("v.patch_embd.weight", "v.patch_embd.weight.1"))
    x = joined(patches @ weight.T)
    if "v.patch_embd.bias" in t:
        x = x + t["v.patch_embd.bias"]
    if "v.position_embd.weight" in t:
        x = x + joined(stretched(t["v.position_embd.weight"], h, w))
    place = joined(np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), -1))
    features = []
    for i in range(key("block_count")):
        b = f"v.blk.{i}."
        x = x + attention(norm(x, t, b + "ln1", eps), t, b + "attn_", key("attention.head_count"), place)
        x = x + mlp(norm(x, t, b + "ln2", eps), t, b + "ffn_up", b + "ffn_down", act)
        if f"v.deepstack.{i}.fc1.weight" in t:
            assert stacked[i], "a feature where the file names none"
            d = f"v.deepstack.{i}."
            features.append(mlp(norm(x.reshape(len(x) // 4, -1), t, d + "norm", eps), t, d + "fc1", d + "fc2"))
    assert len(features) == sum(stacked)
    x = norm(x, t, "v.post_ln", eps).reshape(len(x) // 4, -1)
    return np.concatenate([mlp(x, t, "mm.0", "mm.2")] + features, 1)


def compare_tower(path, width, height, ours):
    got, want = tower(path, int(width), int(height)), np.loadtxt(ours, ndmin=2)
    assert got.shape == want.shape, (got.shape, want.shape)
    off = np.abs(got - want).max() / np.abs(want).max()
    print(f"{len(got)} tokens of {got.shape[1]}, off by {off:.2g} of the largest")
    assert off < 1e-3  # its GELU behind the tower is the one by tanh


# ---- rotary positions ----

def rope(path):
    """ggml's rope_yarn with llama-context.cpp's settings: the angles of each pair from one position to the next, and the length."""
    keys, _ = read(path)
    key = lambda name, usual=None: keys.get(keys["general.architecture"] + "." + name, usual)
    n = key("attention.key_length")
    base, scale = key("rope.freq_base", 10000.), 1 / key("rope.scaling.factor", 1.)
    free = base ** (-np.arange(0, n, 2) / n)
    if key("rope.scaling.type", "linear") != "yarn":
        return free * scale, key("rope.scaling.attn_factor", 1.)
    original = key("rope.scaling.original_context_length", key("context_length"))
    pair = lambda turns: n * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(base))
    low = max(0, np.floor(pair(key("rope.scaling.yarn_beta_fast", 32.))))
    high = min(n - 1, np.ceil(pair(key("rope.scaling.yarn_beta_slow", 1.))))
    mix = 1 - np.clip((np.arange(n // 2) - low) / max(.001, high - low), 0, 1)
    length = key("rope.scaling.attn_factor", 1.) * (.1 * np.log(1 / scale) + 1 if scale < 1 else 1)
    return free * scale * (1 - mix) + free * mix, length


def compare_rope(path, want):
    angle, length = rope(path)
    want = json.loads(want)
    off = np.abs(angle / np.array(want["frequency"]) - 1).max()
    print(f"{len(angle)} pairs, angles off by {off:.2g} of themselves, length {length:.6g} for {want['length']:.6g}")
    assert off < 1e-5 and abs(length - want["length"]) < 1e-6


if __name__ == "__main__":
    {"tower": compare_tower, "rope": compare_rope}[sys.argv[1]](*sys.argv[2:])
