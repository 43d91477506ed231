#!/bin/bash
# ril-score as it is used: streams, rewards, reports, tables, captions, comparisons, programs as judges, bad input.
. "$(dirname "$0")/../ril_test.sh"
cd "$T" || exit 1
S=$RIL_ROOT/share/examples/sample.ril

# ---- a filter: terms stay, the sum is right, a re-run changes nothing ----
check "filter" ril-score --judge contains --reward 'answer' -o a.ril "$S"
check "filter from stdin to stdout" eval 'ril-score --judge contains <"$S" | ril-score --judge contains | ril-inspect --check >/dev/null'
check "terms and sum are there" eval '[ -n "$(ril-inspect --field reward.answer a.ril)" ] && [ -n "$(ril-inspect --field reward a.ril)" ]'
ril-score --judge contains --reward 'answer' -o b.ril a.ril
check "scoring again gives the same" ril-inspect --diff a.ril b.ril
ril-score --judge contains --reward '2*answer + answer*0.5' -o c.ril a.ril
check "weights" eval '[ "$(ril-inspect --field reward c.ril | tr -d "[]" | tr " ," "\n\n" | grep -c "^2.5")" = "$(ril-inspect --field reward.answer c.ril | tr -d "[]" | tr " ," "\n\n" | grep -cx "1")" ]'
expect_exit 1 ril-score --judge contains --reward 'nosuch + answer' -o d.ril "$S"
check "the missing term is named" grep -q 'reward.nosuch' err
check "nothing is left behind" [ ! -e d.ril ]
for bad in 'answer +' '0.5' '* answer' 'answer answer' '1e999*answer' ''; do expect_exit 2 ril-score --reward "$bad" "$S"; done
ril-score --judge contains --format '(?i)(yes|no)' --length 3-8 --repetition 1 --reward 'answer + 2*format + 4*length - repetition' -o h.ril "$S"
check "format" [ "$(ril-inspect --field reward.format h.ril | tr '\n\t' '; ')" = "scene/1 0 0 0 0;scene/2 0 0 0 0;scene/3 1 1 1 0;scene/4 0 0 0 0;" ]
check "length, in tokens" [ "$(ril-inspect --field reward.length h.ril | head -n 1 | tr '\t' ' ')" = "scene/1 1 1 0 1" ]
for t in "" .answer .format .length .repetition; do ril-inspect --field "reward$t" h.ril | cut -f 2 | tr ' ' '\n' >"sum$t"; done
check "the terms of form in the sum" eval 'paste -d " " sum sum.answer sum.format sum.length sum.repetition | awk "{ d = \$1 - (\$2 + 2 * \$3 + 4 * \$4 - \$5); n += d < 1e-5 && d > -1e-5 } END { exit n != 16 }"'
expect_exit 1 ril-score --judge contains --reward 'answer + format' -o i.ril "$S"
echo '{"1": ["two red circles"], "2": ["a blue square"], "3": ["yes"]}' >df.json
ril-score --judge contains --rouge --cider df.json --reward '0.5*rouge + cider' -o w.ril "$S"
check "rouge" eval '[ "$(ril-inspect --field reward.rouge w.ril | cut -f 2 | tr " " "\n" | awk "\$1 < 0 || \$1 > 1 { bad++ } \$1 == 1 { full++ } END { print bad + 0, (full > 0) }")" = "0 1" ]'
for t in "" .rouge .cider; do ril-inspect --field "reward$t" w.ril | cut -f 2 | tr ' ' '\n' >"sum$t"; done
check "the terms of wording in the sum" eval 'paste -d " " sum sum.rouge sum.cider | awk "{ d = \$1 - (.5 * \$2 + \$3); n += d < 1e-5 && d > -1e-5; m += \$3 > 0 } END { exit n != 16 || !m }"'
ril-score --judge contains --rouge --cider df.json --reward '2*min(cider, 0.5) - max(rouge, 0.25)' -o w.ril "$S"
ril-inspect --field reward w.ril | cut -f 2 | tr ' ' '\n' >sum
check "limits" eval 'paste -d " " sum sum.rouge sum.cider | awk "{ c = \$3 > .5 ? .5 : \$3; r = \$2 < .25 ? .25 : \$2; d = \$1 - (2 * c - r); n += d < 1e-5 && d > -1e-5 } END { exit n != 16 }"'
for bad in 'min(answer)' 'clip(answer, 2, 1)' 'min(answer, 1' 'abs(answer)'; do expect_exit 2 ril-score --judge contains --reward "$bad" "$S"; done
ril-score --judge contains --rouge --reward rouge -o v.ril "$S"
check "only what was asked for" eval '[ -n "$(ril-inspect --field reward.rouge v.ril)" ] && ! ril-inspect --field reward.cider v.ril 2>/dev/null | grep -q "[0-9]$"'
expect_exit 3 ril-score --judge contains --cider "$S" "$S"
echo '{"1": ["one"]}' >one.json
expect_exit 3 ril-score --judge contains --cider one.json "$S"
expect_exit 1 ril-score --judge contains --cider nosuch.json "$S"
expect_exit 2 ril-score --table - --rouge
expect_exit 2 ril-score --table - --cider df.json
for bad in --format='(' --length=5 --length=8-5 --repetition=0; do expect_exit 2 ril-score --judge contains "$bad" "$S"; done
expect_exit 2 ril-score --table - --length 1-2
expect_exit 2 ril-score --judge nosuch "$S"
expect_exit 2 ril-score --report table -o - "$S"
expect_exit 2 ril-score "$S" "$S"
head -c 900 "$S" >cut.ril
expect_exit 3 ril-score --judge contains -o e.ril cut.ril
check "a cut stream publishes nothing" [ ! -e e.ril ]
expect_exit 1 ril-score --judge contains -i "$S" -o /dev/full

