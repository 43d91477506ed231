import json, struct, sys, zlib
stream, kind = sys.stdin.buffer, "nothing"
while size := stream.read(8):
    header = stream.read(struct.unpack("<Q", size)[0])
    meta = (tensors := json.loads(header)).pop("__metadata__")
    data = stream.read(max((t["data_offsets"][1] for t in tensors.values()), default=0))
    assert stream.read(4) == struct.pack("<I", zlib.crc32(size + header + data)), "damaged"
    if (kind := meta["ril"]).startswith("group"):
        print(meta["key"], json.loads(meta["question"]), *json.loads(meta.get("resp.text", "[]")), sep="\t")
assert kind.startswith("end"), "cut off"
