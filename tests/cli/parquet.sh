#!/bin/bash
# ril-parquet: Parquet as data hubs keep it (pictures as structs of bytes and path, lists of them, in parts of messages) to
# a shard, which ril-encode reads as the same questions from loose files; what is refused; what is said without pyarrow.
. "$RIL_ROOT/tests/ril_test.sh"
set -u
cd "$T" || exit
M=$RIL_ROOT/share/models/student python=${PYTHON:-python3}
says() { check "says: $1" grep -qF -- "$1" err; }
E() { ril-encode -q -m "$M" "$@"; }
P() { "$python" "$RIL_ROOT/scripts/ril-parquet" "$@"; }

printf 'PAR1xxxx' >x.parquet
expect_exit 1 E x.parquet; says 'x.parquet: Parquet is read by way of a shard, which ril-parquet makes of it'
mkdir none; echo 'raise ImportError' >none/pyarrow.py
PYTHONPATH=none expect_exit 1 P x.parquet; says 'needs the Python package pyarrow: pip install pyarrow'
PYTHONPATH=none expect_exit 0 P --help
"$python" -c 'import pyarrow.parquet' 2>/dev/null || skip_all "no pyarrow"

ril-scenes -q -o data -n 6 --prefix q --seed 8
"$python" - <<'END'
import json
import pyarrow as pa, pyarrow.parquet as pq
rows = [json.loads(line) for line in open("data/q.jsonl")]
def picture(r, name=None): return {"bytes": open("data/" + r["image"], "rb").read(), "path": name}
texts = {k: [str(r[k]) for r in rows] for k in ("question", "answer", "type")}
def write(name, columns): pq.write_table(pa.table(columns), name, row_group_size=2)
ids = [r["id"] for r in rows]
write("one.parquet", {"id": ids, "image": [picture(r, "x.png") for r in rows], **texts})
write("lists.parquet", {"id": ids, "images": [[picture(r), picture(r)] for r in rows],
                        "messages": [[{"role": "user", "content": "<image><image>" + r["question"]}, {"role": "assistant", "content": r["answer"]}] for r in rows]})
write("parts.parquet", {"id": ids, "messages": [[
    {"role": "user", "content": [{"type": "image", "image": picture(r), "text": None}, {"type": "text", "image": None, "text": r["question"]}]},
    {"role": "assistant", "content": [{"type": "text", "image": None, "text": r["answer"]}]}] for r in rows]})
write("bare.parquet", {"id": ids, "query": texts["question"], "answer": texts["answer"], "image": ["old.png"] * 6, "decoded_image": [picture(r)["bytes"] for r in rows],
                       "score": [1.5, float("nan"), 2.0, 3.0, 4.0, 5.0]})
write("bad.parquet", {"question": ["Q", "R"], "audio": [None, b"RIFFxxxxWAVE"]})
write("two.parquet", {"image": [picture(rows[0])], "messages": [[{"role": "user", "content": [{"type": "image", "image": picture(rows[0])}]}]]})
write("text.parquet", {"question": ["Q"], "answer": ["A"]})
write("empty.parquet", {"question": pa.array([], pa.string())})
END
expect_exit 0 E --with-answers -o loose.ril data/q.jsonl
same() { # same FILE FIELD...: the groups are those of the loose files
	local file=$1 field; shift
	for field; do check "$file: $field" cmp <(ril-inspect --field "$field" loose.ril) <(ril-inspect --field "$field" "$file"); done
}
for what in one parts; do
	expect_exit 0 P -o $what.tar $what.parquet
	expect_exit 0 E --with-answers -o $what.ril $what.tar
	same $what.ril prompt.ids resp.ids vision.embeds image.sha256
done
check "from standard output" cmp one.tar <(P one.parquet)
check "a batch is no matter" cmp one.tar <(P --batch 1 one.parquet)
expect_exit 0 P -o bare.tar --rename query=question --set judge=exact --set answer=none bare.parquet
expect_exit 0 E --with-answers -o bare.ril bare.tar
same bare.ril prompt.ids resp.ids image.sha256
check "--set, where there is none" test "$(ril-inspect --json bare.ril | jq -r 'select(.kind == "group").metadata | .judge, .["data.score"]' | sed -n '1,4p' | paste -sd' ')" = "exact 1.5 exact null"
expect_exit 0 P -o lists.tar lists.parquet
expect_exit 0 E -o lists.ril lists.tar
check "two pictures each" test "$(ril-inspect --json lists.ril | jq -c 'select(.kind == "group").metadata["image.path"]' | head -1)" = '["lists.tar/lists-00000000.0.png","lists.tar/lists-00000000.1.png"]'
expect_exit 0 P -o text.tar text.parquet
expect_exit 0 E text.tar
expect_exit 0 P -o both.tar one.parquet text.parquet
expect_exit 0 ril-encode -m "$M" --check both.tar; says '7 questions, no fault'

# refused
expect_exit 3 P -o bad.tar bad.parquet; says "bad.parquet: row 2: column 'audio': bytes that are no picture"
check "nothing is left of a failed run" test -z "$(ls -A | grep -E 'bad.tar|ril-parquet')"
expect_exit 0 P -o bad.tar --drop audio bad.parquet
expect_exit 3 P -o two.tar two.parquet; says 'row 1: pictures both in a conversation and beside it'
expect_exit 0 P -o two.tar --drop image two.parquet
expect_exit 1 P empty.parquet; says 'no row in it'
expect_exit 1 P none.parquet; says 'none.parquet: No such file'
expect_exit 3 P x.parquet; says 'x.parquet: '
head -c -200 one.parquet >cut.parquet; expect_exit 3 P cut.parquet; says 'cut.parquet: '
expect_exit 2 P --rename x one.parquet; says "'x' is not NAME=VALUE"
expect_exit 2 P --batch 0 one.parquet
expect_exit 1 P -o none/none/x.tar one.parquet; says 'none/none/x.tar: '

# the page's example
mkdir example; cp one.parquet example/train-00000.parquet
awk '/^\.EX/ { on = 1; next } /^\.EE/ { exit } on' "$RIL_ROOT/man/ril-parquet.1" | sed 's/\\-/-/g' >example.sh
check "an example" test -s example.sh
(cd example && PATH=$RIL_ROOT/scripts:$PATH && ril-parquet() { P "$@"; } && . ../example.sh) >out 2>err
check "the example runs" grep -q 'groups' out
test_end
