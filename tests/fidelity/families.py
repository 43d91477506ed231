"""families.py DIR [NAME...] -- tiny model folders of families and forms, with weights by the reference implementation's own classes.

Each is a config.json as the hub carries it, a tokenizer, templates and processor settings by ril-init, and random weights (norms and
biases, too) of the class that transformers has for it, in the names under which transformers writes them.  `X-resaved` has transformers' own
config.json.  scripts/check-reference takes it from there.

families.py --adapters FOLDER OUT -- adapters of every linear layer but the head, as PEFT makes them, B drawn too.
families.py --original FOLDER -- makes an InternVL folder the original layout, with its cases: what transformers itself does not load, it has
computed in its own.

Needs: pip install torch transformers pillow.
"""
import json, os, shutil, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEXT = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6,
            hidden_act="silu", max_position_embeddings=512, vocab_size=448, use_sliding_window=False, sliding_window=None, torch_dtype="float32",
            tie_word_embeddings=False)
CORPUS = "how many circles are there?\nthe square is red, the other one is blue\nwhat colour is the square?\nthere are three of them\n"


def text(kind, **more):
    head = {"head_dim": 16} if kind == "qwen3" else {}
    return {"model_type": kind, "architectures": [{"qwen2": "Qwen2", "qwen3": "Qwen3"}[kind] + "ForCausalLM"], "rope_theta": 1e4} | TEXT | head | more


def qwen2_5_vl(**more):
    return {"model_type": "qwen2_5_vl", "architectures": ["Qwen2_5_VLForConditionalGeneration"], "rope_theta": 1e4} | TEXT | {
        "head_dim": None,
        "vision_config": dict(model_type="qwen2_5_vl", depth=2, hidden_size=32, hidden_act="silu", intermediate_size=48, num_heads=2, in_chans=3,
                              out_hidden_size=48, patch_size=14, spatial_patch_size=14, spatial_merge_size=2, temporal_patch_size=2,
                              window_size=56, fullatt_block_indexes=[1], tokens_per_second=2)} | more


def golden(name):
    with open(os.path.join(ROOT, "tests/golden/configs", name + ".json")) as f:
        return json.load(f)


def internvl(llm, **more):
    return golden("internvl3_5") | {"text_config": llm, "torch_dtype": llm["torch_dtype"]} | more


YARN = dict(factor=4.0, original_max_position_embeddings=32)
FAMILIES = {
    # rotary positions that reach further: 64 positions and more are asked for
    "rope-linear": text("qwen2", rope_scaling={"type": "linear", "factor": 2.5}),
    "rope-dynamic": text("qwen3", rope_scaling={"type": "dynamic", "factor": 2.0}),
    "rope-llama3": text("qwen3", rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                               "original_max_position_embeddings": 64}),
    "rope-yarn": text("qwen2", rope_scaling={"type": "yarn"} | YARN, max_position_embeddings=32),
    "rope-yarn-mscale": text("qwen3", rope_scaling={"rope_type": "yarn", "beta_fast": 16.0, "beta_slow": 2.0, "mscale": 0.7, "mscale_all_dim": 1.2,
                                                    "truncate": False} | YARN),
    # InternVL3.5: the tower of InternVL3 before a Qwen3
    "internvl3_5": golden("internvl3_5"),
    "internvl3_5-resaved": internvl(text("qwen3", rope_theta=1e6), vision_feature_layer=-2, tie_word_embeddings=False),
    "internvl3_5-original": internvl(text("qwen3", num_attention_heads=2), tie_word_embeddings=False),
    # Qwen2-VL, flat and nested
    "qwen2_vl": golden("qwen2_vl"),
    "qwen2_vl-resaved": golden("qwen2_vl") | {"torch_dtype": "float32", "tie_word_embeddings": True, "num_key_value_heads": 1},
    # Qwen3-VL, with DeepStack, and without
    "qwen3_vl": golden("qwen3_vl"),
    "qwen3_vl-resaved": (lambda c: c | {"torch_dtype": "float32", "tie_word_embeddings": True, "text_config": c["text_config"] | {"attention_bias": True},
                         "vision_config": c["vision_config"] | {"deepstack_visual_indexes": [], "num_position_embeddings": 144}})(golden("qwen3_vl")),
    "rope-yarn-vl": qwen2_5_vl(rope_scaling={"type": "yarn", "mrope_section": [1, 2, 3], "attention_factor": 1.25} | YARN, tie_word_embeddings=True),
}
def smolvlm(llm=None, **more):
    c = golden("smolvlm")
    return c | {"torch_dtype": "float32", "text_config": c["text_config"] | (llm or {})} | more


