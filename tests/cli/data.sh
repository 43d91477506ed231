#!/bin/bash
# ril-encode and the data files that other trainers have: the same groups as from the project's own form, conversations as a
# teacher sees them, pictures as data URLs, and what is refused, in words that say where.
. "$RIL_ROOT/tests/ril_test.sh"
set -u
cd "$T" || exit
M=$RIL_ROOT/share/models/student
says() { check "says: $1" grep -qF -- "$1" err; }
short() { check "no value is printed whole" test "$(wc -L <err)" -le 300; }
E() { ril-encode -q -m "$M" --image-root data "$@"; }
ril-scenes -q -o data -n 6 --prefix q --seed 5
mapfile -t pictures < <(jq -r .image data/q.jsonl)
url() { printf 'data:image/png;base64,%s' "$(base64 -w0 "data/$1")"; }

# one question, whoever wrote it down
expect_exit 0 E --with-answers -o own.ril data/q.jsonl
rest='del(.image, .question, .answer)'
jq -s "map({image, conversations: [{from: \"human\", value: .question}, {from: \"gpt\", value: .answer}]} + ($rest))" \
	data/q.jsonl >llava.json
jq -c "{images: [.image], messages: [{role: \"user\", content: (\"<image>\" + .question)}, {role: \"assistant\", content: .answer}]} + ($rest)" \
	data/q.jsonl >swift.jsonl
jq -c "{prompt: [{role: \"user\", content: [{type: \"image_url\", image_url: {url: .image}}, {type: \"text\", text: .question}]}], completion: [{role: \"assistant\", content: [{type: \"text\", text: .answer}]}]} + ($rest)" \
	data/q.jsonl >trl.jsonl
jq -c "{images: [.image], query: (\"<image>\" + .question), response: .answer} + ($rest)" data/q.jsonl >query.jsonl
jq -s "map({images: [.image], instruction: (\"<image>\" + .question), input: \"\", output: .answer} + ($rest))" data/q.jsonl >alpaca.json
jq -c "{image, prompt: .question, completion: .answer} + ($rest)" data/q.jsonl >text.jsonl
while IFS= read -r line; do
	jq -c --arg b "$(base64 -w0 "data/$(jq -r .image <<<"$line")")" \
		"{images: [{bytes: \$b, path: .image}], prompt: [{role: \"user\", content: (\"<image>\" + .question)}], reward_model: {style: \"rule\", ground_truth: .answer}} + ($rest)" <<<"$line"
done <data/q.jsonl >verl.jsonl
jq -c . llava.json >llava-line.json
jq -c '.[]' llava.json >llava.jsonl
for file in llava.json llava-line.json llava.jsonl swift.jsonl trl.jsonl query.jsonl alpaca.json text.jsonl; do
	expect_exit 0 E --with-answers -o other.ril $file
	for field in prompt.ids resp.ids vision.embeds answers image.path image.sha256; do
		check "$file: $field" cmp <(ril-inspect --field $field own.ril) <(ril-inspect --field $field other.ril)
	done
done
expect_exit 0 E --with-answers -o other.ril verl.jsonl
for field in prompt.ids resp.ids vision.embeds answers image.sha256; do
	check "pictures in the record, a rule's answer: $field" cmp <(ril-inspect --field $field own.ril) <(ril-inspect --field $field other.ril)
done
expect_exit 0 E --with-answers -o other.ril llava.json
expect_exit 0 ril-inspect --diff own.ril other.ril
check "from standard input" cmp <(E --with-answers - <llava.json | ril-inspect --field prompt.ids) <(ril-inspect --field prompt.ids own.ril)

# the same, packed: told by its bytes, read as it is
for file in llava.json llava.jsonl; do gzip -k $file; cp $file.gz "plain.${file#*.}"; done
for file in llava.json.gz llava.jsonl.gz plain.jsonl; do
	expect_exit 0 E --with-answers -o packed.ril $file
	check "$file: the same questions" cmp <(ril-inspect --field prompt.ids own.ril) <(ril-inspect --field prompt.ids packed.ril)