# ---- several responses to a question ----
# tries ID TYPE N RIGHT: so many responses, the right ones first
tries() { seq "$3" | jq -c --arg id "$1" --arg type "$2" --argjson c "$4" '{$id, $type, answer: "yes", judge: "contains", response: (if . <= $c then "yes" else "no \(. % 2)" end)}'; }
{ tries 1 a 4 1; tries 2 a 4 0; tries 3 b 4 4; tries 4 b 2 1; tries 5 b 8 3; } >tries.jsonl
ril-score --table tries.jsonl --report json >tries.json
sample() { jq -c --arg t "$1" --arg m "$2" '.samples[] | select(.type == $t and .metric == $m) | [.questions, .value]' tries.json; }
is() { jq -en --argjson a "$(sample "$1" "$2")" --argjson n "$3" "\$a[0] == \$n and ((\$a[1] - ($4)) | fabs < 1e-9)" >/dev/null; }
check "pass@1 is the mean over questions" is all pass@1 5 '(1/4 + 0 + 1 + 1/2 + 3/8) / 5'
check "pass@2: pairs with a right one" is all pass@2 5 '(3/6 + 0 + 1 + 1 + (1 - 10/28)) / 5'
check "pass@4: questions with four" is all pass@4 4 '(1 + 0 + 1 + (1 - 5/70)) / 4'
check "pass@4 of a category" is b pass@4 2 '(1 + (1 - 5/70)) / 2'
check "pass@8: the one that has so many" is all pass@8 1 1
check "and no more" test -z "$(sample all pass@16)"
check "different texts" is all distinct 5 '(3 + 2 + 1 + 2 + 3) / 5'
check "different right ones" is all "distinct right" 5 '4 / 5'
check "an interval" eval 'jq -e ".samples[] | select(.type == \"all\" and .metric == \"pass@2\") | .low < .value and .value < .high" tries.json >/dev/null'
check "two right texts are two" eval '{ tries 1 a 3 3; echo "{\"id\": 1, \"response\": \"yes!\", \"answer\": \"yes\", \"judge\": \"contains\"}"; } | ril-score --table - --report json | jq -e ".samples[] | select(.metric == \"distinct right\" and .type == \"all\") | .value == 2" >/dev/null'
width() { ril-score --table tries.jsonl --report json --confidence "$1" | jq '.samples[] | select(.type == "all" and .metric == "pass@1") | .high - .low'; }
check "a narrower one of less confidence: $(width 50) $(width 95)" awk -v a="$(width 50)" -v b="$(width 95)" 'BEGIN { exit !(0 < a && a < b) }'
for bad in 0.95 100 x; do expect_exit 2 ril-score --table tries.jsonl --report json --confidence $bad; done
check "one response each: no such section" test "$(tries 1 a 1 1 | ril-score --table - --report json | jq 'has("samples")')" = false

