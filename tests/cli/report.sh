# report.sh -- ril-report: its figures are the runs', what models write is shown and not run, and in a browser (chromedriver, else
# that part is skipped) the page is used as people do, on a phone's width and on a desk's.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
M=$RIL_ROOT/share/models
ril-scenes -q -o data -n 24 --seed 3
for n in 2 4; do
	check "a run of $n responses" ril-train -q --run runs/of-$n --student "$M/student" --objective dr-grpo --data data/scene.jsonl --eval data/scene.jsonl \
		--steps 4 --batch 6 -n $n --max-new-tokens 20 --save-every 2 --eval-every 2 --record --update '--lr 1e-3'
done
expect_exit 0 ril-report --title 'Two <runs> & "more"' runs; mv out page.html
has() { grep -qF -- "$1" page.html; }
check "nothing to say" test ! -s err
check "the title is text" has '<title>Two &lt;runs&gt; &amp; &quot;more&quot;</title>'
check "it names no other place" bash -c '! grep -qE "(src|href)=\"?(http|//|file)|url\(|@import" page.html'
check "it is well-formed: $(python3 "$RIL_ROOT/tests/cli/report_html.py" page.html 2>&1)" python3 "$RIL_ROOT/tests/cli/report_html.py" page.html
check "what is not is found" bash -c 'sed "s/<\/details>//" page.html >broken.html; ! python3 "$RIL_ROOT/tests/cli/report_html.py" broken.html 2>/dev/null'
check "it forbids connections" has "default-src 'none'"
colours=$(python3 "$RIL_ROOT/tests/cli/report_colours.py" "$RIL_ROOT/share/report/page.css"); check "colours: $colours" test $? = 0
check "and others are found wanting" bash -c 'sed "s/--c1: #[0-9a-f]*/--c1: #8a6100/; s/--c4: #[0-9a-f]*/--c4: #c44e00/" "$RIL_ROOT/share/report/page.css" >x.css; ! python3 "$RIL_ROOT/tests/cli/report_colours.py" x.css >/dev/null'
# figures are the run's own, to three digits
last() { jq -s "map(select($2)) | last | $3" "runs/of-4/$1.jsonl"; }
told() { jq -nr --argjson x "$1" '$x | if . == 0 then "0" else . * 1000 | round / 1000 | tostring end' | sed 's/-/−/'; }
reward=$(last metrics true .student.answer)
check "the last answer reward, $reward" bash -c "grep -o 'aria-label=\"Answer reward[^\"]*' page.html | grep -qF 'of-4, student: from' && grep -o 'aria-label=\"Answer reward[^\"]*' page.html | grep -qE 'to $(told "$reward" | cut -c 1-5)[0-9]* at step 4'"
check "every panel of a run without a discriminator" test "$(grep -o '<figure' page.html | wc -l)" = 11
check "evaluations of both runs" test "$(grep -o '<th scope=row><i class="key r[01]"></i>of-[24]<td data-of="seeds">1<td' page.html | wc -l)" = 4
check "accuracy" has "<td data-of=\"accuracy\">$(told "$(last eval true '.report.accuracy')") "
series() { grep -o '<script type="application/json">[^<]*' "$1" | sed 's/^[^>]*>//' | jq -c "$2"; } # of each panel
check "a series is the file's" jq -en --argjson drawn "$(series page.html 'map(select(.n == "of-2" and .w == "student").p) | select(length > 0) | .[0]' | head -n 1)" \
	--slurpfile own runs/of-2/metrics.jsonl '($drawn | map(.[0])) == [1, 2, 3, 4] and ([$drawn, $own] | transpose | all(.[0][1] - .[1].student.answer | fabs < 1e-4))'
check "the setting that differs" bash -c 'grep -o "aria-label=\"Settings that differ\".*All settings" page.html | grep -qF "<th scope=row>n<td>2<td>4"'
check "recorded steps" test "$(grep -o 'data-step="[0-9]*"' page.html | sort | uniq -c | awk "{ print \$1, \$2 }" | paste -sd ";")" = "2 data-step=\"1\";2 data-step=\"2\";2 data-step=\"3\";2 data-step=\"4\""
check "a group a type" test "$(grep -o '<article' page.html | wc -l)" = 48
expect_exit 0 ril-report --steps 2 --groups 3 --metric captions.CIDEr runs/of-2
check "fewer" test "$(grep -o '<article' out | wc -l)" = 6
check "the first and the last" grep -q 'data-step="1".*data-step="4"' out
check "another metric" grep -q 'Held out: captions.CIDEr' out
expect_exit 0 ril-report --groups 0 runs; check "no answers" test "$(grep -c '<article\|<img' out)" = 0

