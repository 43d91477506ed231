"""What ril-export wrote, read by llama.cpp's own packages.

    export.py tensors FOLDER TYPE TEXT.gguf [MMPROJ.gguf]     every tensor by the gguf package: its name, type and value
    export.py greedy TEXT.gguf IDS N                           N tokens after the prompt IDS (a file), the likeliest each time, by llama-cpp-python

Names come from gguf's own map of Hugging Face names, values from the folder by safetensors, rounding and blocks from gguf.quants."""
import glob
import json
import sys

import numpy as np


def folder(path):
    from safetensors import safe_open
    values = {}
    for file in sorted(glob.glob(path + "/*.safetensors")):
        with safe_open(file, "pt") as f:
            values |= {name: f.get_tensor(name).float().numpy() for name in f.keys()}
    return values


def parts(name, value):
    """A tower's fused parameters, as the converters of llama.cpp take them apart."""
    if "qkv" in name:
        return [(name.replace("attn.qkv", "self_attn." + p + "_proj") if "encoder" in name else name.replace("qkv", p), x)
                for p, x in zip("qkv", np.split(value, 3))]
    if value.ndim == 5:
        return [("v.patch_embd.weight", value[:, :, 0]), ("v.patch_embd.weight.1", value[:, :, 1])]
    return [(name, value)]


def gguf_name(maps, name):
    import re
    for old, new in (("language_model.model.", "model."), ("model.language_model.", "model."), ("model.visual.", "visual."),
                     ("language_model.lm_head", "lm_head"), ("model.vision_tower.", "vision_tower."),
                     ("model.multi_modal_projector.", "multi_modal_projector."), ("multi_modal_projector.layer_norm", "mlp1.0"),
                     ("multi_modal_projector.linear_1", "mlp1.1"), ("multi_modal_projector.linear_2", "mlp1.3")):
        if name.startswith(old):
            name = new + name[len(old):]
    if name.startswith("vision_model."):
        name = "vision_tower." + name
    if name.endswith(("position_embedding", "position_embeddings", ".ls1", ".ls2", ".lambda_1", ".lambda_2")):
        name += ".weight"
    for m in maps:
        for n in (name, "model." + name):
            found = m.get_name(n, try_suffixes=(".weight", ".bias"))
            if found:
                return found
    return name if re.match(r"v\.patch", name) else None


def tensors(path, kind, *files):
    import gguf
    config = json.load(open(path + "/config.json"))
    maps = [gguf.get_tensor_name_map(a, 64) for a in (gguf.MODEL_ARCH.QWEN3, gguf.MODEL_ARCH.QWEN2VL, gguf.MODEL_ARCH.MMPROJ)]
    wanted = {}
    for name, value in folder(path).items():
        for n, x in parts(name, value):
            wanted[gguf_name(maps, n)] = x
    assert None not in wanted, "a name that gguf does not know"
    text = config.get("text_config") or config.get("llm_config") or config
    if config.get("tie_word_embeddings", text.get("tie_word_embeddings")):
        wanted.pop("output.weight", None)
    asked = {"f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0"}[kind]
    seen = set()
    for file in files:
        for t in gguf.GGUFReader(file).tensors:
            x = wanted[t.name]
            assert t.name not in seen, t.name
            seen.add(t.name)
            plain = x.ndim == 1 or "position_embd" in t.name or "class_embd" in t.name
            want = "F32" if plain else "F16" if asked == "Q8_0" and (x.ndim != 2 or x.shape[-1] % 32) else asked
            assert t.tensor_type.name == want, (t.name, t.tensor_type.name, want)
            assert list(t.shape) == list(x.shape[::-1]), (t.name, list(t.shape), x.shape)
            packed = gguf.quants.quantize(x, gguf.GGMLQuantizationType[want])
            assert np.array_equal(packed.reshape(-1).view(np.uint8), t.data.reshape(-1).view(np.uint8)), t.name
    missing = [n for n in wanted if n not in seen and (len(files) == 2 or not n.startswith(("v.", "mm.")))]
    assert not missing, missing
    print(len(seen), "tensors")


def greedy(file, ids, n):
    from llama_cpp import Llama
    import gguf
    fields = gguf.GGUFReader(file).fields
    tokens, kinds = (fields["tokenizer.ggml." + k].contents() for k in ("tokens", "token_type"))
    # what ril-rollout does not draw: ids without a token, the family's pictures
    qwen = fields["general.architecture"].contents() == "qwen2vl"
    pictures = ("<|image_pad|>", "<|video_pad|>") if qwen else ("<IMG_CONTEXT>",)
    never = [i for i, (token, kind) in enumerate(zip(tokens, kinds))
             if kind == 5 or token in pictures]
    prompt = [int(x) for x in open(ids).read().split()]
    model = Llama(file, n_ctx=len(prompt) + int(n) + 8, verbose=False, n_threads=1, logits_all=True, type_k=0, type_v=0)  # all in float
    model.eval(prompt)
    out = []
    for _ in range(int(n)):
        scores = model.scores[len(prompt) + len(out) - 1].copy()
        scores[never] = -np.inf
        out.append(int(scores.argmax()))
        model.eval(out[-1:])
    print(*out)


if __name__ == "__main__":
    {"tensors": tensors, "greedy": greedy}[sys.argv[1]](*sys.argv[2:])
