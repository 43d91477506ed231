# reproduce.sh -- ril-reproduce at its smallest, with tables of its own: every run's figures, what is run once for several settings, what
# is made anew when a line changes and what stays, the page and what documents get of it.  The figures are nobody's business here.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
cd "$T" || exit 1
PATH=$RIL_ROOT/scripts:$PATH
holds() { jq "$@" >jq.out; }
mkdir tables
{
	printf 'setting\tstudent\ttrain\theld-out\tteachers\tjudge\tabout\n'
	printf 'demo\tstudent\tall\tall\tmodels\tall\tfirst\n'
	printf 'two\tstudent\tall\tall\tright=0.5 every=2\tall\tsecond\n'
	printf 'part\tlate\tcaption\tcaption,name\tright=1\tpart\tthird\n'
} >tables/settings.tsv
printf 'student\tfrom\tfamilies\thabits\tsteps\tlr\tabout\nlate\tfresh\tall\t-\t2\t1e-3\tx\n' >tables/students.tsv
{
	printf 'method\tgroup\tsettings\tkind\tdata\tdisc\toptions\tabout\n'
	printf 'base\tmain\tall\tbase\t-\tnone\t\tas it was\n'
	printf 'right\tmain,other\tdemo,two\tsft\tright\tnone\t\tright ones\n'
	printf 'dr-grpo\tmain\tdemo,two\trl\t-\tnone\t--objective dr-grpo -n 2\tno teacher\n'
	printf 'ril\tmain\tall\trl\tall\t-\t\tboth\n'
	printf 'right@wall\twall\tdemo\tsft\tright\tnone\t\tas long\n'
	printf 'smooth\tother\tdemo\twarm\tteacher-a\t--label-smoothing 0.1\t--reward '"'similarity + 2*answer'"'\tafter the other\n'
} >tables/methods.tsv
small=(-q --tables tables --steps 3 --batch 12 --questions 14 --samples 3 --seeds 1 --out res)
reproduce() { ril-reproduce "${small[@]}" "$@"; }

# ---- what there is ----
expect_exit 0 ril-reproduce --list
check "every setting and method" test "$(grep -c . "$T/out")" = "$(grep -vhc '^#' "$RIL_ROOT"/share/reproduce/{settings,methods}.tsv | awk '{ n += $1 - 1 } END { print n }')"
check "runs are counted" test "$(reproduce --count)" = 12
check "of one method" test "$(reproduce --method ril --seeds 2 --count)" = 6
check "of one group and setting" test "$(reproduce --group other --setting demo --count)" = 2

check "quickly there are three seeds for eight" test "$(ril-reproduce --count --quick --out quick)" -eq $(($(ril-reproduce --count --out whole) * 3 / 8))

# ---- all of it ----
ril-reproduce "${small[@]/#-q/--jobs=2}" >log 2>&1; rc=$?
check "all runs" test "$rc" = 0
check "two at once: $(head -n 1 log)" grep -q ' 2 at once' log
lines() { awk -F '\t' -v s="$1" -v m="$2" -v what="$3" 'NR > 1 && $1 == s && $2 == m && $4 == what' res/results.tsv; }
check "eleven columns" awk -F '\t' 'NF != 11 { exit 1 }' res/results.tsv
check "12 runs" test "$(awk -F '\t' 'NR > 1 { print $1, $2, $3 }' res/results.tsv | sort -u | wc -l)" = 12
check "verdicts make the accuracy" awk -F '\t' '$4 == "accuracy" { n++; v = $6; k = gsub(1, "", v); d = $5 - k / 14; if (d > 1e-6 || d < -1e-6 || length($6) != 14) exit 1 } END { exit n != 12 }' res/results.tsv
check "pass@1 and @2 of three samples" test "$(lines demo ril pass@2 | wc -l)$(lines demo ril pass@4 | wc -l)" = 10
check "captions have their metrics" test "$(lines part ril CIDEr | wc -l)" = 1
check "a discriminator's figures where there is one" test "$(lines demo ril disc_accuracy | wc -l)$(lines demo dr-grpo disc_accuracy | wc -l)" = 10
check "the share of teachers' tokens is one" awk -F '\t' '$4 == "teacher_tokens" { n++; if (!($5 > .2 && $5 < .8)) exit 1 } END { exit n == 0 }' res/results.tsv
check "sizes beside every figure" awk -F '\t' 'NR > 1 && (($7 != 3 && $2 != "right@wall") || $8 != 12 || $9 != 14 || $10 == "") { exit 1 }' res/results.tsv

