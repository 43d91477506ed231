# report_arms.sh -- ril-report: which runs are seeds of one another, and that what it says of arms is what ril-compare says of the same
# evaluations.  Runs are written here, not trained.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
# make RUN SEED DIGEST VERDICTS...: a run of ten steps, evaluated at steps 0, 5, 10 ...; settings on standard input
make() {
	mkdir -p "$1"
	jq --arg s "$2" '{settings: (. + {seed: $s})}' >"$1/run.json"
	jq -cn --argjson s "$2" 'range(10) | {step: (. + 1), student: {answer: ((. + $s) / 20)}, kl: .}' >"$1/metrics.jsonl"
	local run=$1 asked=$3 step=0 v
	for v in "${@:4}"; do
		jq -cn --arg v "$v" --arg asked "$asked" --argjson step $step '{step: $step, asked: $asked, verdicts: $v,
			report: {accuracy: ($v / "" | map(tonumber) | add / length), captions: {CIDEr: ($step + ($v / "" | length))}}}'
		step=$((step + 5))
	done >"$run/eval.jsonl"
}
start=000011110000
for s in 1 2 3; do
	flip=001000010010 flip=${flip:s}${flip:0:s}
	jq -n --arg s $s '{objective: "dr-grpo", disc: "", data: "data2/\($s)/train.jsonl", n: "8", keep: $s, update: " --lr 1  --beta 0"}' | make "runs/plain-$s" $s q $start 000011110100 "$flip"
	jq -n --arg s $s '{objective: "ril", disc: "out/disc-\($s)/10", data: "data2/\($s)/train.jsonl", n: "4", record: $s, update: "--lr 1 --beta 0"}' | make "runs/ours-$s" $s q $start 010011110001 1${flip:1:10}1
done
settings='{"objective":"ril","disc":"out/disc-7/10","n":"4","data":"data2/4/train.jsonl","update":"--lr 1 --beta 0"}'
expect_exit 0 ril-report runs; mv out page; check "nothing to say: $(cat err)" test ! -s err
legend() { grep -o '<ul class="legend">.*</ul>' "$1" | sed 's/<li>/\n/g' | sed '1d; s/<svg.*<\/svg>//; s/<[^>]*>//g' | paste -sd ';'; }
check "two arms: $(legend page)" test "$(legend page)" = "ours 3 seeds;plain 3 seeds"
check "their seeds are told" grep -qF '<th scope=row>seed<td>1, 2, 3<td>1, 2, 3' page
check "the paths of a seed's files are no difference" bash -c '! grep -o "aria-label=\"Settings that differ\".*All settings" page | grep -qF "<th scope=row>data<"'
check "nor are blanks" bash -c '! grep -o "aria-label=\"Settings that differ\".*All settings" page | grep -qF "<th scope=row>update<"'
check "a thin line for each run" test "$(grep -o 'aria-label="Answer reward\..*</figure>' page | sed 's/<\/figure>.*//' | grep -o 'class="raw r[01]"' | sort | uniq -c | awk '{ print $1 $3 }' | paste -sd ' ')" = '3r0" 3r1"'
check "a band for each arm" test "$(sed 's/.*aria-label="Answer reward\.//; s/<\/figure>.*//' page | grep -o 'class="band r[01]"' | wc -l)" = 2
check "the mean, in words" grep -qF 'ours, student (mean of 3 seeds): from 0.1 at step 1 to 0.55 at step 10, at most 0.6 at step 10' page

