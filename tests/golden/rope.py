"""rope.py -- frequencies of rotary positions in every form that is read, by transformers: one line a setting, tests/golden/rope.jsonl.

`config`: fields of a config.json; `frequency`: one for each pair; `length`: of cos and sin.
"""
import json
from transformers import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

Y = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
FORMS = [
    {}, {"rope_scaling": {"type": "linear", "factor": 4.0}}, {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    {"rope_scaling": Y}, {"rope_scaling": {"type": "yarn", "factor": 4.0}}, {"rope_scaling": Y | {"factor": 2.5, "attention_factor": 0.5}},
    {"rope_scaling": Y | {"beta_fast": 64, "beta_slow": 0.5, "truncate": False}}, {"rope_scaling": Y | {"mscale": 0.7, "mscale_all_dim": 1.3}},
    {"rope_parameters": Y | {"rope_theta": 5e6, "truncate": True}, "max_position_embeddings": 131072},
    {"rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                      "original_max_position_embeddings": 8192}, "rope_theta": 5e5, "max_position_embeddings": 131072},
]
for head in 16, 128:
    for form in FORMS:
        fields = {"rope_theta": 1e6, "max_position_embeddings": 32768, "hidden_size": 8 * head, "num_attention_heads": 8, "head_dim": head} | form
        if "rope_parameters" in fields:
            fields.pop("rope_theta")
        rope = Qwen3RotaryEmbedding(Qwen3Config(**json.loads(json.dumps(fields))))
        print(json.dumps({"config": fields, "frequency": rope.inv_freq.double().tolist(), "length": float(rope.attention_scaling)}))