# ---- reports ----
check "table report" eval 'ril-score --judge contains --report table "$S" | grep -q "^student"'
check "json report" eval 'ril-score --judge contains --report json "$S" | jq -e ".n > 0 and .accuracy >= 0 and (.types | length > 0) and (.scores | length > 0)" >/dev/null'
check "tsv report" eval 'ril-score --judge contains --report tsv "$S" | head -n 1 | grep -q "^section	source	type"'
check "report and stream" eval 'ril-score --judge contains --report tsv -o f.ril "$S" >r.tsv && [ -s r.tsv ] && ril-inspect --diff a.ril f.ril'
check "seeded" eval '[ "$(ril-score --judge contains --report json --seed 3 --threads 1 "$S" | md5sum)" = "$(ril-score --judge contains --report json --seed 3 --threads 2 "$S" | md5sum)" ]'
check "metrics" eval 'ril-score --judge contains --metrics m.jsonl -o g.ril "$S" && jq -e "has(\"step\") and has(\"groups\")" m.jsonl >/dev/null'
check "comparison with itself" eval 'ril-score --compare a.ril a.ril --report json | jq -e ".compare[-1] | .difference == 0 and .p == 1" >/dev/null'
for who in student teacher all; do check "comparison of $who" eval '[ "$(ril-score --compare --source $who --report json a.ril a.ril | jq .compare[-1].questions)" -gt 0 ]'; done
check "which are not the same" eval '[ "$(for who in student teacher all; do ril-score --compare --source $who --report json a.ril a.ril | jq .compare[-1].a; done | sort -u | wc -l)" = 3 ]'
expect_exit 2 ril-score --compare --source nobody a.ril a.ril
expect_exit 2 ril-score --compare a.ril
expect_exit 2 ril-score --compare --table x a.ril a.ril

# ---- tables ----
cat >t.jsonl <<'END'
{"id": "x", "response": "three", "answer": 3, "judge": "number", "type": "count"}

{"response": "a dog", "choices": ["a cat", "a dog"], "answer": "B", "judge": "mcq", "type": "pick"}
{"response": "a cat", "choices": ["a cat", "a dog"], "answer": "B", "judge": "mcq", "type": "pick"}
END
check "a line a row" eval '[ "$(ril-score --table t.jsonl | jq -c "[.id, .score]" | tr -d "\n")" = "[\"x\",1][\"line 3\",1][\"line 4\",0]" ]'
check "macro-average" eval 'ril-score --table t.jsonl --report json | jq -e ".macro == 0.75 and .types.pick.accuracy == 0.5 and .n == 3" >/dev/null'
row() { expect_exit "$1" ril-score --judge vqa --table - <<<"$2"; }
row 3 '{"response": "x"'
row 3 '{"answer": "x"}'
row 3 '[1, 2]'
row 3 '{"response": 3.5, "answers": {"a": 1}}'
row 3 $'{"response": "\xff", "answer": "x"}'
row 1 '{"response": "x", "answer": "x"}'
row 1 ''
row 0 '{"response": "a\u0000b", "answers": ["x", "y"]}'
expect_exit 1 ril-score --table nosuch.jsonl