# figures: a table made by hand, compared by hand
{
	printf 'setting\tseed\tmeasure\tverdicts\n'
	for arm in ours plain; do for s in 1 2 3; do printf '%s\t%s\taccuracy\t%s\n' $arm $s "$(jq -r 'select(.step == 10).verdicts' runs/$arm-$s/eval.jsonl)"; done; done
} >table.tsv
ril-compare -b ours --report json table.tsv | jq '.settings[1]' >plain.json
digits() { jq -r "$1 | if fabs >= .1 then . * 1000 | round / 1000 elif fabs >= .01 then . * 1e4 | round / 1e4 else . * 1e5 | round / 1e5 end" plain.json | sed 's/-/−/'; }
row() { grep -o 'aria-label="Comparison".*</table>' page | grep -o "<tr><th scope=row>[^/]*/i>${2-plain}<td data-of=\"measure\">$1.*" | sed 's/<\/tr>.*//; s/<td[^>]*>/|/g; s/<[^>]*>//g'; }
want="plain|accuracy|$(digits .mean) $(digits .low) – $(digits .high)|$(digits .difference) $(digits .d_low) – $(digits .d_high)|3|$(digits .p_seeds)|$(digits .p_questions)|$(jq -r '"\(.better) / \(.worse)"' plain.json)"
check "compared: $(row accuracy), as by hand: $want" test "$(row accuracy)" = "$want"
check "of figures without questions over seeds alone: $(row CIDEr)" bash -c "[[ \$1 == 'plain|CIDEr|'*'|–|'* ]]" x "$(row CIDEr)"
check "seeds that agree to the last digit prove nothing" bash -c "[[ \$1 == 'plain|CIDEr|'*'|0 0 – 0|3|–|–|'* ]]" x "$(row CIDEr)"
check "its start is the same questions' and seeds'" grep -qE '>plain<td data-of="seeds">3<td data-of="step">10<td data-of="accuracy">[^|]*<td data-of="against its start"><span class="(up|down|)">(\+|−)?[0-9.]+</span> <span class="ci">' page
check "what its intervals are" grep -qF 'of accuracy of the same questions' page
expect_exit 0 ril-report --baseline plain runs; check "--baseline" grep -q 'Compared with plain' out; check "the first, without it" grep -q 'Compared with ours' page
expect_exit 2 ril-report --baseline nobody runs; check "what there is: $(cat err)" grep -qF "no arm 'nobody', there are ours, plain" err
expect_exit 0 ril-report --separate runs; check "--separate: $(legend out)" test "$(legend out)" = "ours-1;ours-2;ours-3;plain-1;plain-2;plain-3"

# what is no seed of another: another folder of D, a seed that is there already, no settings; names that seeds leave nothing of
echo "$settings" | make more/other 4 q $start $start $start
jq -n '{objective: "ril", disc: "out/disc-1/10", data: "data2/1/train.jsonl", n: "4", update: "--lr 1 --beta 0"}' | make more/again 1 q $start $start $start
echo '{}' | make more/bare 1 q $start $start $start; rm more/bare/run.json
expect_exit 0 ril-report runs/ours-1 runs/ours-2 more; check "each its own: $(legend out)" test "$(legend out)" = "ours 2 seeds;again;bare;other"
for s in 1 2; do mkdir -p seeds/$s; cp -r runs/ours-$s seeds/$s/ril; cp -r runs/plain-$s seeds/$s; done
expect_exit 0 ril-report seeds/1 seeds/2; check "named by folders: $(legend out)" test "$(legend out)" = "plain 2 seeds;ril 2 seeds"

# one run each, of different seeds: question by question
expect_exit 0 ril-report --baseline plain-1 runs/plain-1 runs/ours-2; mv out page
last() { jq -r 'select(.step == 10).verdicts' "runs/$1/eval.jsonl"; }
printf 'setting\tseed\tmeasure\tverdicts\nplain\t0\ta\t%s\nours\t0\ta\t%s\n' "$(last plain-1)" "$(last ours-2)" | ril-compare -b plain --report json | jq '.settings[1]' >plain.json
check "one run each: $(row accuracy ours-2)" bash -c "[[ \$1 == 'ours-2|accuracy|'*'|1|–|$(digits .p_questions)|$(jq -r '"\(.better) / \(.worse)"' plain.json)' ]]" x "$(row accuracy ours-2)"
check "told" grep -qF 'between one run each' page

cp -r runs/plain-1 even-a; cp -r runs/plain-1 even-b; jq '.settings.n = "2"' runs/plain-1/run.json >even-b/run.json
v=000000000111; for f in even-a even-b; do jq -nc --arg v $v '{step: 10, asked: "q", verdicts: $v, report: {accuracy: 0.25}}' >$f/eval.jsonl; v=011000100000; done
expect_exit 0 ril-report even-a even-b; mv out page; check "as many gains as losses are 0: $(row accuracy even-b)" bash -c "[[ \$1 == 'even-b|accuracy|0.25 '*'|0 '* ]]" x "$(row accuracy even-b)"

