# card.sh -- ril-card: a run's checkpoints as the Hub reads their README.md; numbers are the evaluation's, foreign files stay.
# With huggingface_hub in $PYTHON its own reader takes the cards; with transformers the cards' own example is run.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
ril-scenes -q -o data -n 24 --prefix q --seed 5
cp -r "$RIL_ROOT/share/models/student" start
cat >start/README.md <<'END'
---
license: other
license_name: tiny-research
language:
- en
- de
tags:
- theirs
base_model: nobody/nothing
---
# The start model
END
settings=(--student start --objective dr-grpo --data data/q.jsonl --batch 6 -n 2 --max-new-tokens 20 --save-every 2)
expect_exit 0 timeout 60 ril-train -q --run run "${settings[@]}" --steps 4 --eval data/q.jsonl --eval-every 2 --keep 0 --update '--lr .02'
check "checkpoints inherit the start model's card" cmp start/README.md run/step-4/student/README.md

# the best one, then others
ln -sfn step-2 run/best; best=step-2
expect_exit 0 ril-card run
check "where it is, and of what: $(cat out)" test "$(cat out)" = "run/step-${best#step-}/student/README.md: step ${best#step-} of run"
cp "run/$best/student/README.md" first
expect_exit 0 ril-card --base-model Qwen/Some-VL run "run/$best/student"
check "made again" cmp <(grep -v '^base_model\|trained with' first) <(grep -v '^base_model\|trained with' "run/$best/student/README.md")
expect_exit 0 ril-card run -; check "on standard output" cmp out first
cp -r run/step-4/student four
expect_exit 0 ril-card --step 4 --name 'tiny "4": #1' --dataset a/b --dataset c --base-model Qwen/Some-VL run four
check "of the base nothing else is taken over" bash -c '! grep -q "theirs\|nobody\|The start model" four/README.md'
check "data and its sum" grep -qF "| questions | \`q.jsonl\`, 24 lines, SHA-256 $(sha256sum <data/q.jsonl | cut -c 1-64) |" four/README.md
check "the start model and its id" grep -qF "| start model | \`start\`, id $(ril-inspect --json --verify start | jq -r .id) |" four/README.md
check "this model's" grep -qF "| this model | id $(ril-inspect --json --verify run/step-4/student | jq -r .id) |" four/README.md
row() { sed -n "s/^| $1 | //p" "$2" | tr -d ' |' ; }
check "before, after" test "$(sed -n 's/^| accuracy | \([^|]*\) | \([^|]*\) |.*/\1 \2/p' four/README.md)" = \
	"$(jq -rs 'map(select(.step == 0 or .step == 4).report.accuracy * 1e4 | round / 1e4) | map(tostring) | join(" ")' run/eval.jsonl)"
sed -n '/^Settings/,$p' four/README.md | sed -n '/^```$/,/^```$/p' | grep -v '```' >told
check "its settings are the run's" test -s told -a -z "$(grep -vxFf <(ril-train --settings run) told)"

# what it does not know
expect_exit 0 timeout 60 ril-train -q --run bare "${settings[@]}" --objective rloo --steps 2 --ema .5
expect_exit 0 ril-card --license mit bare
check "the newest, where nothing was evaluated" grep -q 'for 2 steps' bare/current/student/README.md
check "nothing measured, nothing told" bash -c 'grep -q "Nothing was measured" bare/current/student/README.md && ! grep -q "model-index\|^base_model" bare/current/student/README.md'
expect_exit 0 ril-card run run/step-2/student
cp run/step-2/student/README.md of-two
check "the folder tells its step" grep -q 'for 2 steps' of-two
cp -r run/step-2/student run/step-2/ema
expect_exit 0 ril-card run run/step-2/ema
check "the student's evaluation is not its average's" grep -q "Nothing was measured" run/step-2/ema/README.md