done
check "packed, from standard input" cmp <(E --with-answers - <llava.jsonl.gz | ril-inspect --field prompt.ids) <(ril-inspect --field prompt.ids own.ril)
check "packed, from a pipe" cmp <(E --with-answers <(cat llava.jsonl.gz) | ril-inspect --field prompt.ids) <(ril-inspect --field prompt.ids own.ril)
{ head -n 2 llava.jsonl | gzip; tail -n +3 llava.jsonl | gzip; } >members.jsonl.gz
check "of two members" cmp <(E --with-answers members.jsonl.gz | ril-inspect --field prompt.ids) <(ril-inspect --field prompt.ids own.ril)
shuffled() { E --shuffle --seed 3 --batch 2 --steps 6 "${@:2}" -o "$1" && ril-inspect --json --field prompt.ids "$1" | jq -c '[.key, .value]' >"$1.txt"; }
for k in 1 2 3 4 5 6; do sed -n "${k}p" llava.jsonl | tee one$k.jsonl | gzip >one$k.jsonl.gz; done
check "in any order" shuffled whole.ril one?.jsonl
check "packed, of more files than may be open" sh -c "ulimit -n 16; '$RIL_BIN/ril-encode' -q -m '$M' --image-root data --shuffle --seed 3 --batch 2 --steps 6 -o many.ril one?.jsonl.gz"
check "the same order" cmp whole.ril.txt <(ril-inspect --json --field prompt.ids many.ril | jq -c '[.key, .value]')
check "resumed" shuffled later.ril --start-step 3 one?.jsonl.gz
check "goes on" cmp <(tail -n 6 whole.ril.txt) later.ril.txt
size=$(stat -c %s llava.jsonl.gz)
for cut in 1 9 200 $((size / 2)); do head -c -$cut llava.jsonl.gz >cut.jsonl.gz; expect_exit 3 E cut.jsonl.gz; says 'cut.jsonl.gz: line '; says 'gzip: cut off'; done
expect_exit 3 E - <cut.jsonl.gz; says 'standard input: line '
printf X | dd of=cut.jsonl.gz bs=1 seek=$((size / 3)) conv=notrunc 2>/dev/null; expect_exit 3 E cut.jsonl.gz; says 'cut.jsonl.gz: line '
head -c -1 llava.jsonl.gz >cut.jsonl.gz; expect_exit 3 ril-encode -m "$M" --image-root data --check cut.jsonl.gz swift.jsonl; says 'line 7: gzip: cut off'; says 'faults: 1'
(printf '{"id": "a", "question": "?"}\n{"id": "b"}\n' | gzip) >bad.jsonl.gz; expect_exit 3 E bad.jsonl.gz; says "bad.jsonl.gz: line 2: id 'b': no 'question'"
gzip </dev/null >none.jsonl.gz; expect_exit 1 E none.jsonl.gz; says 'none.jsonl.gz: no question in it'

# the field to be read
jq -c '.messages = [{role: "user", content: "Another?"}]' data/q.jsonl >two.jsonl
expect_exit 0 E -o two.ril two.jsonl
expect_exit 0 E -o named.ril --format question two.jsonl
expect_exit 0 ril-inspect --diff two.ril named.ril
expect_exit 0 E -o named.ril --format messages two.jsonl
check "--format messages" test "$(ril-inspect --field question named.ril | grep -c 'Another?')" = 6
expect_exit 3 E --format conversations two.jsonl; says "two.jsonl: line 1: id 'q/000000/0': no 'conversations'"
expect_exit 2 E --format llava two.jsonl

# a conversation: what a teacher is shown is the prompt itself, so that under the same weights it answers as the student does
jq -s -c '.[0] as $a | .[1] as $b | {system: "Be brief.", images: [$a.image, $b.image], messages: [
	{role: "user", content: ("<image>" + $a.question)}, {role: "assistant", content: $a.answer}, {role: "user", content: ("And here? <image> " + $b.question)}]}' \
	data/q.jsonl >talk.jsonl
expect_exit 0 E -o talk.ril --system 'Not this.' talk.jsonl
check "named by its place" test "$(ril-inspect --json talk.ril | jq -r 'select(.kind == "group").key')" = '#1'
check "what was said before" test "$(ril-inspect --json talk.ril | jq -c 'select(.kind == "group").metadata.turns | map(.role)')" = '["system","user","assistant"]'
expect_exit 0 ril-rollout -q -m "$M" -n 1 --greedy --max-new-tokens 12 -i talk.ril -o student.ril
expect_exit 0 ril-teach -q -m "$M" -n 1 --greedy --max-new-tokens 12 --tokenizer "$M" --image-root data -i talk.ril -o teacher.ril
check "the teacher sees the whole conversation" cmp <(ril-inspect --field resp.text student.ril) <(ril-inspect --field resp.text teacher.ril)
jq -c '.messages |= .[2:] | del(.system) | .images |= .[1:]' talk.jsonl >last.jsonl
expect_exit 0 E -o last.ril last.jsonl
check "and more than its last question" bash -c '! cmp -s <(ril-inspect --field prompt.ids talk.ril) <(ril-inspect --field prompt.ids last.ril)'

