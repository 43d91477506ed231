# teach.sh -- ril-teach end to end: local teachers, saved responses, errors.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
R=$RIL_ROOT/share/recipes
cd "$T" || exit 1
ril-scenes -q -o d -n 8 --seed 1
jq -r '.question, .answer' d/scene.jsonl >corpus.txt
ril-init -q --config "$R/student.json" --train-tokenizer corpus.txt --vocab 300 --min-pixels 576 --max-pixels 576 -o student
ril-init -q --config "$R/teacher-a.json" --tokenizer student --min-pixels 576 --max-pixels 576 -o teacher-a
ril-init -q --config "$R/teacher-b.json" --train-tokenizer corpus.txt --vocab 280 --max-tiles 1 -o teacher-b
ril-encode -q -m student --batch 4 d/scene.jsonl -o e.ril
teach() { ril-teach -q --tokenizer student "$@"; }

check "two local teachers" teach -m teacher-a -m teacher-b/ -n 3 --image-root d --max-new-tokens 12 --teacher-tokens 3 --save t.jsonl -i e.ril -o t.ril
check "... three answers a question" test "$(wc -l <t.jsonl)" -eq 24
check "... named" test "$(jq -r .teacher t.jsonl | sort -u | tr '\n' ' ')" = "teacher-a teacher-b "
check "... the remainder goes round" test "$(jq -r 'select(.teacher == "teacher-a") | .id' t.jsonl | sort | uniq -c | awk '{print $1}' | sort -u | tr '\n' ' ')" = "1 2 "
check "... again, the same" teach -m teacher-a -m teacher-b -n 3 --image-root d --max-new-tokens 12 --teacher-tokens 3 --save u.jsonl -i e.ril -o u.ril --threads 1
check "... to the byte" cmp t.jsonl u.jsonl
check "the stream is whole" ril-inspect --check t.ril
check "saved, from a pipe" bash -c 'set -o pipefail; ril-teach -q --tokenizer student --cache t.jsonl -n 2 --max-new-tokens 64 <e.ril | ril-inspect --check'
split -n l/2 t.jsonl part.
check "two collections" teach --cache part.aa --cache part.ab -n 2 --max-new-tokens 64 -i e.ril -o v.ril
check "one collection" teach --cache t.jsonl -n 2 --max-new-tokens 64 -i e.ril -o w.ril
check "... the same draw" bash -c 'ril-inspect --diff v.ril w.ril || true; cmp <(ril-inspect v.ril | grep scene) <(ril-inspect w.ril | grep scene)'

expect_exit 1 teach --cache t.jsonl -n 8 --max-new-tokens 64 -i e.ril -o x.ril
check "names the question" grep -q "'scene/" "$T/err"
check "nothing is left behind" test ! -e x.ril
check "allowed" teach --cache t.jsonl -n 8 --allow-missing --max-new-tokens 64 -i e.ril -o x.ril
expect_exit 1 ril-teach -q --tokenizer teacher-b --cache t.jsonl -n 2 -i e.ril -o x.ril
check "names both tokenizers" grep -q "another tokenizer" "$T/err"
expect_exit 1 teach -m teacher-a -n 2 --image-root nowhere --max-new-tokens 4 -i e.ril -o x.ril
check "names the picture" grep -q nowhere "$T/err"
expect_exit 2 teach -n 2 -i e.ril
expect_exit 2 teach --cache t.jsonl -m teacher-a -n 2 -i e.ril
expect_exit 2 teach -m teacher-a -m x/teacher-a -n 2 -i e.ril -o x.ril
expect_exit 2 teach -m teacher-a -n 2 -i e.ril --image-root d -o x.ril
echo '{"id": "scene/000000/0"}' >bad.jsonl
expect_exit 3 teach --cache bad.jsonl -n 2 -i e.ril -o x.ril
check "names the line" grep -q "bad.jsonl: line 1" "$T/err"
head -c 900 e.ril >cut.ril
expect_exit 3 teach --cache t.jsonl -n 2 --max-new-tokens 64 -i cut.ril -o y.ril
check "a cut stream publishes nothing" test ! -e y.ril
test_end