# files that are not ours; mistakes
cp -r four labelled; echo mine >four/README.md
expect_exit 1 ril-card run four; check "another's: $(cat err)" grep -q 'four/README.md: .*--force' err; check "is kept" grep -qx mine four/README.md
expect_exit 0 ril-card -f --step 4 run four; check "unless told so" grep -q '^# four' four/README.md
expect_exit 2 ril-card; expect_exit 2 ril-card --step x run; expect_exit 2 ril-card --nam x run; expect_exit 2 ril-card run a b; expect_exit 2 ril-card --name
expect_exit 2 ril-card --step 4 run run/step-2/student; expect_exit 2 ril-card --base-model 'a b' run; expect_exit 2 ril-card --dataset /home/x run
expect_exit 2 ril-card --license 'a: b' run; expect_exit 1 ril-card nowhere; expect_exit 1 ril-card data; expect_exit 1 ril-card run data; expect_exit 1 ril-card --step 3 run
cp -r run broken; sed -i '1s/.*/{"step":1,/' broken/metrics.jsonl; expect_exit 3 ril-card broken
cp -r run broken2; echo '{}' >broken2/run.json; expect_exit 3 ril-card broken2

# adapters, named as the Hub names its base; the card does not go into later checkpoints
expect_exit 0 timeout 60 ril-train -q --run lora "${settings[@]}" --steps 4 --eval data/q.jsonl --eval-every 2 --keep 0 --update '--lr .02 --lora rank=4'
cp -r lora again; rm -r again/step-4; ln -sfn step-2 again/current
jq '.base_model_name_or_path = "Qwen/Some-VL"' lora/step-4/student/adapter_config.json >x && mv x lora/step-4/student/adapter_config.json
expect_exit 0 ril-card lora lora/step-4/student
check "adapters" grep -qx 'library_name: peft' lora/step-4/student/README.md
check "their base" grep -qx 'base_model: "Qwen/Some-VL"' lora/step-4/student/README.md
expect_exit 0 ril-card again again/step-2/student
check "a card" grep -q 'for 2 steps' again/step-2/student/README.md
expect_exit 0 timeout 60 ril-train -q --resume again
check "step 4 has the start model's" cmp start/README.md again/step-4/student/README.md
check "and the weights of a run that was not resumed" cmp lora/step-4/student/adapter_model.safetensors again/step-4/student/adapter_model.safetensors
expect_exit 0 ril-card --step 4 again again/step-4/student
expect_exit 0 ril-train -q --resume again
check "a finished run keeps its card" grep -q 'for 4 steps' again/step-4/student/README.md
expect_exit 0 ril-merge -q -m lora/step-2/student -o merged
expect_exit 0 ril-card --step 2 lora merged
check "merged: a model again" grep -qx 'library_name: transformers' merged/README.md

# a model in the Hub's cache is known by its folder
mkdir -p hub/models--Org--Tiny.VL-1/snapshots/0123; cp -r start/. hub/models--Org--Tiny.VL-1/snapshots/0123
expect_exit 0 timeout 60 ril-train -q --run cached "${settings[@]}" --student hub/models--Org--Tiny.VL-1/snapshots/0123 --steps 2
expect_exit 0 ril-card cached
check "its id" grep -qx 'base_model: "Org/Tiny.VL-1"' cached/current/student/README.md

# each objective's paper is the one that its definition names
for name in $(sed -n 's/^#define RIL_OBJECTIVES "sft|\(.*\)"/\1/p' "$RIL_ROOT/lib/algo/objective.h" | tr '|' ' '); do
	jq --arg o "$name" '.settings.objective = $o' run/run.json >bare/run.json
	ril-card -f bare - >card
	paper=$(sed -n 's/^- "arxiv:\(.*\)"$/\1/p' card)
	check "$name: $paper" bash -c '[ -n "$2" ] && grep -F -A2 " *   $1 " "$RIL_ROOT/lib/algo/objective.h" | grep -qF "$2"' - "${name%-baseline}" "$paper"
done