FAMILIES |= {
    # SmolVLM, and Idefics3: the same under another name, tied, with Llama 3's rotary positions, other tiles
    "smolvlm": golden("smolvlm"),
    "smolvlm-resaved": smolvlm({"attention_bias": True}),
    "idefics3": smolvlm({"num_key_value_heads": 3, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                                    "original_max_position_embeddings": 64}, "rope_theta": 5e5},
                        model_type="idefics3", architectures=["Idefics3ForConditionalGeneration"], tie_word_embeddings=True, scale_factor=3,
                        vision_config=golden("smolvlm")["vision_config"] | {"model_type": "idefics3", "image_size": 48, "patch_size": 8}),
    "idefics3-resaved": smolvlm(model_type="idefics3", architectures=["Idefics3ForConditionalGeneration"]),
    "idefics3-bos": smolvlm(model_type="idefics3", architectures=["Idefics3ForConditionalGeneration"], tie_word_embeddings=True),
}
BOUNDS = {"pixels": ["--max-pixels", "12544"], "tiles": ["--max-tiles", "3"], "squares": ["--max-tiles", "9"]}


def bounds(config):
    if config["model_type"] in ("smolvlm", "idefics3"):
        return BOUNDS["squares"]
    return BOUNDS["tiles"] if config["model_type"].startswith("internvl") else BOUNDS["pixels"] if "vision_config" in config else []


def randomise(model, seed=0):
    """Every parameter large enough to count."""
    import torch
    draw = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=draw)
        if p.ndim > 1:
            p.data = noise * 0.12
        elif name.endswith("bias"):
            p.data = noise * 0.05
        else:  # norms, layer scales
            p.data = p.data.float() + noise * 0.1


def weights(model, folder, shard):
    """model's parameters as transformers writes them, in place of what the folder has; and transformers' config.json beside them."""
    for name in os.listdir(folder):
        if name.startswith("model") and ".safetensors" in name:
            os.remove(os.path.join(folder, name))
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved, max_shard_size=shard)
        for name in os.listdir(saved):
            if ".safetensors" in name:
                shutil.move(os.path.join(saved, name), os.path.join(folder, name))
        return open(os.path.join(saved, "config.json")).read()


def build(name, config, target):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    folder = os.path.join(target, name)
    with tempfile.TemporaryDirectory() as scratch:
        with open(os.path.join(scratch, "config.json"), "w") as f:
            json.dump({k: v for k, v in config.items() if v is not None}, f, indent=1)
        with open(os.path.join(scratch, "corpus.txt"), "w") as f:
            f.write(CORPUS)
        subprocess.run(["ril-init", "-q", "--config", f.name.replace("corpus.txt", "config.json"), "--train-tokenizer", f.name, "--vocab", "300",
                        *bounds(config), "-o", folder], check=True)
    if name.endswith("-original"):
        say(folder)
    if name.endswith("-bos"):
        llama3(folder)
    loaded = AutoConfig.from_pretrained(folder)
    kind = AutoModelForImageTextToText if "vision_config" in config else AutoModelForCausalLM
    model = kind.from_config(loaded)
    randomise(model)
    model.to(getattr(torch, config["torch_dtype"]))
    written = weights(model, folder, "100KB" if config["torch_dtype"] == "bfloat16" else "1GB")
    if name.endswith("-resaved"):
        with open(os.path.join(folder, "config.json"), "w") as f:
            f.write(written)


def adapters(folder, target):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto")
    names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in n]
    get_peft_model(model, LoraConfig(r=3, lora_alpha=7, init_lora_weights=False, target_modules=names)).save_pretrained(target)


