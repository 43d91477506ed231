"""smolvlm.py -- pictures of many shapes as SmolVLM's and Idefics3's image processors ("PIL") cut them: one line a picture,
tests/golden/smolvlm.jsonl.

A byte of the picture: (5 x + 3 y + 7 (x y >> 3) + 60 c) & 255.  `settings`: of preprocessor_config.json; `rows`, `columns`: 0 where it is not
split; `sha256`: of the values, float32, tile by tile.  Needs: pip install torch torchvision transformers pillow.
"""
import hashlib, json
import numpy as np
from PIL import Image
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil


def settings(longest, tile, **more):
    return {"size": {"longest_edge": longest}, "max_image_size": {"longest_edge": tile}} | more


SMALL = [(1, 1), (1, 200), (200, 1), (7, 5), (60, 60), (61, 60), (59, 60), (120, 120), (121, 119), (119, 121), (300, 40), (40, 300), (33, 97),
         (97, 33), (500, 333), (333, 500), (640, 480), (90, 180), (180, 90)]
CASES = [(settings(120, 60), s) for s in SMALL] + [(settings(151, 24), s) for s in SMALL[3:12]]
CASES += [(settings(90, 60, do_image_splitting=False), (640, 480)), (settings(60, 60), (300, 200)), (settings(100, 40, resample=3), (77, 53))]
CASES += [(settings(120, 60, image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.4, 0.3], rescale_factor=0.01), (50, 70))]
CASES += [({}, (30, 50)), (settings(2048, 512), (640, 480)), (settings(1536, 384), (300, 500)), (settings(5000, 512), (300, 2))]
for i, (how, (w, h)) in enumerate(CASES):
    y, x, c = np.ogrid[:h, :w, :3]
    picture = Image.fromarray(((5 * x + 3 * y + 7 * (x * y >> 3) + 60 * c) & 255).astype(np.uint8))
    out = (Idefics3ImageProcessorPil, SmolVLMImageProcessorPil)[i % 2](**how)([[picture]], return_row_col_info=True, return_tensors="np")
    values = np.ascontiguousarray(out["pixel_values"][0], dtype="<f4")
    print(json.dumps({"settings": how, "w": w, "h": h, "rows": out["rows"][0][0], "columns": out["cols"][0][0], "tiles": len(values),
                      "sha256": hashlib.sha256(values.tobytes()).hexdigest()}))
