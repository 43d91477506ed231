"""Writes tiff.jsonl: small TIFF files as Pillow writes them, in base64, each with its size and the SHA-256 of its RGB bytes as
the reference has them (Image.open, exif_transpose, convert("RGB")); null where this project refuses the kind of file.

    python tests/golden/tiff.py >tests/golden/tiff.jsonl      # Pillow 13.0
"""
import base64
import hashlib
import io
import json
import random

from PIL import Image, ImageOps

random.seed(5)
W, H = 19, 13
noise = Image.frombytes("RGBA", (W, H), random.randbytes(4 * W * H))
kinds = [("RGB", None), ("RGB", "tiff_lzw"), ("RGB", "tiff_adobe_deflate"), ("RGB", "packbits"), ("RGB", "jpeg"), ("RGBA", None),
         ("RGBA", "tiff_lzw"), ("L", None), ("L", "tiff_lzw"), ("LA", None), ("P", None), ("P", "packbits"), ("1", None), ("1", "group4"),
         ("YCbCr", "jpeg")]
refused = ["CMYK", "I;16", "F", "YCbCr"]


def show(name, data, same):
    im = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    rgb = im.convert("RGB").tobytes()
    print(json.dumps({"name": name, "file": base64.b64encode(data).decode(), "size": im.size if same else None,
                      "sha256": hashlib.sha256(rgb).hexdigest() if same else None}))


def save(im, **more):
    out = io.BytesIO()
    im.save(out, "TIFF", **more)
    return out.getvalue()


for mode, compression in kinds:
    show(f"{mode} {compression}", save(noise.convert(mode), **({"compression": compression} if compression else {})), True)
for orientation in range(2, 9):
    show(f"orientation {orientation}", save(noise.convert("RGB"), tiffinfo={274: orientation}), True)
show("white is 0", save(noise.convert("L"), tiffinfo={262: 0}), True)
show("two pages", save(noise.convert("RGB"), save_all=True, append_images=[noise.convert("L")]), True)
for mode in refused:
    im = noise.convert("L").convert("I").convert(mode) if mode == "I;16" else noise.convert("L").convert(mode) if mode == "F" else noise.convert(mode)
    show(mode, save(im), False)
