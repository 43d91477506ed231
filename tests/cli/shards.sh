#!/bin/bash
# ril-encode on WebDataset shards made by tar(1): the groups of the same questions from a data file and loose pictures; several
# shards, gzip, order and resuming; a teacher and the page of a run find the pictures; what is refused.
. "$RIL_ROOT/tests/ril_test.sh"
set -u
cd "$T" || exit
M=$RIL_ROOT/share/models/student
says() { check "says: $1" grep -qF -- "$1" err; }
E() { ril-encode -q -m "$M" "$@"; }
ril-scenes -q -o data -n 8 --prefix q --seed 6
mkdir s shards
n=0
while IFS= read -r line; do
	key=$(printf '%06d' $n); n=$((n + 1))
	cp "data/$(jq -r .image <<<"$line")" "s/$key.png"
	echo "$line" >"s/$key.json"
done <data/q.jsonl
(cd s && tar -cf ../shards/a.tar -- 00000[0-4].* && tar --format=pax -czf ../shards/b.tar.gz -- 00000[5-7].*)

expect_exit 0 E --with-answers -o loose.ril data/q.jsonl
expect_exit 0 E --with-answers -o packed.ril shards/a.tar shards/b.tar.gz
for field in prompt.ids resp.ids vision.embeds answers image.sha256; do
	check "$field" cmp <(ril-inspect --field $field loose.ril) <(ril-inspect --field $field packed.ril)
done
check "paths of members" test "$(ril-inspect --json packed.ril | jq -r 'select(.kind == "group").metadata["image.path"][0]' | sed -n '1p;8p' | paste -sd' ')" = "a.tar/000000.png b.tar.gz/000007.png"
expect_exit 0 ril-encode -m "$M" --check shards/a.tar shards/b.tar.gz; says 'shards/a.tar and others: 8 questions, no fault'

# the order, and a run that goes on, are those of the data file
expect_exit 0 E --shuffle --seed 3 --batch 3 --steps 6 -o whole.ril shards/a.tar shards/b.tar.gz
expect_exit 0 E --shuffle --seed 3 --batch 3 --steps 6 -o lines.ril data/q.jsonl
check "the same order" cmp <(ril-inspect --field image.sha256 whole.ril) <(ril-inspect --field image.sha256 lines.ril)
expect_exit 0 E --shuffle --seed 3 --batch 3 --steps 6 --start-step 4 -o rest.ril shards/a.tar shards/b.tar.gz
keys() { ril-inspect --json "$1" | jq -c 'select(.kind == "group") | [.key, .metadata["image.sha256"]]'; }
check "resumed" cmp <(keys whole.ril | tail -n 6) <(keys rest.ril)

expect_exit 0 E --shuffle-buffer 3 --seed 3 --batch 3 --steps 6 -o whole.ril shards/a.tar shards/b.tar.gz
check "another order" bash -c '! cmp -s <(ril-inspect --field image.sha256 whole.ril) <(ril-inspect --field image.sha256 lines.ril)'
expect_exit 0 E --shuffle-buffer 3 --seed 3 --batch 3 --steps 6 --start-step 4 -o rest.ril shards/a.tar shards/b.tar.gz
check "resumed through a buffer" cmp <(keys whole.ril | tail -n 6) <(keys rest.ril)
check "the first are drawn from the first" test "$(keys whole.ril | head -1 | grep -c 'q/00000[0-2]')" = 1

# other tools that read pictures by path
expect_exit 0 ril-rollout -q -m "$M" -n 1 --greedy --max-new-tokens 8 -i packed.ril -o student.ril
expect_exit 0 ril-teach -q -m "$M" -n 1 --greedy --max-new-tokens 8 --tokenizer "$M" --image-root shards -i packed.ril -o teacher.ril
check "a teacher sees them" cmp <(ril-inspect --json student.ril | jq -c 'select(.kind == "group").metadata["resp.text"]') <(ril-inspect --json teacher.ril | jq -c 'select(.kind == "group").metadata["resp.text"]')

expect_exit 0 "$RIL_ROOT/scripts/ril-train" -q --run run --student "$M" --objective dr-grpo --data shards/a.tar --image-root shards \
	--batch 2 --steps 1 -n 2 --save-every 1 --record
expect_exit 0 "$RIL_ROOT/scripts/ril-report" run
check "a page shows them" test "$(grep -o 'src="data:image/png;base64,iVBOR' out | wc -l)" -ge 1

# captions beside pictures
mkdir c; cp s/000000.png c/x.png; echo -n 'A red ball.' >c/x.txt
tar -C c -cf captions.tar x.png x.txt
expect_exit 0 E --with-answers --ask 'What is it?' -o captions.ril captions.tar
check "captions" test "$(ril-inspect --json captions.ril | jq -c 'select(.kind == "group").metadata | [.question, .answers[0]]')" = '["What is it?","A red ball."]'

# more shards than are held open
mkdir many
for k in {1..300}; do jq -nc --arg k "$k" '{question: $k, image: null}' >many/$k.json; (cd many && tar -cf $k.tar $k.json); done
encode_many() { E --shuffle --seed 2 -o many.ril many/*.tar; ril-inspect --json many.ril | jq -c 'select(.kind == "group")'; }
check "hundreds of shards, few files" cmp <(ulimit -n 160; encode_many) <(encode_many)
check "all of them" test "$(keys many.ril | sort -u | wc -l)" = 300

# a teacher asks for as many files as it may have, as ril-encode does: here each question's picture lies in a shard of its own
mkdir each
for k in {1..80}; do cp s/000000.png each/$k.png; jq -nc --arg k "$k" '{question: $k}' >each/$k.json; (cd each && tar -cf $k.tar $k.json $k.png); done
expect_exit 0 ril-encode -q -m "$M" -o each.ril each/*.tar
teach_each() { ril-teach -q -m "$M" -n 1 --greedy --max-new-tokens 1 --tokenizer "$M" --image-root each -i each.ril -o taught.ril; }
expect_exit 0 sh -c "$(declare -f teach_each | sed 's/^teach_each ()/teach_each()/'); M='$M'; ulimit -Sn 64; teach_each"
check "all answered" test "$(ril-inspect --json taught.ril | jq -s 'map(select(.kind == "group")) | length')" = 80

# refused
head -c 3000 shards/a.tar >cut.tar; expect_exit 3 E cut.tar; says 'cut.tar: cut off'
head -c -20 shards/b.tar.gz >cut.tar.gz; expect_exit 3 E cut.tar.gz; says 'cut.tar.gz: gzip: cut off'
(cd s && tar --hard-dereference -cf ../twice.tar 000000.json 000000.png 000001.json 000001.png 000000.json)
expect_exit 3 E twice.tar; says "twice.tar: member '000000.json' twice"
(cd s && tar -cf ../nojson.tar 000000.png); expect_exit 3 E nojson.tar; says "nojson.tar: sample '000000': neither .json nor .txt"
(cd s && jq -c 'del(.image)' 000000.json >x.json && tar -cf ../nopicture.tar x.json); expect_exit 3 E nopicture.tar; says 'no picture among its members'
(cd s && head -c 40 000001.png >y.png && cp 000001.json y.json && tar -cf ../bad.tar y.json y.png)
expect_exit 3 E bad.tar; says "bad.tar: id 'q/000001/0': bad.tar/y.png"
expect_exit 2 E shards/a.tar data/q.jsonl; says 'need --image-root'
expect_exit 2 E --annotations cut.tar shards/a.tar; says 'annotations are read beside'
test_end