# ---- benchmarks' figures ----
cat >pope.jsonl <<'END'
{"response": "Yes.", "answer": "yes", "type": "random"}
{"response": "No", "answer": "yes", "type": "random"}
{"response": "Well, yes", "answer": "no", "type": "random"}
{"response": "There is not one.", "answer": "no", "type": "popular"}
{"response": "Yes", "answer": "yes", "type": "popular"}
END
check "pope" eval 'ril-score --judge pope --table pope.jsonl --report json | jq -e ".pope[-1] | .accuracy == 0.6 and (.precision - 2/3 | fabs) < 1e-9 and (.recall - 2/3 | fabs) < 1e-9 and (.F1 - 2/3 | fabs) < 1e-9 and .[\"yes-ratio\"] == 0.6" >/dev/null'
hal() { printf '{"response": "%s", "answer": "%s", "category": "%s", "subcategory": "chart", "set_id": "0", "figure_id": "%s", "question_id": "%s"}\n' "$@"; }
{ hal Yes 1 VS 0 0; hal No 1 VS 1 0; hal No 0 VS 1 1; hal No 0 VD 0 0; hal Yes 1 VD 0 1; } >hal.jsonl
check "hallusion" eval 'ril-score --judge hallusion --table hal.jsonl --report json | jq -e ".hallusion[-1] | .aAcc == 0.8 and .fAcc == 0.5 and .qAcc == 0.75" >/dev/null'
check "by another field" eval 'ril-score --table hal.jsonl --judge hallusion --by category --report json 2>/dev/null | jq -e ".types.VS.n == 3" >/dev/null'
expect_exit 1 ril-score --judge hallusion --table - --report table <<<'{"response": "Yes", "answer": "1"}'

# ---- captions ----
cat >refs.json <<'END'
{"images": [{"id": 1, "domain": "in-domain"}, {"id": "b", "domain": "out-domain"}], "annotations": [
 {"image_id": 1, "caption": "A red bus on a street."}, {"image_id": 1, "caption": "A bus drives by."}, {"image_id": "b", "caption": "Two dogs play ball."}]}
END
caps() { printf '%s' "$2" >res.json; expect_exit "$1" ril-score --captions res.json --references refs.json --report json; }
caps 0 '[{"image_id": 1, "caption": "a red bus on a street"}, {"image_id": "b", "caption": "two dogs play ball"}]'
check "captions" eval 'jq -e ".captions[\"BLEU-4\"] > 0.9 and (.caption_scores | map(.domain) | unique) == [\"all\", \"in-domain\", \"out-domain\"]" out >/dev/null'
caps 0 '[{"image_id": 1, "caption": "a red bus\r\nb two dogs"}]'
check "a line break in a caption is said" grep -q 'control characters' err
check "a picture without a caption is said" grep -q 'left out' err
caps 0 '[{"image_id": 1, "caption": ""}]'
check "an empty caption is said" grep -q 'no tokens' err
caps 3 '[{"image_id": 9, "caption": "a"}]'
check "the unknown picture is named" grep -q '9' err
caps 3 '[{"image_id": 1, "caption": "a"}, {"image_id": "1", "caption": "b"}]'
caps 3 '[{"image_id": 1}]'
caps 3 '{"a":'
printf '[{"image_id": 1, "caption": "\377"}]' >res.json
expect_exit 3 ril-score --captions res.json --references refs.json
expect_exit 2 ril-score --captions res.json
cat >foil.json <<'END'
{"annotations": [{"image_id": 1, "id": 5, "foil_id": 10, "foil": false, "foil_word": "ORIG", "caption": "A red bus on a street."},
 {"image_id": 1, "id": 5, "foil_id": 11, "foil": true, "target_word": "bus", "foil_word": "bike", "caption": "A red bike on a street."}]}
