"""What ril-export wrote, read by llama.cpp's own packages.

    export.py tensors FOLDER...                   every tensor of NAME/TYPE.gguf and NAME/v-TYPE.gguf, by the gguf package, into
                                                  NAME/tensors: how many of which type have their name, type and value
    export.py greedy TEXT.gguf PROMPTS LENGTHS    so many tokens after each prompt (files with a line of each: ids, and how
                                                  many), the likeliest each time, by llama-cpp-python

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


def parts(name, value, whole=False, head=0):
    """A tower's fused parameters, as the converters of llama.cpp take them apart; Qwen3-VL's query, key and value stay `whole`."""
    if "qkv" in name and not whole:
        return [(name.replace("attn.qkv", "self_attn." + p + "_proj") if "encoder" in name else name.replace("qkv", p), x)
                for p, x in zip("qkv", np.split(value, 3))]
    if "q_proj" in name and "text_model" in name or "k_proj" in name and "text_model" in name:  # llama's: halves of a head interleaved
        return [(name, value.reshape(-1, 2, head // 2, value.shape[1]).swapaxes(1, 2).reshape(value.shape))]
    if "position_embedding.weight" in name:  # an embedding, without a class token
        return [(name, value)]
    if "position_embedding" in name:  # the class token's row last, where llama.cpp's graph has the token (its converter leaves it first)
        return [(name, np.roll(value, -1, -2))]
    if value.ndim == 5:
        return [("v.patch_embd.weight", value[:, :, 0]), ("v.patch_embd.weight.1", value[:, :, 1])]
    return [(name, value)]


def gguf_name(maps, name):
    import re
    for old, new in (("language_model.model.", "model."), ("model.language_model.", "model."), ("model.text_model.", "model."), ("model.visual.", "visual."),
                     ("language_model.lm_head", "lm_head"), ("model.vision_tower.", "vision_tower."),
                     ("model.multi_modal_projector.", "multi_modal_projector."), ("multi_modal_projector.layer_norm", "mlp1.0"),
                     ("multi_modal_projector.linear_1", "mlp1.1"), ("multi_modal_projector.linear_2", "mlp1.3"),
                     ("visual.merger.norm", "visual.merger.ln_q"), ("visual.merger.linear_fc1", "visual.merger.mlp.0"),
                     ("visual.merger.linear_fc2", "visual.merger.mlp.2")):
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


def expected(path):
    """What a folder's parameters are called in GGUF files, with their values."""
    import gguf
    config = json.load(open(path + "/config.json"))
    maps = [gguf.get_tensor_name_map(a, 64) for a in (gguf.MODEL_ARCH.QWEN3, gguf.MODEL_ARCH.QWEN2VL, gguf.MODEL_ARCH.MMPROJ)]
    blocks = config.get("vision_config", {}).get("deepstack_visual_indexes", [])
    head = config.get("text_config", {}).get("head_dim", 0)
    wanted = {}
    for name, value in folder(path).items():
        if "deepstack_merger_list" in name:  # numbered by the block that it follows
            number, rest = name.split("deepstack_merger_list.")[1].split(".", 1)
            wanted[f"v.deepstack.{blocks[int(number)]}.{rest.replace('linear_', '')}"] = value
            continue
        for n, x in parts(name, value, bool(blocks), head):
            wanted[gguf_name(maps, n)] = x
    assert None not in wanted, "a name that gguf does not know"
    text = config.get("text_config") or config.get("llm_config") or config
    if config.get("tie_word_embeddings", text.get("tie_word_embeddings")):
        wanted.pop("output.weight", None)
    return wanted


def compare(wanted, asked, files):
    import gguf
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
    return len(seen)


def tensors(*folders):
    import os
    for path in folders:
        name = os.path.basename(path)
        with open(name + "/tensors", "w") as out:
            try:
                wanted = expected(path)
                for kind in ("f32", "f16", "bf16", "q8_0"):
                    files = sorted(glob.glob(f"{name}/{kind}.gguf") + glob.glob(f"{name}/v-{kind}.gguf"))
                    print(kind, compare(wanted, kind.upper(), files), file=out)
            except (AssertionError, KeyError, ValueError) as e:
                print("error:", repr(e), file=out)


