# values.sh -- no message prints more than 80 bytes of what came from the user's data, nor a control character of it; and
# messages that a setting would help end with its option, though the library does not know options.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
huge=$(head -c 3000 /dev/zero | tr '\0' h)
escape=$'\033'
# short WHAT: the last command's words hold no long run of the value, and no escape character
short() {
	check "$1: it is named" grep -q "hhhhh\|EsC" err
	check "$1: not at length: $(head -c 300 err)" test "$(grep -o 'h\{81,\}' err | wc -l)" -eq 0
	check "$1: no control characters" test "$(grep -c "$escape" err)" -eq 0
}
says() { check "$1" grep -q -- "$1" err; }

ril-scenes -q -o data -n 4 --prefix q --seed 5
line=$(head -n 1 data/q.jsonl)
# ril-encode: a picture's path (a data: URL), an id, a member, the data's own words
jq -c --arg p "data:image/png;base64,$huge" '(.. | strings | select(test("\\.(png|ppm|bmp|jpg)$"))) |= $p' <<<"$line" >url.jsonl
expect_exit 3 ril-encode -q -m "$M" -o x.ril url.jsonl; short "a data URL"
jq -c --arg p "$huge" '.id = $p | (.. | strings | select(test("\\.(png|ppm|bmp|jpg)$"))) |= "no.png"' <<<"$line" >id.jsonl
expect_exit 1 ril-encode -q -m "$M" -o x.ril id.jsonl; short "an id"
jq -c --arg p "EsC\u001b[2J$huge" '.id = $p | (.. | strings | select(test("\\.(png|ppm|bmp|jpg)$"))) |= "no.png"' <<<"$line" >esc.jsonl
expect_exit 1 ril-encode -q -m "$M" -o x.ril esc.jsonl; short "an id with an escape"

# a key, met by every tool that reads a stream
jq -c --arg p "$huge" '.id = $p' data/q.jsonl | head -n 1 >key.jsonl
ril-encode -q -m "$M" --image-root data -o key.ril key.jsonl
expect_exit 1 ril-score -q -i key.ril -o x.ril; short "a key in ril-score"
expect_exit 1 ril-rollout -q -m "$M" -n 2 --max-new-tokens 100000 -i key.ril -o x.ril; short "a key in ril-rollout"
ril-rollout -q -m "$M" -n 2 --max-new-tokens 4 -i key.ril -o said.ril
expect_exit 1 ril-update -q -m "$M" --objective dr-grpo -i said.ril -o x.ril; short "a key in ril-update"
expect_exit 1 ril-rollout -q -m "$M" -n 2 --max-new-tokens 4 -i said.ril -o x.ril; short "a key in ril-rollout, again"
says '(--append or --replace)'
jq -cn --arg p "$huge" '{id: "a", question: "q", answer: "b", response: "c", judge: $p}' >table.jsonl
expect_exit 1 ril-score -q --table table.jsonl; short "a judge named by a table"

# settings are named by what they are called here
expect_exit 2 ril-update -q -m "$M" --train "$huge" -i said.ril; short "a part to train"
says '(--train: '
ril-encode -q -m "$M" --image-root data --batch 2 -o steps.ril data/q.jsonl
expect_exit 1 ril-rollout -q -m "$M" -n 2 --start-step 3 -i steps.ril -o x.ril
says 'step 1 came where step 4 was due (--start-step: '
ril-rollout -q -m "$M" -n 2 --max-new-tokens 4 -i steps.ril | ril-score -q -o scored.ril
expect_exit 1 ril-update -q -m "$M" --objective dr-grpo --train projector -i scored.ril
says 'vision.pixels is missing (ril-encode --with-pixels'
test_end