END
check "FOIL by metrics" eval 'ril-score --foil foil.json --references refs.json --caption-metrics ROUGE-L --report json | jq -e ".foil[0] | .pairs == 1 and .accuracy == 1" >/dev/null'

# rules, tokens, single captions, other programs, a dictionary
cat >ruled.json <<'END'
{"images": [{"id": 1}, {"id": 2}], "annotations": [{"image_id": 1, "caption": "a red bus"}, {"image_id": 1, "caption": "nothing at all", "is_rejected": true},
 {"image_id": 2, "caption": "unsuitable", "is_precanned": true}]}
END
echo '[{"image_id": 1, "caption": "nothing at all"}, {"image_id": 2, "caption": "unsuitable"}]' >res.json
ruled() { ril-score --captions res.json --references ruled.json --caption-metrics BLEU-1 --report json --resamples 0 "$@" 2>/dev/null; }
check "rejected and canned references count" [ "$(ruled --rules coco | jq '.captions["BLEU-1"] > 0.99')" = true ]
check "by VizWiz's rules they do not, nor pictures left with none" [ "$(ruled --rules vizwiz | jq -c '[.captions["BLEU-1"] < 0.01, .caption_scores[0].captions]')" = '[true,1]' ]
echo '[{"image_id": 1, "caption": "Two dogs, one ball."}]' >res.json
echo '{"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": "two dogs one ball"}]}' >one.json
parted() { ril-score --captions res.json --references one.json --caption-metrics BLEU-1,CIDEr --resamples 0 --report json "$@" 2>/dev/null; }
check "the reference's tokeniser drops case and marks" [ "$(parted --tokeniser ptb | jq '.captions["BLEU-1"] > 0.99')" = true ]
check "none parts at blanks" [ "$(parted --tokeniser none | jq '.captions["BLEU-1"] < 0.6')" = true ]
check "every caption is told" [ "$(parted --per-item | jq -c '[.. | objects | select(has("image") and .image == "1" or .image == 1)] | length > 0')" = true ]
check "or is not" [ "$(parted | jq -c '[.. | objects | select(has("image") and .image == "1" or .image == 1)] | length')" = 0 ]
cat >java <<'END'
#!/bin/sh
echo "$*" >>java.log
case $2 in -Xmx8G) echo '[{"image_id": 0, "scores": {"All": {"f": 0.25}}}]' >"$6"; exit ;; esac
while read -r l; do case $l in SCORE*) echo '6 6 3 3 3 3 3 3 0 0 0 0 0 0 0 0 0 0 0 0 2 6 6' ;; EVAL*) printf '0.5\n0.5\n' ;; esac; done
END
chmod +x java; : >m.jar; : >s.jar
check "programs of their own" [ "$(ril-score --captions res.json --references one.json --caption-metrics METEOR,SPICE --java ./java --meteor-jar m.jar --spice-jar s.jar \
	--resamples 0 --report json | jq -c '[.captions.METEOR, .captions.SPICE]')" = '[0.5,0.25]' ]