card=
# the whole: teachers and discriminator, with the demo's own command
if command -v gnuplot >/dev/null && [ "$RIL_BIN" = "$RIL_ROOT/bin" ]; then
	expect_exit 0 env STEPS=4 BATCH=6 EVAL=12 BASELINE=0 timeout 120 "$RIL_ROOT/scripts/demo" "$T/demo"
	card=$(ls demo/ril/step-*/student/README.md)
	check "the discriminator" grep -qF "| discriminator | \`disc\`, id $(ril-inspect --json --verify demo/disc | jq -r .id) |" "$card"
	check "the teachers' responses" grep -qF "| teacher responses | \`teachers.jsonl\`, $(wc -l <demo/teachers.jsonl) lines, SHA-256 $(sha256sum <demo/teachers.jsonl | cut -c 1-64) |" "$card"
	check "how many" grep -qx '| steps | 4, of 6 questions, 4 responses each and 4 of teachers |' "$card"
	check "no place on this machine" bash -c "! grep -F '$RIL_ROOT' '$card'"
else skip "the demo's card: no gnuplot, or another build"; fi

python=${PYTHON:-python3}
if "$python" -c 'import huggingface_hub, yaml' 2>/dev/null; then
	cat >read.py <<'END'
import json, sys
from huggingface_hub import ModelCard
four, bare, lora, merged = (ModelCard.load(d + "/README.md").data for d in sys.argv[1:5])
assert four.model_name == 'tiny "4": #1' and four.base_model == "Qwen/Some-VL" and four.datasets == ["a/b", "c"], four
assert four.license == "other" and four.license_name == "tiny-research" and four.language == ["en", "de"], four
assert four.pipeline_tag == "image-text-to-text" and four.library_name == "transformers" and four.base_model_relation == "finetune"
assert "dr-grpo" in four.tags and "arxiv:2503.20783" in four.tags and "theirs" not in four.tags, four.tags
[report] = [e["report"] for e in map(json.loads, open("run/eval.jsonl")) if e["step"] == 4]
got = {(r.metric_type, r.metric_name): r.metric_value for r in four.eval_results}
want = {("accuracy", "accuracy"): report["accuracy"], ("accuracy", "accuracy, mean of types"): report["macro"]}
want |= {(k.split("-")[0].lower(), "captions, " + k): v for k, v in report["captions"].items()}
assert got.keys() == want.keys() and all(abs(got[k] - want[k]) <= 5e-5 for k in want), (got, want)
assert all((r.task_type, r.dataset_type, r.dataset_name) == ("image-text-to-text", "q", "q.jsonl") for r in four.eval_results)
assert bare.license == "mit" and bare.eval_results is None and bare.get("base_model") is None, bare
assert lora.library_name == "peft" and lora.base_model_relation == "adapter" and "base_model:adapter:Qwen/Some-VL" in lora.tags, lora
for d in sys.argv[5:]:
    assert ModelCard.load(d + "/README.md").data.eval_results, d
assert merged.library_name == "transformers" and "lora" not in merged.tags
END
	expect_exit 0 "$python" read.py labelled bare/current/student lora/step-4/student merged ${card:+"$(dirname "$card")"}
else skip "the Hub's reader of cards: $python has no huggingface_hub"; fi
if "$python" -c 'import torch, transformers, peft, PIL' 2>/dev/null; then
	cp "$(find data -name '*.png' | sort | head -n 1)" picture.png
	for d in merged lora/step-4/student; do
		sed -n '/^```python$/,/^```$/p' $d/README.md | grep -v '```' >$d/example.py
		cp picture.png $d
		sed -i "s|\"Qwen/Some-VL\"|\"$T/start\"|" $d/example.py # which does not exist
		(cd $d && HF_HUB_OFFLINE=1 "$python" example.py) >said 2>err
		check "$d: the example answers: $(cat said) $(tail -n 1 err)" test -s said
	done
else skip "the cards' examples: $python has no torch, transformers, peft"; fi
test_end
