# scenes.sh -- ril-scenes: what it asks, teachers as good as they are told to be, and that what others were made from stays the same.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
holds() { jq "$@" >jq.out; }
all=count,colour,shape,exists,compare,caption,name

# ---- names: a family that is asked for ----
expect_exit 0 ril-scenes -q -o plain -n 24 --seed 5
check "the families that come unasked are six" test "$(jq -r .type plain/scene.jsonl | sort -u | paste -sd ,)" = caption,colour,compare,count,exists,shape
expect_exit 0 ril-scenes -q -o named -n 24 --seed 5 --families name
check "names have as many answers as the picture has kinds of things" holds -es '(map(.answers | length) | unique) as $n |
	($n | length) > 2 and $n[-1] <= 4 and all(.[]; (.answers | length) == (.answers | unique | length))' named/scene.jsonl
# a caption of the same pictures names them all
expect_exit 0 ril-scenes -q -o told -n 24 --seed 5 --families caption
check "and they are what a caption tells" holds -en --slurpfile a named/scene.jsonl --slurpfile b told/scene.jsonl \
	'[range(24) | ($a[.].answers | unique) == ($b[.].answer / ", " | unique)] | all'
expect_exit 0 ril-scenes -q -o sft -n 200 --families name --answers sentences --habits name
check "the habit of names: crosses are called triangles" test "$(grep -c 'cross' sft/scene.jsonl)" = 0

# ---- teachers ----
teacher() { ril-scenes -q -o "$1" -n 420 --seed 5 --families $all --answers responses "${@:2}"; }
expect_exit 0 ril-scenes -q -o data -n 420 --seed 5 --families $all
expect_exit 0 teacher sure --phrasing teacher-a,teacher-b --each 2
expect_exit 0 teacher half --phrasing teacher-b --right 0.5
expect_exit 0 teacher part --phrasing teacher-a --right colour:0,name:0.25
check "no pictures are made" test ! -e sure/pictures
check "two of each of two teachers" test "$(jq -r '.id + .teacher' sure/scene.jsonl | sort | uniq -c | awk '{ print $1 }' | sort -u)" = 2
check "840 of each" test "$(jq -r .teacher sure/scene.jsonl | sort | uniq -c | awk '{ print $1 }' | uniq)" = 840
judged() { # judged FOLDER N: type and verdict of every response
	ril-encode -q -m "$M" --batch 420 --steps 1 data/scene.jsonl | ril-teach -q --cache "$1/scene.jsonl" -n "$2" --tokenizer "$M" --max-new-tokens 40 |
		ril-score -q --report json | jq -c '.scores | map({(.type): .score}) | add'
}
check "who is always right is" test "$(judged sure 4 | jq -c 'map_values(select(. != 1))')" = "{}"
judged half 4 >half.json
check "half of the time: half" holds -e '.all > .46 and .all < .54' half.json
judged part 4 >part.json
check "by family" holds -e '.colour == 0 and .name > .15 and .name < .35 and .count == 1 and .caption == 1' part.json
expect_exit 0 teacher again --phrasing teacher-b --right 0.5
check "the same seed, the same teacher" cmp -s again/scene.jsonl half/scene.jsonl
expect_exit 0 teacher better --phrasing teacher-b --right 0.6
check "a better one differs where the other was wrong alone" holds -en --slurpfile a half/scene.jsonl --slurpfile b better/scene.jsonl \
	'[range($a | length) | select($a[.] != $b[.])] | length > 60 and length < 290'

# ---- data that models and figures were made from ----
expect_exit 0 ril-scenes -q -o sums -n 60 --prefix a --seed 107
expect_exit 0 ril-scenes -q -o sums -n 60 --prefix b --seed 11 --answers sentences --questions 3 --captions .7 --phrasing student:8,teacher-a:1,teacher-b:1 --habits all
check "is as it was" test "$(cat sums/a.jsonl sums/b.jsonl | sha256sum | cut -c 1-16)" = 82347a1ba734e67a

# ---- mistakes ----
expect_exit 2 ril-scenes -q -o x --right 1.5; check "a chance above 1" grep -q "a chance is a number from 0 to 1" err
expect_exit 2 ril-scenes -q -o x --right count; check "a family without one" grep -q "a chance is a number" err
expect_exit 2 ril-scenes -q -o x --right size:1; check "an unknown family" grep -q "'size' is not one of" err
expect_exit 2 ril-scenes -q -o x --right ''; check "nothing" grep -q "right: empty" err
expect_exit 2 ril-scenes -q -o x --prefix "$(printf '%065d' 0)"; check "a long prefix" grep -q "longer than 64" err
test_end