# the page of a run shows the pictures, wherever they are
jq -c --arg url "$(url "${pictures[0]}")" '.judge = "exact" | .answer = "x" | .images[0] = $url' talk.jsonl >shown.jsonl
expect_exit 0 "$RIL_ROOT/scripts/ril-train" -q --run run --student "$M" --objective dr-grpo --data shown.jsonl --image-root data \
	--batch 1 --steps 1 -n 2 --save-every 1 --record
expect_exit 0 "$RIL_ROOT/scripts/ril-report" run
check "both pictures" test "$(grep -o 'src="data:image/png;base64,iVBOR' out | wc -l)" = 2

# pictures in the file itself
while IFS= read -r line; do
	jq -c --arg url "$(url "$(jq -r .image <<<"$line")")" '.image = $url' <<<"$line"
done <data/q.jsonl >urls.jsonl
expect_exit 0 E -o urls.ril urls.jsonl
expect_exit 0 E -o paths.ril data/q.jsonl
for field in prompt.ids vision.embeds image.sha256; do
	check "data URLs: $field" cmp <(ril-inspect --field $field paths.ril) <(ril-inspect --field $field urls.ril)
done
jq -c --arg root "file://$PWD/data/" '.image = $root + .image' data/q.jsonl >files.jsonl
expect_exit 0 E -o files.ril files.jsonl
check "file://" cmp <(ril-inspect --field vision.embeds paths.ril) <(ril-inspect --field vision.embeds files.ril)
shared=$RIL_SHARED/data/models/pictures
if [ -d "$shared" ]; then
	for f in "$shared"/*.{jpg,webp}; do
		[ -e "$f" ] || continue
		jq -nc --rawfile b <(base64 -w0 "$f") '{id: 1, question: "Q", image: ("data:image/x;base64," + $b)}' >u.jsonl
		jq -nc --arg f "$f" '{id: 1, question: "Q", image: $f}' >p.jsonl
		E -o u.ril u.jsonl; E -o p.ril p.jsonl
		check "data URL of ${f##*/}" cmp <(ril-inspect --field vision.embeds u.ril) <(ril-inspect --field vision.embeds p.ril)
	done
else
	skip "no reference pictures"
fi

# a benchmark as it is distributed, from its files to its judge's report
mkdir -p coco
cp "data/${pictures[0]}" coco/COCO_val2014_000000000042.jpg
echo '{"data_type": "mscoco", "data_subtype": "val2014", "questions": [{"image_id": 42, "question": "Where?", "question_id": 42000}]}' >coco/questions.json
echo '{"annotations": [{"image_id": 42, "question_id": 42000, "question_type": "where", "answer_type": "other", "multiple_choice_answer": "here", "answers": [{"answer": "here", "answer_id": 1}, {"answer": "there", "answer_id": 2}]}]}' >answers.json
B() { ril-encode -q -m "$M" "$@"; }
expect_exit 0 B --with-answers --annotations answers.json -o vqa.ril coco/questions.json
expect_exit 0 ril-score --report json vqa.ril
check "judged as VQAv2 is" test "$(ril-inspect --json vqa.ril | jq -r 'select(.kind == "group") | [.key, .metadata.judge, .metadata.type] | join(" ")')" = "42000 vqa other"
expect_exit 2 B --annotations answers.json data/q.jsonl; says 'annotations are read beside'; says '--annotations'
expect_exit 1 B --annotations none.json coco/questions.json; says 'none.json'
echo '{"images": [{"id": 42, "file_name": "COCO_val2014_000000000042.jpg"}], "annotations": [{"image_id": 42, "caption": "A."}, {"image_id": 42, "caption": "B."}]}' >coco/captions.json
expect_exit 0 B --ask 'What is here?' --with-answers -o captions.ril coco/captions.json
check "--ask" test "$(ril-inspect --json captions.ril | jq -c 'select(.kind == "group").metadata | [.question, .answers]')" = '["What is here?",["A.","B."]]'
expect_exit 2 B --ask 'Yes?' --format foil coco/captions.json; says '{caption}'
expect_exit 2 B --ask 'Yes?' data/q.jsonl; says 'questions of their own'
head -c -3 coco/captions.json >coco/cut.json; expect_exit 3 B --format captions coco/cut.json; says 'cut.json: line 1: '

