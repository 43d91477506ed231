# imitation_run.sh -- what the tests of runs that imitate begin with, from the shipped models, and whether two runs are alike.
# prepare_imitation BATCH   data/q.jsonl (24 questions), cache.jsonl (both teachers' answers), disc (a discriminator that has seen two batches)
prepare_imitation() {
	local m=$RIL_ROOT/share/models
	ril-scenes -q -o data -n 24 --prefix q --seed 5
	ril-encode -q -m "$m/student" --batch "$1" data/q.jsonl | ril-teach -q -m "$m/teacher-a" -m "$m/teacher-b" -n 4 \
		--tokenizer "$m/student" --image-root data --max-new-tokens 20 --save cache.jsonl -o all.ril &&
		ril-encode -q -m "$m/student" --batch "$1" --steps 2 data/q.jsonl | ril-rollout -q -m "$m/student" -n 2 --max-new-tokens 20 |
		ril-teach -q --cache cache.jsonl -n 2 --tokenizer "$m/student" |
			ril-discriminate -q --init-from "$m/student" --update --lr 1e-3 --save disc -o /dev/null &&
		[ -s cache.jsonl ] && [ -s disc/config.json ]
}
# same STEP A B: student and discriminator are equal byte for byte
same() {
	local f ok=0
	for f in student/model.safetensors disc/model.safetensors; do
		cmp -s "$2/step-$1/$f" "$3/step-$1/$f" || { echo "$2 and $3 differ in step-$1/$f" >&2; ok=1; }
	done
	return $ok
}