# what a model writes is text; files of a run that goes on, that are missing, that are damaged
jq -c '.question = "<script>document.title=\"run\"</script><img src=x onerror=alert(1)>"' data/scene.jsonl >bad.jsonl
expect_exit 0 ril-train -q --run hostile --student "$M/student" --objective dr-grpo --data bad.jsonl --image-root data --steps 1 --batch 6 -n 2 --max-new-tokens 4 --record
mkdir evil; mv hostile "evil/<img src=y onerror=alert(1)>"; cd evil || exit 1
for f in eval metrics; do # what is called by names from files
	printf '{"step":1,"</script><img src=y>":1,"kl":1,"report":{"accuracy":0.5,"types":{"<img src=y>":{"accuracy":0.5}}}}\n' >>"<img src=y onerror=alert(1)>/$f.jsonl"
done
jq '.settings["<img src=y>"] = "</script><img src=y>" | .starts[0].version = "<img src=y>" | .starts[0].step = "<img src=y>"' "<img src=y onerror=alert(1)>/run.json" >x && mv x "<img src=y onerror=alert(1)>/run.json"
expect_exit 0 ril-report --metric 'types.<img src=y>.accuracy' "<img src=y onerror=alert(1)>"; cp ../out ../hostile.html; cd .. || exit 1
check "neither questions, names, settings, types nor measures are markup" test "$(grep -o '<script>document\|<img src=[xy]' hostile.html | wc -l)" = 0
check "but are shown" test "$(grep -o '&lt;img src=y&gt;' hostile.html | wc -l)" -ge 8
check "in a page that is well-formed" python3 "$RIL_ROOT/tests/cli/report_html.py" hostile.html
check "but is shown" grep -qF '&lt;script&gt;document.title=&quot;run&quot;&lt;/script&gt;' hostile.html
cp -r runs/of-2 once; sed -i '1,2d' once/eval.jsonl; expect_exit 0 ril-report --groups 0 once runs
check "one evaluation is a line across, with its interval" test "$(grep -o '<path class="bars r0" d="M[^"]*"/>.*<path class="line once r0" d="M58 [0-9.]*H426"/>.*<text class="name r0"[^>]*>once</text>' out | wc -l)" = 1
jq -c '.kl = (.step * 1e-5)' runs/of-2/metrics.jsonl >once/metrics.jsonl; expect_exit 0 ril-report --groups 0 once
check "small numbers are short" bash -c 'grep -q ">2e−5</text>" out && ! grep -q "00e−" out'
cp -r runs/of-2 going; printf '{"step":5,"lo' >>going/metrics.jsonl; expect_exit 0 ril-report going
rm -r going/record going/eval.jsonl going/run.json; expect_exit 0 ril-report going; check "curves alone" grep -q '<figure' out
printf '{"step":5,"lo\n' >going/metrics.jsonl; expect_exit 3 ril-report going; check "the line is named: $(cat err)" grep -q 'metrics.jsonl: line 1: not JSON' err
cp -r runs/of-2 cut; head -c 3000 runs/of-2/record/step-4.ril >cut/record/step-4.ril; expect_exit 3 ril-report cut
check "the record is named: $(cat err)" grep -q 'step-4.ril' err
mv data moved; expect_exit 0 ril-report runs/of-2; check "pictures that are gone are told once: $(cat err)" test "$(wc -l <err)" = 1
expect_exit 0 ril-report --image-root moved runs/of-2; check "and found elsewhere" test ! -s err
expect_exit 1 ril-report nowhere; expect_exit 1 ril-report moved; expect_exit 2 ril-report --steps 0 runs; expect_exit 2 ril-report --nonsense runs

if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then
	expect_exit 0 python3 "$RIL_ROOT/tests/cli/report_browser.py" "$T/page.html" "$T/hostile.html"
	passed=$((passed + $(grep -c '^ok ' out)))
else skip "no browser (chromium-driver): the page was not opened"; fi
test_end