# ---- what is asked of nobody is run once ----
figures() { lines "$1" "$2" accuracy | cut -f 3,5-6,11; }
check "Dr.GRPO in two settings is one run" test "$(figures demo dr-grpo)" = "$(figures two dr-grpo)"
check "with RIL it is two" test ! res/runs/demo/ril/0.tsv -ef res/runs/two/ril/0.tsv
made() { sed -n "s/^$1 :=//p" res/runs.mk | tr ' ' '\n' | sed -n 's,.*/runs/,,p'; }
check "of which neither is a copy" test "$(made RUNS | grep -cx 'demo/ril/0.tsv\|two/ril/0.tsv') $(made COPIES | grep -c /ril/) $(made COPIES | grep -cx two/dr-grpo/0.tsv)" = "2 0 1"
check "whose figures say so" test "$(cut -f 3-6 res/runs/demo/ril/0.tsv)" != "$(cut -f 3-6 res/runs/two/ril/0.tsv)"

# ---- teachers and judges are what the table says ----
check "answers to every other block of six questions" holds -es 'map(.id | split("/")[1] | tonumber / 6 | floor | . % 2) | unique == [0]' res/answers/two/0/all.jsonl
check "two teachers, two each" holds -es 'group_by(.id) | all(.[]; map(.teacher) == ["teacher-a", "teacher-a", "teacher-b", "teacher-b"])' res/answers/two/0/all.jsonl
check "one teacher alone has as many as both together" holds -es 'group_by(.id) | all(.[]; map(.teacher) == ["teacher-a", "teacher-a", "teacher-a", "teacher-a"])' res/answers/two/0/teacher-a.jsonl
check "some of them right" test "$(wc -l <res/answers/two/0/right.jsonl)" -gt 0 -a "$(wc -l <res/answers/two/0/right.jsonl)" -lt "$(wc -l <res/answers/two/0/all.jsonl)"
check "the models answer all" test "$(wc -l <res/answers/demo/0/all.jsonl)" = 144
check "a judge of a part has one thing of each caption" holds -es 'all(.[]; .judge == "contains" and (.answer | test("^[a-z]+ [a-z]+$")))' res/answers/part/0/train.jsonl
check "who is always right passes" cmp -s res/answers/part/0/all.jsonl res/answers/part/0/right.jsonl
check "an example has the answers that passed, of its question" holds -en --slurpfile e res/answers/two/0/sft-right.jsonl --slurpfile r res/answers/two/0/right.jsonl \
	'[$e[] | .id as $id | .answers == [$r[] | select(.id == $id) | .response]] | all and length > 0'
check "held-out questions are judged whole" test "$(jq -r .judge res/questions/caption,name/held-out/held-out.jsonl | sort -u)" = slots
check "the student was made" test -s res/students/late/config.json

# ---- what is there stays ----
find res/runs -name '*.tsv' -printf '%p %T@\n' | sort >before
reproduce; check "again: nothing is run" test "$(find res/runs -name '*.tsv' -printf '%p %T@\n' | sort | cmp - before && echo same)" = same
cp res/results.tsv first.tsv
rm res/runs/demo/ril/0.tsv; reproduce
changed() { find res/runs -name '*.tsv' -printf '%p %T@\n' | sort | comm -13 before - | cut -d ' ' -f 1 | paste -sd ' '; }
check "one that is missing is made" test "$(changed)" = res/runs/demo/ril/0.tsv
check "to the byte, but for its time" cmp -s <(cut -f 1-10 res/results.tsv) <(cut -f 1-10 first.tsv)
find res/runs -name '*.tsv' -printf '%p %T@\n' | sort >before
sed -i 's/^right\t.*/right\tmain\tdemo\tsft\tall\tnone\t\tothers/' tables/methods.tsv; reproduce --setting demo
check "a line that changes: its runs" test "$(changed)" = res/runs/demo/right/0.tsv
sed -i 's/others$/others, said otherwise/' tables/methods.tsv
find res/runs -name '*.tsv' -printf '%p %T@\n' | sort >before; reproduce --setting demo
check "but not for what it says of itself" test -z "$(changed)"

