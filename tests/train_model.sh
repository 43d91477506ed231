# train_model.sh -- a tiny student of its own for the training tests, so that they need neither reference data nor the
# shipped models: small_student DIR makes DIR/S (a few steps of fine-tuning), DIR/q.jsonl (questions), DIR/cache.jsonl.
small_student() {
	local d=$1
	ril-scenes -q -o "$d" --prefix sft -n 20 --answers sentences --questions 3 --seed 1
	ril-scenes -q -o "$d" --prefix q -n 24 --seed 2
	ril-scenes -q -o "$d/t" --prefix q -n 24 --seed 2 --answers sentences --phrasing teacher-a
	jq -c '{id, response: .answer, teacher: "a"}' "$d/t/q.jsonl" >"$d/cache.jsonl"
	jq -r '.question, .answer' "$d/sft.jsonl" "$d/t/q.jsonl" >"$d/corpus.txt"
	ril-init -q --config "$RIL_ROOT/share/recipes/student.json" --train-tokenizer "$d/corpus.txt" --vocab 470 \
		--min-pixels 576 --max-pixels 576 --seed 1 -o "$d/S0" &&
	ril-encode -q -m "$d/S0" --with-answers --batch 20 --steps 24 --shuffle "$d/sft.jsonl" |
		ril-update -q -m "$d/S0" --objective sft --lr 5e-3 --steps 24 --save "$d/S"
}
