"""recipes.py -- the models that scripts/bench and scripts/bench-growth measure: share/recipes/student.json's kind (Qwen2.5-VL) in other
sizes, as folders of random weights.  Heads are 32 wide up to 10 M parameters and 64 beyond; a picture has 16 x 16 patches of 14 pixels, 64
tokens of the prompt.
"""
import glob, json, math, os, struct

from common import ROOT, folder

PATCHES, POSITIONS = 16, 8192
# hidden, intermediate, layers, heads, heads of keys and values, vocabulary; the tower's layers, hidden
SHAPES = {
    "1m": (128, 352, 4, 4, 2, 1024, 2, 64),
    "3m": (192, 512, 6, 6, 2, 4096, 2, 64),
    "10m": (256, 704, 10, 8, 4, 6144, 4, 128),
    "30m": (448, 1216, 10, 7, 1, 16384, 4, 192),
    "100m": (640, 1760, 17, 10, 2, 32768, 6, 256),
    "250m": (896, 2432, 23, 14, 2, 65536, 6, 256),
    "500m": (1024, 3840, 24, 16, 2, 151936, 6, 256),
}


def config(size):
    """A config.json of that size."""
    c = json.load(open(os.path.join(ROOT, "share/recipes/student.json")))
    hidden, inter, layers, heads, kv, vocab, depth, width = SHAPES[size]
    half = hidden // heads // 2
    section = [half // 4, half * 3 // 8, half * 3 // 8]
    c.update(hidden_size=hidden, intermediate_size=inter, num_hidden_layers=layers, max_window_layers=layers, num_attention_heads=heads,
             num_key_value_heads=kv, vocab_size=vocab, max_position_embeddings=POSITIONS, sliding_window=POSITIONS,
             rope_scaling={"type": "mrope", "mrope_section": section})
    c["vision_config"].update(depth=depth, fullatt_block_indexes=[depth - 1], hidden_size=width, intermediate_size=2 * width, num_heads=width // 32,
                              out_hidden_size=hidden, patch_size=14, spatial_patch_size=14, window_size=112)
    return c


def model(how, size, dtype="config"):
    """The folder, made if it is not there; "0.2m" is the demo's student, and its pictures its own."""
    if size == "0.2m":
        return folder(how, os.path.join(ROOT, "share/recipes/student.json"), 6, dtype)
    os.makedirs(how.work, exist_ok=True)
    path = os.path.join(how.work, size + ".json")
    with open(path, "w") as f:
        json.dump(config(size), f, indent=1)
    return folder(how, path, PATCHES, dtype)


def parameters(made):
    """Counted from the headers of a folder's files."""
    total = 0
    for path in glob.glob(os.path.join(made, "*.safetensors")):
        with open(path, "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        total += sum(math.prod(t["shape"]) for n, t in header.items() if n != "__metadata__")
    return total