# ---- pictures of an album, other teachers ----
if command -v python3 >/dev/null; then
	cp -r tables hand
	printf 'setting\tstudent\ttrain\theld-out\tteachers\tjudge\tabout\nhand\tstudent\talbum\talbum\tmodels=teacher-b,teacher-a\tall\tx\n' >hand/settings.tsv
	mkdir -p .local/lib/python3.0/site-packages/sklearn/datasets/data
	awk 'BEGIN { for (i = 0; i < 200; i++) { line = ""; for (k = 0; k < 64; k++) line = line (k + i) % 17 ","; print line i % 10 } }' | gzip >.local/lib/python3.0/site-packages/sklearn/datasets/data/digits.csv.gz
	expect_exit 0 env HOME="$T" ril-reproduce "${small[@]}" --tables hand --out hand.res --method ril
	check "questions about digits" grep -q 'sevens' hand.res/questions/album/0/train.jsonl
	check "held-out ones are others" test "$(cat hand.res/questions/album/{0,held-out}/*.jsonl | jq -r .id | sort | uniq -d | wc -l)" = 0
	check "the first model is teacher A" holds -es 'group_by(.id) | all(.[]; map(.teacher) == ["teacher-a", "teacher-a", "teacher-b", "teacher-b"])' hand.res/answers/hand/0/all.jsonl
	check "and has a run" awk -F '\t' '$1 == "hand" && $4 == "accuracy" { n++ } END { exit n != 1 }' hand.res/results.tsv
else skip "an album: no python3"; fi

# ---- as long as RIL: steps of its time ----
check "the pace of both" test "$(cut -f 1 res/pace.tsv | paste -sd ' ')" = "ril right@wall"
check "steps that take as long" awk -F '\t' 'NR == FNR { p[$1] = $2; b[$1] = $3; next } $2 == "right@wall" && $4 == "accuracy" { want = (3 * p["ril"] + b["ril"] - b["right@wall"]) / p["right@wall"]; n++
	if (!($7 - want < .51 && want - $7 < .51)) exit 1 } END { exit n != 1 }' res/pace.tsv first.tsv

# ---- the page, and what documents get ----
awk -F '\t' -v OFS='\t' 'BEGIN { print "setting", "seed", "measure", "verdicts" } $1 == "two" && $4 == "accuracy" { print $2, $3, $4, $6 }' first.tsv |
	ril-compare --baseline ril --report json --resamples 0 >c.json
said() { grep -F "(\`$1\`)" again/page.md | head -n 1 | cut -d '|' -f "$2" | sed 's/^ *+*//; s/ .*//'; }
printf 'before\n<!-- ril-reproduce: two main -->\nold\n<!-- ril-reproduce ends -->\nafter\n' >doc.md
expect_exit 0 ril-reproduce -q --tables tables --results first.tsv --setting two --fill doc.md --out again
for m in base right dr-grpo; do check "$m: accuracy and difference are ril-compare's" awk -v a="$(said $m 4)" -v d="$(said $m 5)" \
	-v x="$(jq ".settings[] | select(.setting == \"$m\").mean" c.json)" -v y="$(jq ".settings[] | select(.setting == \"$m\").difference" c.json)" \
	'BEGIN { exit !(a != "" && d != "" && a - x < .00051 && x - a < .00051 && d - y < .00051 && y - d < .00051) }'; done