check "each with its jar" [ "$(grep -c -- '^-jar -Xmx2G m.jar\|^-jar -Xmx8G s.jar' java.log)" = 2 ]
for what in METEOR:meteor SPICE:spice; do
	expect_exit 2 ril-score --captions res.json --references one.json --caption-metrics ${what%:*}; check "which is named" grep -q -- "--${what#*:}-jar" err
	expect_exit 1 ril-score --captions res.json --references one.json --caption-metrics ${what%:*} --${what#*:}-jar nowhere.jar; check "missing: $(cat err)" grep -q 'nowhere.jar' err
done
mkdir words none
for f in index.noun index.verb index.adj index.adv noun.exc verb.exc adj.exc; do : >none/$f; : >words/$f; done
printf 'bus n 1 0 1 0 00000042  \ncoach n 1 0 1 0 00000042  \n' >words/index.noun
echo '[{"image_id": 1, "caption": "a coach"}]' >res.json; echo '{"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": "a bus"}]}' >one.json
synonym() { ril-score --captions res.json --references one.json --caption-metrics meteor-ws --resamples 0 --report json --wordnet "$1" 2>err | jq '.captions["meteor-ws"]'; }
synonym none >without
if grep -q libstemmer err; then skip "meteor-ws: a build without libstemmer"; else
	check "synonyms are the dictionary's: $(cat without) $(synonym words)" awk -v a="$(cat without)" -v b="$(synonym words)" 'BEGIN { exit !(a < b) }'
	expect_exit 1 ril-score --captions res.json --references one.json --caption-metrics meteor-ws --wordnet nowhere; check "which is named" grep -q 'nowhere/index.noun.*--wordnet' err
fi
detect() { printf '{"response": "%s", "answer": "%s", "type": "%s"}\n' "$@"; }
check "FOIL by a model's yes and no" eval 'detect Yes yes original "No, a bike is not there." no foil Yes no foil | ril-score --judge yesno --table - --report json --resamples 0 | jq -e ".types.original.accuracy == 1 and .types.foil.accuracy == 0.5" >/dev/null'
check "tokens" [ "$(printf "A dog's bone, isn't it?\n\n" | ril-score --tokenise | tr '\n' '|')" = "a dog 's bone is n't it||" ]
if [ -d "$RIL_SHARED/data/score/caption_example" ]; then
	E=$RIL_SHARED/data/score/caption_example
	for x in "good .6667 .4899 .3469 0 .4280 .5637" "bad .4815 .2404 .1359 0 .3121 .2790"; do
		set -- $x
		check "published: $1" eval "ril-score --captions $E/$1_captions.json --references $E/refs.json --report json --resamples 0 |
			jq -e '[.captions[\"BLEU-1\", \"BLEU-2\", \"BLEU-3\", \"BLEU-4\", \"ROUGE-L\", \"CIDEr\"]] as \$v | [$2, $3, $4, $5, $6, $7] as \$w |
			[range(6) | (\$v[.] - \$w[.] | fabs) < 1e-4] | all' >/dev/null"
	done
else skip "caption_example is not here"; fi

# ---- programs as judges ----
cat >judge.sh <<'END'
while IFS= read -r line; do
	echo x >>asked
	case $line in
	*'"attempt": 0'*again*) echo 'what?' ;;
	*again*) echo '{"score": true}' ;;
	*never*) echo '{"score": 2}' ;;
	*shrug*) echo '{"score": null}' ;;
	*) echo '{"score": 0.25}' ;;
	esac
done
END
for r in again never shrug plain plain; do echo "{\"response\": \"$r\", \"answer\": \"x\"}"; done >o.jsonl
check "verdicts" eval '[ "$(ril-score --judge "cmd:sh judge.sh" --cache v.jsonl --table o.jsonl 2>err | jq -c .score | tr "\n" " ")" = "1 null null 0.25 0.25 " ]'
check "counted" grep -q '2 asked again, 1 unreadable' err
check "each question once, unreadable ones again" [ "$(wc -l <asked)" = 8 ]
check "from the cache" eval '[ "$(ril-score --judge "cmd:sh judge.sh" --cache v.jsonl --table o.jsonl 2>err | jq -c .score | tr "\n" " ")" = "1 null null 0.25 0.25 " ] && [ "$(wc -l <asked)" = 8 ]'
expect_exit 1 ril-score --judge 'cmd:sh judge.sh' --on-invalid fail --table o.jsonl
expect_exit 1 ril-score --judge 'cmd:exit 3' --table o.jsonl
expect_exit 1 ril-score --judge 'cmd:echo; exit 0' --judge-retries 0 --table o.jsonl
expect_exit 1 ril-score --judge 'cmd:while read l; do echo "{\"id\": 77, \"score\": 1}"; done' --table o.jsonl
expect_exit 2 ril-score --judge cmd: --table o.jsonl
long=$(printf 'x%.0s' $(seq 5000))
echo "{\"response\": \"a\", \"answer\": \"$long\"}" >long.jsonl
for j in number yesno mcq "cmd:exit 3 #$long"; do
	expect_exit 1 ril-score -q --judge "$j" --table long.jsonl
	check "a message prints no value whole" [ "$(wc -c <"$T/err")" -lt 300 ]