# other questions, or none known: over seeds alone, and told
cp -r runs asked; sed -i 's/"asked":"q"/"asked":"p"/' asked/plain-3/eval.jsonl
cp -r runs old; for f in old/*/eval.jsonl; do jq -c 'del(.asked, .verdicts) | .report.scores = [{type: "all", source: "student", low: .1, high: .7}]' "$f" >x && mv x "$f"; done
for runs in asked old; do
	expect_exit 0 ril-report $runs; mv out page
	check "$runs: told" grep -qF 'were not all asked the same questions' page
	check "$runs: $(row accuracy)" bash -c "[[ \$1 == 'plain|accuracy|'*'|3|'*'|–|'* ]]" x "$(row accuracy)"
done
expect_exit 0 ril-report old/ours-1; check "one run of an earlier version: its report's interval" grep -qF '<span class="ci">0.1 – 0.7</span>' out
jq -c '.verdicts = ((.verdicts / "" | map(tonumber / 2)))' runs/ours-1/eval.jsonl >x; cp -r runs/ours-1 half; mv x half/eval.jsonl
expect_exit 0 ril-report half; check "verdicts that are numbers" grep -qF '<td data-of="accuracy">' out
jq -c '.verdicts = [null, 1]' runs/ours-1/eval.jsonl >half/eval.jsonl; expect_exit 0 ril-report half; check "undecided ones: as if not kept" grep -qF '<td data-of="accuracy">' out
echo '{"settings":3}' >half/run.json; expect_exit 3 ril-report half; check "named: $(cat err)" grep -q 'half/run.json' err
RIL_BIN=$T/none expect_exit 1 ril-report runs; check "a tool that is not there: $(cat err)" grep -q 'ril-compare: No such file' err

mkdir sole; cp runs/ours-1/* sole; tail -n 1 runs/ours-1/eval.jsonl >sole/eval.jsonl; expect_exit 0 ril-report sole
check "evaluated once: nothing beside its start" bash -c '! grep -q "against its start" out'
check "on an axis from the start on" test "$(sed 's/.*<h3>Held out//; s/<\/svg>.*//' out | grep -o 'class="x" [^>]*>[0-9][0-9]*' | sed 's/.*>//' | sed -n '1p;$p' | paste -sd ' ')" = "0 10"
# the page is UTF-8 wherever it is written; names of folders and settings need not be
odd=$(printf 'odd-\377'); cp -r sole "$odd"; sed -i 's/"n": "4"/"n": "\\ud800"/' "$odd/run.json"
PYTHONUTF8=0 LC_ALL=C expect_exit 0 ril-report "$odd" runs; mv out page
check "UTF-8" bash -c 'iconv -f UTF-8 -t UTF-16 page >/dev/null && grep -q "odd-?" page && grep -q "<td>?" page'
# spikes are seen, and what was evaluated once; three arms of two seeds in a browser
for s in 1 2; do
	for arm in control plain ours; do
		cp -r "runs/${arm/control/plain}-$s" "three-$arm-$s"
		jq -c '.kl /= 1000' "runs/ours-$s/metrics.jsonl" >"three-$arm-$s/metrics.jsonl"
	done
	jq '.settings.objective = "sft"' runs/plain-$s/run.json >three-control-$s/run.json
	tail -n 1 runs/plain-$s/eval.jsonl >three-control-$s/eval.jsonl
	jq -cn --argjson s $s 'range(1; 61) | {step: ., kl: (if . == 9 or . == 40 + $s then 7 + $s else . / 1000 end), student: {answer: ((. + $s) / 80)}}' >three-ours-$s/metrics.jsonl
done
mkdir three; for f in three-*; do mv "$f" "three/${f#three-}"; done
expect_exit 0 ril-report three; cp out three.html
kl() { sed 's/.*<h3>Divergence from the reference//; s/<\/figure>.*//' three.html; }
check "spikes are told" bash -c 'grep -q "spikes, up to 9" <<<"$1"' x "$(kl)"
check "one mark for each of two runs' spikes, those of one step together" test "$(kl | grep -o '<path class="spike r1"' | wc -l)" = 3
check "the axis is that of the rest" bash -c '! grep -qE "class=\"y\"[^>]*>[1-9]" <<<"$1"' x "$(kl)"
check "the table has them" bash -c 'grep -q "highest<td>0.009 .*<td>9 <span class=\"ci\">step 9</span>" <<<"$1"' x "$(kl)"
for n in 1 2 3 4 5 6 7 8 9; do cp -r runs/ours-1 nine-$n; jq ".settings.n = \"$n\"" runs/ours-1/run.json >nine-$n/run.json; done
expect_exit 0 ril-report nine-*
check "nine arms have nine colours with marks" test "$(grep -o '<ul class="legend">.*</ul>' out | grep -o '<path class="mark r[0-7]" d="[^"]*"' | sort -u | wc -l)" = 9
check "well-formed" python3 "$RIL_ROOT/tests/cli/report_html.py" three.html
if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then
	expect_exit 0 python3 "$RIL_ROOT/tests/cli/report_arms_browser.py" "$T/three.html"
	passed=$((passed + $(grep -c '^ok ' out)))
else skip "no browser (chromium-driver): the page was not opened"; fi
test_end
