"""Writes avif.jsonl: small AVIF files as Pillow writes them, in base64, each with its size and the SHA-256 of its RGB bytes as
the reference has them (Image.open, exif_transpose, convert("RGB")).

    python tests/golden/avif.py >tests/golden/avif.jsonl      # Pillow 13.0, libavif 1.4.2
"""
import base64
import hashlib
import io
import json
import random

from PIL import Image, ImageOps

random.seed(6)
W, H = 19, 13
smooth = Image.frombytes("RGBA", (3, 2), random.randbytes(24)).resize((W, H), Image.BICUBIC)


def show(name, data):
    im = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    print(json.dumps({"name": name, "file": base64.b64encode(data).decode(), "size": im.size,
                      "sha256": hashlib.sha256(im.convert("RGB").tobytes()).hexdigest()}))


def save(im, **more):
    out = io.BytesIO()
    im.save(out, "AVIF", **{"quality": 90, **more})
    return out.getvalue()


for mode in ("RGB", "RGBA", "L"):
    for subsampling in ("4:4:4", "4:2:0") if mode != "L" else ("4:0:0",):
        show(f"{mode} {subsampling}", save(smooth.convert(mode), subsampling=subsampling))
show("limited range", save(smooth.convert("RGB"), range="limited", subsampling="4:4:4"))
show("lossless", save(smooth.convert("RGB"), quality=100, subsampling="4:4:4"))
for orientation in range(2, 9):
    exif = Image.Exif()
    exif[274] = orientation
    show(f"orientation {orientation}", save(smooth.convert("RGB"), exif=exif, subsampling="4:4:4"))
show("two frames", save(smooth.convert("RGB"), save_all=True, append_images=[smooth.convert("RGB").rotate(180)], subsampling="4:4:4"))