# refused, each with file, line and cause
one() { jq -nc --arg image "$1" '{image: $image, conversations: [{from: "human", value: "Q"}]}' >bad.jsonl; }
one "$(url "${pictures[0]}" | head -c 2000)"; expect_exit 3 E bad.jsonl
says "bad.jsonl: line 1: id '#1': data:image/png;base64,"; short
one "$(url "${pictures[0]}" | tr 'A' '*')"; expect_exit 3 E bad.jsonl; says "not base64 at character"; short
one "data:image/png,$(head -c 9000 /dev/zero | tr '\0' x)"; expect_exit 3 E bad.jsonl; says "without ';base64,'"; short
one "data:text/plain;base64,aGVsbG8="; expect_exit 3 E bad.jsonl; says "not a picture"
one "data:image/heic;base64,$(printf '\0\0\0\40ftypheic' | base64)"; expect_exit 1 E bad.jsonl; says "HEIF is not read"
one "data:image/avif;base64,$(printf '\0\0\0\40ftypavif\0\0\0\0avif' | base64)"; E bad.jsonl >out 2>err; says "AVIF: "
one "https://example.org/$(head -c 9000 /dev/zero | tr '\0' x).png"; expect_exit 1 E bad.jsonl; says "not fetched"; short
one "none.png"; expect_exit 1 E bad.jsonl; says "bad.jsonl: line 1: id '#1': data/none.png: No such file"
one "$(head -c 9000 /dev/zero | tr '\0' x)"; expect_exit 1 E bad.jsonl; says "File name too long"; short
jq '.[2].conversations[0].value = "<image> <image> Q"' llava.json >bad.json
expect_exit 3 E bad.json
says "bad.json: line $(awk '/^  \{/ && ++n == 3 { print NR }' bad.json): id 'q"; says "2 <image> marks for 1 pictures in 'image'"
head -c -3 llava.json >bad.json; expect_exit 3 E bad.json; says "the list ends"
check "nothing is left of a failed run" test ! -e bad.ril
jq -c '.[0].conversations[0].from = "tool"' llava.json >bad.json; expect_exit 3 E -o bad.ril bad.json
says "conversations 1: role 'tool' is not read"
check "nothing is left of a failed run" test ! -e bad.ril

# the whole file at once
expect_exit 0 ril-encode -m "$M" --image-root data --check llava.json; says "llava.json: 6 questions, no fault"
check "no stream" test ! -s out
jq -c '.[]' llava.json | {
	read -r a; read -r b; read -r c; read -r d; read -r e; read -r f
	echo "$a"; echo "${b%?}"; jq -c '.image = "none.png"' <<<"$c"; jq -c '.conversations[0].value = ("word " * 3000)' <<<"$d"
	jq -c '.image = "none.png"' <<<"$e"; echo "$f"; jq -c '{id: "q", question: "Q"}' <<<"$a"; jq -c '{id: "q", question: "Q"}' <<<"$a"
} >faulty.jsonl
expect_exit 3 E --check --with-answers faulty.jsonl
for said in 'line 2: not JSON' 'line 3: id' 'line 4: id' 'line 5: id' "line 8: id 'q' is that of line 7" "line 7: id 'q': no 'answer'"; do
	says "ril-encode: faulty.jsonl: $said"
done
says 'none.png: No such file'; says 'a prompt of 12'; says 'faulty.jsonl: faults: '
sed -i 2d faulty.jsonl; sed -i 7d faulty.jsonl
expect_exit 1 E --check faulty.jsonl; says 'faulty.jsonl: faults: 3'
expect_exit 1 E --check /dev/null; says 'no question in it'
expect_exit 3 E --check bad.json; says 'faults: 1'
expect_exit 0 E --stats --with-answers llava.json; cp out stats
ids() { ril-inspect --json --field "$1" other.ril | jq -s '[.[].value | select(.) | length] | "\(length) \(add) \(min) \(max)"' -r; }
E --with-answers -o other.ril llava.json
for what in 'prompt tokens:prompt.ids' 'answer tokens:resp.ids'; do
	check "${what%:*} are those of the stream" test "$(ids "${what#*:}")" = "$(awk -v name="${what%:*}" 'index($0, name) == 1 { $1 = $2 = ""; print $3, $4, $6, $8; exit }' stats)"
done
check "each question is in a bar" test "$(awk 'h && /^ *[0-9]/ { n += $NF } /^prompt tokens$/ { h = 1; next } /^$/ { h = 0 } END { print n }' stats)" = 6
test_end