def greedy(file, prompts, lengths):
    import gguf
    from llama_cpp import Llama
    fields = gguf.GGUFReader(file).fields
    tokens, kinds = (fields["tokenizer.ggml." + k].contents() for k in ("tokens", "token_type"))
    # what ril-rollout does not draw: ids without a token, the family's pictures
    qwen = fields["general.architecture"].contents() in ("qwen2vl", "qwen3vl")
    pictures = ("<|image_pad|>", "<|video_pad|>") if qwen else ("<IMG_CONTEXT>", "<image>")
    never = [i for i, (token, kind) in enumerate(zip(tokens, kinds))
             if kind == 5 or token in pictures]
    prompts = [[int(x) for x in line.split()] for line in open(prompts)]
    lengths = [int(line) for line in open(lengths)]
    model = Llama(file, n_ctx=max(map(len, prompts)) + max(lengths) + 8, verbose=False, n_threads=1, logits_all=True,
                  type_k=0, type_v=0)  # all in float
    for prompt, n in zip(prompts, lengths):
        model.reset()
        model.eval(prompt)
        out = []
        for _ in range(n):
            scores = model.scores[len(prompt) + len(out) - 1].copy()
            scores[never] = -np.inf
            out.append(int(scores.argmax()))
            model.eval(out[-1:])
        print(*out)


def pixels(width, height):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def picture(model, path):
    """A picture of noise that neither side resizes; prints its width and height."""
    import struct
    import zlib
    config = json.load(open(model + "/config.json"))
    v = config["vision_config"]
    patch, size = v["patch_size"], config.get("force_image_size") or v.get("image_size")
    if config["model_type"] in ("qwen2_vl", "qwen3_vl"):
        width, height = 8 * patch, 6 * patch
        if width * height > json.load(open(model + "/preprocessor_config.json"))["max_pixels"]:
            width, height = 6 * patch, 4 * patch
    elif config["model_type"] == "qwen2_5_vl":
        limits = json.load(open(model + "/preprocessor_config.json"))
        for width, height in (16 * patch, 12 * patch), (8 * patch, 6 * patch), (6 * patch, 6 * patch):
            if width * height <= limits["max_pixels"]:  # the largest has several windows
                break
    else:
        width = height = size[0] if isinstance(size, list) else size

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = np.pad(pixels(width, height).reshape(height, -1), ((0, 0), (1, 0)))  # each begins with its filter, none
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b""))
    print(width, height)


def embeddings(text, tower, width, height, path):
    """What llama.cpp's tower makes of that picture, beside a file with a line of numbers for each token."""
    import ctypes
    from llama_cpp import Llama, llama_model_n_embd_inp, mtmd_cpp as m
    width, height = int(width), int(height)
    model = Llama(text, n_ctx=64, verbose=False, n_threads=1)
    how = m.mtmd_context_params_default()
    how.use_gpu, how.n_threads, how.warmup = False, 1, False
    context = m.mtmd_init_from_file(tower.encode(), model.model, how)
    assert context, "the tower does not load"
    colours = pixels(width, height).tobytes()
    bitmap = m.mtmd_bitmap_init(width, height, (ctypes.c_uint8 * len(colours)).from_buffer_copy(colours))
    marker = m.mtmd_default_marker()
    chunks = m.mtmd_input_chunks_init()
    said = m.mtmd_input_text(marker, len(marker), False, True)
    assert m.mtmd_tokenize(context, chunks, ctypes.byref(said), (m.mtmd_bitmap_p_ctypes * 1)(bitmap), 1) == 0
    got = []
    for i in range(m.mtmd_input_chunks_size(chunks)):
        chunk = m.mtmd_input_chunks_get(chunks, i)
        if m.mtmd_input_chunk_get_type(chunk) == 1:  # a picture's
            assert m.mtmd_encode_chunk(context, chunk) == 0
            # its rows are as wide as what the decoder takes in: Qwen3-VL's features follow the embedding, as they do in ours
            shape = m.mtmd_input_chunk_get_n_tokens(chunk), llama_model_n_embd_inp(model.model)
            got.append(np.ctypeslib.as_array(m.mtmd_get_output_embd(context), shape).copy())
    got, want = np.concatenate(got), np.loadtxt(path, ndmin=2)
    if m.mtmd_input_chunks_size(chunks) > 3:  # Idefics3: its tiles, here one that is the same, and then the whole
        assert len(got) == 2 * len(want) and np.allclose(got[:len(want)], got[len(want):]), "one tile, and the whole"
        got = got[len(want):]
    assert got.shape == want.shape, (got.shape, want.shape)
    off = np.abs(got - want).max() / np.abs(want).max()
    print(f"{len(got)} tokens, off by {off:.2g} of the largest")
    assert off < 1e-3  # its GELU is the one by tanh, from a table in half precision


if __name__ == "__main__":
    {"tensors": tensors, "greedy": greedy, "picture": picture, "embeddings": embeddings}[sys.argv[1]](*sys.argv[2:])