check "three tables" test "$(grep -c '^|---' again/page.md)" = 3
check "from the results alone" grep -q '(`ril`) | 1 |' doc.md
check "what stands around stays" test "$(sed -n '1p;$p' doc.md)$(grep -c '^old' doc.md)" = "$(printf 'before\nafter')0"
printf '<!-- ril-reproduce: two main brief -->\n<!-- ril-reproduce ends -->\n' >brief.md
expect_exit 0 ril-reproduce -q --tables tables --results first.tsv --setting two --fill brief.md --out again
check "in brief: a table, and what it rests on" eval 'test "$(grep -c "^|---" brief.md)" = 1 && grep -q "^| | seeds | .* all | beyond .ril. " <(sed "s/|  |/| |/" brief.md) && grep -q "^Runs: [0-9]*, seeds: 1; .* revision " brief.md'
check "in brief: the same figures" test "$(grep -F '(`right`)' brief.md | grep -o ' [01]\.[0-9]* ([^|]*) | [+-][^ ]*')" = "$(grep -F '(`right`)' doc.md | head -n 1 | cut -d '|' -f 4-5 | grep -o ' [01]\.[0-9]* ([^|]*) | [+-][^ ]*')"
# settings side by side: the figures that stand in each one's own table, and better ones bold
awk -F '\t' -v OFS='\t' '$1 == "two" && $2 == "right" && $4 == "accuracy" { $5 = 1; gsub(0, 1, $6) } { print }' first.tsv >made.tsv
printf '<!-- ril-reproduce: two,demo right base -->\n<!-- ril-reproduce ends -->\n' >beside.md
cp beside.md rows.md; sed -i 's/two,demo right/two,demo,part nobody/' rows.md
expect_exit 0 ril-reproduce -q --tables tables --results made.tsv --fill beside.md --fill rows.md --out again
check "columns of settings: $(sed -n 2p beside.md)" grep -qxF '|  | `two`, seeds: 1 | `demo`, seeds: 1 |' beside.md
check "better, and only there: $(grep -F '(`right`)' beside.md)" eval 'test "$(grep -c "\*\*" beside.md)" = 1 && grep -q "(.right.) | \*\*1.000 (+[^|]*)\*\* | 0" beside.md'
check "rows of methods" test "$(grep -o '(`[a-z]*`)' beside.md | paste -sd ' ')" = '(`base`) (`right`) (`ril`)'
own() { awk -v s="## $1" -v m="(\`$2\`)" '/^## / { on = $0 == s } on && index($0, m) && !n++' again/page.md | cut -d '|' -f 4-5 | sed 's/([^|]*//; s/ *| */ /; s/^ *//; s/ .*$//'; }
for m in base right ril; do
	check "$m: $(own two $m) and $(own demo $m)" test "$(grep -F "(\`$m\`)" beside.md | cut -d '|' -f 3,4 | grep -o '[ *]0\.[0-9]*\|[ *]1\.000' | tr -d ' *' | paste -sd ' ')" = "$(own two $m) $(own demo $m)"
done
check "more settings than methods have rows: $(sed -n 2p rows.md)" grep -qxF '|  | seeds | `base` | `ril` |' rows.md
check "and say what they are" eval 'test "$(grep -c "^| .* (.[a-z]*.) | 1 | " rows.md)" -ge 2 && grep -q "^Runs: [0-9]*, seeds: 1; " rows.md'
check "the page begins with all of them" grep -qx '## Side by side' again/page.md
check "another baseline" eval 'ril-reproduce -q --tables tables --results first.tsv --setting two --baseline base --out again && grep -q "beyond .base." again/page.md'
if command -v gnuplot >/dev/null; then check "a picture" grep -q '</svg>' again/plot.svg; else skip "picture: no gnuplot"; fi

# ---- mistakes ----
expect_exit 2 reproduce --method nonsense; check "an unknown method" grep -q "'nonsense' is none of base" "$T/err"
expect_exit 2 reproduce --setting nowhere; check "an unknown setting" grep -q "'nowhere' is none of demo" "$T/err"
expect_exit 2 reproduce --seeds 0
expect_exit 2 ril-reproduce --out 'a b'; check "a folder that make could not take" grep -q "letters, digits" "$T/err"
expect_exit 1 reproduce --steps 4; check "runs of another size are not mixed" grep -q 'steps=3 .* which are others than steps=4' "$T/err"
expect_exit 2 reproduce --setting two --method right; check "a method that is not run there" grep -q 'none of these methods' "$T/err"
expect_exit 1 ril-reproduce -q --out nothing --page; check "no runs" grep -q 'no runs' "$T/err"
printf 'bare\n' >doc.md
expect_exit 1 ril-reproduce -q --results "$RIL_ROOT/share/reproduce/results.tsv" --fill doc.md --out again; check "a document without marks" grep -q 'doc.md: no <!-- ril-reproduce' "$T/err"
printf 'a\tb\n' >odd.tsv
expect_exit 1 ril-reproduce -q --results odd.tsv --out again; check "other columns" grep -q 'its columns differ' "$T/err"
printf 'broken\tmain\tdemo\trl\t-\tnone\t--objective dr-grpo --temperature cold\tx\nfine\tmain\tdemo\tsft\tall\tnone\t\tx\n' >>tables/methods.tsv
expect_exit 1 reproduce --seeds 1 --setting demo --method broken --method fine
check "a run that fails says why" grep -q "temperature" "$T/err"
check "and the others are done" test -s res/runs/demo/fine/0.tsv -a ! -e res/runs/demo/broken/0.tsv
test_end
