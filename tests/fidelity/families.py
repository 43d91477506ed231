"""families.py DIR [NAME...] -- tiny model folders of families and forms, with weights by the reference implementation's own classes.

Each is a config.json as the hub carries it, a tokenizer, templates and processor settings by ril-init, and random weights (norms and
biases, too) of the class that transformers has for it, in the names under which transformers writes them.  `X-resaved` has transformers' own
config.json.  scripts/check-reference takes it from there.

Needs: pip install torch transformers pillow.
"""
import json, os, shutil, subprocess, sys, tempfile

TEXT = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6,
            hidden_act="silu", max_position_embeddings=256, vocab_size=384, use_sliding_window=False, sliding_window=None, torch_dtype="float32",
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


def internvl(llm, **more):
    return {"model_type": "internvl", "architectures": ["InternVLForConditionalGeneration"], "text_config": llm, "torch_dtype": llm["torch_dtype"],
            "vision_config": dict(model_type="internvl_vision", architectures=["InternVLVisionModel"], hidden_size=48, intermediate_size=72, num_attention_heads=3,
                                  num_hidden_layers=2, image_size=[56, 56], patch_size=[14, 14], num_channels=3, norm_type="layer_norm",
                                  attention_bias=True, use_qk_norm=False, use_absolute_position_embeddings=True, use_mask_token=False,
                                  use_mean_pooling=True, layer_norm_eps=1e-6, hidden_act="gelu", layer_scale_init_value=0.1),
            "downsample_ratio": 0.5, "projector_hidden_act": "gelu", "vision_feature_layer": -1, "vision_feature_select_strategy": "default",
            "image_seq_length": 4} | more


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
    "rope-yarn-vl": qwen2_5_vl(rope_scaling={"type": "yarn", "mrope_section": [1, 2, 3], "attention_factor": 1.25} | YARN, tie_word_embeddings=True),
}
BOUNDS = {"pixels": ["--max-pixels", "12544"], "tiles": ["--max-tiles", "4"]}


def bounds(config):
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
    loaded = AutoConfig.from_pretrained(folder)
    kind = AutoModelForImageTextToText if "vision_config" in config else AutoModelForCausalLM
    model = kind.from_config(loaded)
    randomise(model)
    model.to(getattr(torch, config["torch_dtype"]))
    written = weights(model, folder, "100KB" if config["torch_dtype"] == "bfloat16" else "1GB")
    if name.endswith("-resaved"):
        with open(os.path.join(folder, "config.json"), "w") as f:
            f.write(written)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in sys.argv[2:] or FAMILIES:
        build(name, FAMILIES[name], sys.argv[1])
