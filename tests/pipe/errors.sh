# errors.sh -- every tool against input that is cut, damaged or not its own, and output that cannot be written: the right
# exit code, a message, nothing published, nothing downstream that would pass for whole.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
M=$RIL_ROOT/share/models S=$RIL_ROOT/share/models/student
RANDOM=${SEED:-$$}; echo "SEED=${SEED:-$$}" >&2
cd "$T" || exit 1
says() { grep -qF -- "$1" "$T/err" || { cat "$T/err" >&2; false; }; }
ril-scenes -q -o data -n 8 --prefix q --seed 5
ril-scenes -q -o said -n 8 --prefix q --seed 5 --answers sentences
jq -c '{id, response: .answer, teacher: "a"}' said/q.jsonl >cache.jsonl

# What every tool is asked to do; each reads the output of the one before on stdin.  ril-discriminate and ril-update also
# publish a model at the stream's end.
tools=(encode rollout teach discriminate score update)
declare -A input run=(
	[encode]="ril-encode -q -m $S --batch 8 --image-root data -"
	[rollout]="ril-rollout -q -m $S -n 2 --max-new-tokens 20"
	[teach]="ril-teach -q --cache cache.jsonl -n 1 --tokenizer $S"
	[discriminate]="ril-discriminate -q --init-from $S --update --lr 1e-3 --save published"
	[score]="ril-score -q --judge contains --reward similarity+answer"
	[update]="ril-update -q -m $S --objective ril --lr 1e-4 --save published"
	[inspect]="ril-inspect --check")
last=data/q.jsonl
for t in "${tools[@]}"; do
	# shellcheck disable=SC2086  # a command line is split, here and below
	expect_exit 0 ${run[$t]} -o "$t.ril" <"$last"
	input[$t]=$last last=$t.ril
	rm -rf published
done
input[inspect]=$last
for t in "${tools[@]}"; do check "ril-$t made something" test -s "$t.ril" || { test_end; exit 1; }; done

# damaged TOOL WHAT: exit 3, nothing published, no file, and what went down a pipe does not pass for a stream
damaged() {
	local t=$1 what=$2 out=; [ "$t" = inspect ] || out="-o x.ril"
	expect_exit 3 ${run[$t]} $out <bad.ril
	check "ril-$t, $what: a message" test -s "$T/err"
	check "ril-$t, $what: nothing is published" test -z "$(ls -d published* x.ril* 2>/dev/null)"
	rm -rf published x.ril
}
for t in rollout teach discriminate score update inspect; do
	size=$(stat -c %s "${input[$t]}")
	for _ in 1 2 3; do
		at=$(((RANDOM * 32768 + RANDOM) % size))
		head -c $at "${input[$t]}" >bad.ril; damaged $t "cut at byte $at of $size"
		{ head -c $at "${input[$t]}"
			printf "\\x$(printf %x $((0x$(od -An -tx1 -j $at -N 1 "${input[$t]}" | tr -d ' ') ^ 1 << RANDOM % 8)))"
			tail -c +$((at + 2)) "${input[$t]}"; } >bad.ril
		check "one byte was changed" test "$(cmp -l bad.ril "${input[$t]}" | wc -l)" = 1
		damaged $t "a bit of byte $at of $size flipped"
	done
	head -c $((size - 1)) "${input[$t]}" >bad.ril; damaged $t "the last byte is missing"
	: >bad.ril; damaged $t "nothing at all"
	[ $t = inspect ] && continue
	head -c $((size / 2)) "${input[$t]}" | ${run[$t]} -o - 2>/dev/null | ril-inspect --check >/dev/null 2>&1
	check "ril-$t's output of half an input does not pass for whole (${PIPESTATUS[*]})" test $? -ne 0
	rm -rf published
done

# output that cannot be written
for t in "${tools[@]}"; do
	expect_exit 1 ${run[$t]} -o /dev/full <"${input[$t]}"
	check "ril-$t: the full device is named" says "No space left on device"
	[ $t = update ] || expect_exit 1 bash -c "${run[$t]} -o - <'${input[$t]}' >/dev/full"
	check "ril-$t publishes nothing" test ! -e published; rm -rf published
	expect_exit 1 ${run[$t]} -o nowhere/x.ril <"${input[$t]}"
	rm -rf published
done
expect_exit 1 bash -c "ril-inspect '$last' >/dev/full"
expect_exit 1 bash -c "ril-score -q --report table '$last' >/dev/full"
ril-inspect --json -n 0 "$last" 2>err | head -n 1 >/dev/null
check "a reader of a report that has seen enough ends it in silence: $(cat err)" test ! -s err
ril-score -q --judge contains --report json "$last" 2>err | true
check "so it does ril-score's" test ! -s err

# input of another model, and input that is not there
ril-encode -q -m "$M/teacher-b" --image-root data data/q.jsonl -o foreign.ril
for t in rollout teach; do
	expect_exit 1 ${run[$t]} -o x.ril <foreign.ril
	check "ril-$t: another tokenizer" says tokenizer
done
ril-rollout -q -m "$M/teacher-b" -n 2 --max-new-tokens 4 -i foreign.ril | ril-score -q --judge contains -o scored.ril
for t in discriminate "update --objective dr-grpo"; do
	expect_exit 1 ${run[${t%% *}]} ${t#"${t%% *}"} -o x.ril <scored.ril
	check "ril-${t%% *}: another tokenizer" says tokenizer
done
expect_exit 1 bash -c "cat rollout.ril foreign.ril | ril-inspect --check"
check "nothing is published" test -z "$(ls -d published* x.ril* 2>/dev/null)"
head -n 1 cache.jsonl >few.jsonl
expect_exit 1 ${run[teach]} --cache few.jsonl -n 3 -o x.ril <rollout.ril
check "the question without enough teacher responses is named" says "'q/000000/0'"
expect_exit 1 ${run[encode]} --max-prompt 10 -o x.ril <data/q.jsonl
check "a prompt too long is named" says "a prompt of"
expect_exit 1 ${run[rollout]} --max-new-tokens 100000 -o x.ril <encode.ril
check "responses that cannot fit" says "do not fit"
picture=$(jq -r 'select(.image) | .image' data/q.jsonl | head -n 1)
cp "data/$picture" kept; head -c 60 kept >"data/$picture"
expect_exit 3 ${run[encode]} -o x.ril <data/q.jsonl
check "a picture cut off is named" says "$picture"
rm "data/$picture"
expect_exit 1 ${run[encode]} -o x.ril <data/q.jsonl
check "a picture that is missing is named" says "$picture"
expect_exit 1 ril-teach -q -m "$M/teacher-a" -n 1 --tokenizer "$S" --image-root data --max-new-tokens 4 -i rollout.ril -o x.ril
check "to ril-teach, too" says "$picture"
check "nothing is left" test ! -e x.ril
test_end
