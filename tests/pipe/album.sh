# album.sh -- share/recipes/album.mk in small, on an album made here: three models of the sizes and kinds it promises, and a task
# whose parts belong together, that RIL runs on.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
ril-scenes -q -o shapes -n 40 --seed 3
i=0
for kind in beasts dishes; do
	mkdir -p "album/$kind"
	for name in ant bee cat dog eel fox gnu hen ibex jay kid lark mole newt owl pig rat seal toad wolf; do
		cp "shapes/pictures/scene-0000$(printf %02d $i).png" "album/$kind/$name.png"; i=$((i + 1))
	done
done
recipe() { make -s -f "$RIL_ROOT/share/recipes/album.mk" ROOT="$RIL_ROOT" OUT="$T/made" ALBUM="$T/album" KINDS=beasts,dishes SCALE=0.002 BATCH=8 "$@"; }
expect_exit 0 recipe models
expect_exit 0 recipe task
for m in student teacher-a teacher-b; do
	n=$(ril-inspect "made/$m" | awk '$2 == "BF16" || $3 == "BF16"' | wc -l)
	bytes=$(stat -c %s "made/$m/model.safetensors")
	check "$m: $bytes bytes, one to three million parameters in BF16" test "$n" -gt 10 -a "$bytes" -gt 2000000 -a "$bytes" -lt 6000000
done
check "teacher B has another tokenizer and another architecture" bash -c '! cmp -s made/student/tokenizer.json made/teacher-b/tokenizer.json && grep -q internvl made/teacher-b/config.json'
check "teacher A has the student's" cmp -s made/student/tokenizer.json made/teacher-a/tokenizer.json
check "questions about shapes and the album in turn" test "$(jq -r 'has("shown")' made/data/train.jsonl | uniq -c | awk '{ print $1 }' | sort -u)" = 1
shown() { jq -r '.shown // [] | .[] | select(. != null)' "made/data/$1.jsonl" | sort -u; }
check "no picture of the test is trained on" test "$(cat <(shown train) <(shown sft-student) <(shown sft-a) <(shown hole-b) | sort -u | comm -12 - <(shown test) | wc -l)" = 0
check "both have some" test -n "$(shown test)" -a -n "$(shown train)"
check "answers of both teachers, to the questions of the task alone" jq -en --slurpfile q made/data/train.jsonl --slurpfile a made/data/teachers.jsonl \
	'($a | map(.teacher) | unique | length) == 2 and ($a | map(.id) | unique) - ($q | map(.id)) == []' >/dev/null
ril-encode -q -m made/student --batch 8 --steps 1 made/data/train.jsonl | ril-rollout -q -m made/student -n 2 --max-new-tokens 24 |
	ril-teach -q --allow-missing --cache made/data/teachers.jsonl -n 2 --tokenizer made/student |
	ril-discriminate -q --init-from made/student --update --lr 1e-3 --save disc -o /dev/null
expect_exit 0 ril-train -q --run run --student made/student --data made/data/train.jsonl --eval made/data/test.jsonl \
	--cache made/data/teachers.jsonl --disc disc -n 2 --steps 2 --batch 8 --max-new-tokens 24 --teach --allow-missing
check "RIL takes two steps" test "$(wc -l <run/metrics.jsonl)" = 2
test_end