done
expect_exit 2 ril-score -q --judge "$long" --table long.jsonl
check "nor a judge's name, beside all that there are" [ "$(wc -c <"$T/err")" -lt 400 ]
for hang in 'exec sleep 30' 'trap "" TERM; read l; while :; do sleep .1; done'; do
	expect_exit 1 ril-score --judge "cmd:$hang" --judge-timeout .2 --table o.jsonl
	check "a judge that hangs is told" grep -q 'no answer for 0.2 seconds' err
done
expect_exit 1 ril-score --judge llm:nosuch --table o.jsonl
# Two writers of one cache, a third run finds all of theirs; a torn last line does not spoil the next.
for i in $(seq 200); do echo "{\"response\": \"r$i\", \"answer\": \"x\"}"; done >many.jsonl
printf '{"key": "torn' >w.jsonl
ril-score -q --judge 'cmd:sh judge.sh' --cache w.jsonl --table many.jsonl >/dev/null & first=$!
tac many.jsonl | ril-score -q --judge 'cmd:sh judge.sh' --cache w.jsonl --table - >/dev/null
wait $first
check "two writers" eval '[ "$(tail -n +2 w.jsonl | jq -s "map(.key) | unique | length")" = 200 ]'
rm asked; ril-score -q --judge 'cmd:sh judge.sh' --cache w.jsonl --table many.jsonl >/dev/null
check "all in the cache" [ ! -e asked ]
if [ -d "$RIL_SHARED/data/models/qwen2_5-text" ]; then
	llm=llm:$RIL_SHARED/data/models/qwen2_5-text
	check "a model that babbles decides nothing" eval '[ "$(ril-score --judge "$llm" --judge-tokens 6 --cache l.jsonl --table o.jsonl 2>err | jq -c .score | sort -u)" = null ]'
	check "which is said" grep -q '4 unreadable' err
	expect_exit 1 ril-score --judge "$llm" --judge-tokens 6 --on-invalid fail --table o.jsonl
	ril-score -q --judge "$llm" --judge-tokens 6 --threads 2 --table o.jsonl >l2
	cp -rL "$RIL_SHARED/data/models/qwen2_5-text" tuned && chmod -R u+w tuned
	row() { printf '{"response": "a", "answer": "b"}\n' | ril-score -q --judge llm:tuned --judge-tokens 2 --judge-retries 0 --cache tuned.jsonl --table - >/dev/null; wc -l <tuned.jsonl; }
	check "a judge is known again" [ "$(row) $(row)" = "1 1" ]
	printf '\1' | dd of=tuned/model.safetensors bs=1 seek=$(($(stat -c %s tuned/model.safetensors) - 4)) conv=notrunc status=none
	check "one changed byte of weights is another judge" [ "$(row)" = 2 ]
	sed -i 's/"rope_theta": 1000000.0/"rope_theta": 10000.0/' tuned/config.json
	check "so is another setting" [ "$(row)" = 3 ]
	check "repeats exactly" eval 'ril-score -q --judge "$llm" --judge-tokens 6 --threads 1 --table o.jsonl | cmp -s - l2'
	check "NaN stays out of the report" eval 'ril-score -q --judge "$llm" --judge-tokens 4 --judge-retries 0 --report json --resamples 0 "$S" | jq -e ".accuracy == null and .scores[-1].undecided > 0" >/dev/null'
else skip "no text model here"; fi
test_end
