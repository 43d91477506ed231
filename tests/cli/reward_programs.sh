# reward_programs.sh -- the programs in share/examples that judge for ril-score, in each language: their scores, hostile responses, and
# all of them as terms of one reward.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
cd "$T" || exit 1
E=$RIL_ROOT/share/examples
cat >rows.jsonl <<'END'
{"response": "A red car.", "answer": "x"}
{"response": "one two three four five six seven eight NINE TEN ELEVEN TWELVE", "answer": "x"}
{"response": "", "answer": "x"}
{"response": "says \"No.\" \\n \u00e9\u4e2d, and {}.\n \t", "answer": "x"}
{"response": "it ends with }\"", "answer": "x"}
{"response": "\\.", "answer": "x"}
END
scores() { ril-score -q --judge "cmd:$1" --judge-timeout 20 --judge-retries 0 --table rows.jsonl | jq -c .score | tr '\n' ' '; }
py= c=
awk="awk -f $E/judge.awk"
if awk -W version 2>&1 | head -n 1 | grep -q mawk; then awk="awk -W interactive -f $E/judge.awk"; fi
if command -v "${PYTHON:-python3}" >/dev/null; then
	py="${PYTHON:-python3} $E/judge.py"
	check "Python: $(scores "$py")" [ "$(scores "$py")" = "1 0.5 null 1 1 1 " ]
else skip "no python3"; fi
check "awk: $(scores "$awk")" [ "$(scores "$awk")" = "1 0 0 1 0 1 " ]
# shellcheck disable=SC2046
if ${CC:-cc} -Wall -Wextra -Werror "$E/judge.c" -o judge $(pkg-config --cflags --libs libcjson); then
	c=./judge
	check "C: $(scores ./judge)" [ "$(scores ./judge)" = "0.857143 0.627451 null 0.9 1 null " ]
fi
check "the program in C was made" [ -n "$c" ]
[ -z "$py" ] || check "all in one reward" ril-score -q --judge contains --term brief="cmd:$py" --judge-timeout 20 --term stops="cmd:$awk" --term calm=cmd:./judge \
	--reward 'answer + 0.2*brief + 0.1*min(stops, 1) + 0.1*calm' -o r.ril "$E/sample.ril"
[ -z "$py" ] || check "is what it says" eval '[ "$(ril-inspect --check r.ril 2>&1 | grep -c ok)" -eq 1 ]'
echo 'not JSON' | expect_exit 1 ./judge
test_end