# ---- the tokenizer of Llama 3, which Idefics3-8B has: another expression, and a token that is put before texts ----

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def llama3(folder):
    for name in os.listdir(folder):
        if name.startswith(("tokenizer", "chat_template")):
            path = os.path.join(folder, name)
            text = open(path).read().replace("<|im_start|>", "<|begin_of_text|>")
            if not name.endswith("jinja"):
                o = json.loads(text)
                if name == "tokenizer_config.json":
                    o["bos_token"] = "<|begin_of_text|>"
                if name == "tokenizer.json":
                    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
                    o["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
                        {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}, bytes_]}
                    bos, a = {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
                    number = next(t["id"] for t in o["added_tokens"] if t["content"] == "<|begin_of_text|>")
                    o["post_processor"] = {"type": "Sequence", "processors": [bytes_, {
                        "type": "TemplateProcessing", "single": [bos, a], "pair": [bos, a, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {
                            "<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [number], "tokens": ["<|begin_of_text|>"]}}}]}
                    o["model"]["ignore_merges"] = True
                text = json.dumps(o)
            with open(path, "w") as f:
                f.write(text)


# ---- the original layout of InternVL ----

SENTENCE = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"
NAMES = [("vision_tower.embeddings.cls_token", "vision_model.embeddings.class_embedding"),
         ("vision_tower.embeddings.patch_embeddings.projection", "vision_model.embeddings.patch_embedding"),
         ("vision_tower.embeddings.position_embeddings", "vision_model.embeddings.position_embedding"),
         ("vision_tower.encoder.layer.", "vision_model.encoder.layers."), ("layernorm_before", "norm1"), ("layernorm_after", "norm2"),
         ("attention.projection_layer", "attn.proj"), (".attention.", ".attn."), ("lambda_", "ls"), ("multi_modal_projector.layer_norm", "mlp1.0"),
         ("multi_modal_projector.linear_1", "mlp1.1"), ("multi_modal_projector.linear_2", "mlp1.3")]


def say(folder):
    """The sentence with which the original layout begins every conversation."""
    for name in "chat_template.jinja", "chat_template.json":
        path = os.path.join(folder, name)
        text = open(path).read()
        opening = "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" + SENTENCE + "<|im_end|>\n' }}{% endif %}"
        with open(path, "w") as f:
            f.write(opening + text if name.endswith("jinja") else json.dumps({"chat_template": opening + json.loads(text)["chat_template"]}))


def rename(path):
    import torch
    from safetensors.torch import load_file, save_file
    out, parts = {}, {}
    for name, value in load_file(path).items():
        for old, new in NAMES:
            name = name.replace(old, new)
        part = next((p for p in "qkv" if name.startswith("vision_model") and f".{p}_proj." in name), None)
        if part:
            parts.setdefault(name.replace(f".{part}_proj.", ".qkv."), {})[part] = value
        else:
            out[name] = value
    save_file(out | {name: torch.cat([p[k] for k in "qkv"]) for name, p in parts.items()}, path, metadata={"format": "pt"})


def original(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if name == "model.safetensors" or name.endswith("grads.safetensors"):
                rename(file)
            elif name.startswith("chat_template") or name in ("processor_config.json", "config.json"):
                config = json.load(open(file)) if name == "config.json" else None
                os.remove(file)
                if config:
                    v = config.pop("vision_config")
                    v = {k: v[k] for k in ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_channels", "norm_type",
                                           "layer_norm_eps", "hidden_act")} | {"model_type": "intern_vit_6b", "image_size": v["image_size"][0],
                                           "patch_size": v["patch_size"][0], "qkv_bias": True, "qk_normalization": False}
                    form = {"model_type": "internvl_chat", "architectures": ["InternVLChatModel"], "vision_config": v, "template": "internvl2_5",
                            "llm_config": config["text_config"], "downsample_ratio": 0.5, "dynamic_image_size": True, "min_dynamic_patch": 1,
                            "max_dynamic_patch": 3, "force_image_size": v["image_size"], "ps_version": "v2", "select_layer": -1,
                            "use_thumbnail": True, "torch_dtype": config["torch_dtype"]}
                    with open(file, "w") as f:
                        json.dump(form, f, indent=1)


if __name__ == "__main__":
    if sys.argv[1] == "--adapters":
        sys.exit(adapters(*sys.argv[2:]))
    if sys.argv[1] == "--original":
        sys.exit(original(sys.argv[2]))
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in sys.argv[2:] or FAMILIES:
        build(name, FAMILIES[name], sys.argv[1])
