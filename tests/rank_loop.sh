# rank_loop.sh -- the loop of one rank, for launchers of tests: rank_loop.sh MODEL NAME [OPTION OF RIL-UPDATE]...; questions are in loop.RANK.jsonl.
# From the environment: BATCH, STEPS, TOKENS; ROLLOUT and UPDATE, the tools with options of their own.
r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK} m=$1 name=$2
shift 2
mkdir -p "$name.work.$r" && mkfifo "$name.work.$r/edge" || exit
# shellcheck disable=SC2086  # words
ril-encode -q -m "$m" --batch "$BATCH" --steps "$STEPS" --seed 3 "loop.$r.jsonl" |
	${ROLLOUT:-ril-rollout -q} -m "$m" -n 4 --temperature 1.3 --max-new-tokens "$TOKENS" --seed 3 --threads 1 --edge "$name.work.$r/edge" 2>"$name.rollout.$r" |
	ril-score -q --judge contains |
	${UPDATE:-ril-update -q} -m "$m" --objective dr-grpo --lr 1e-3 --threads 1 --run "$name" --edge "$name.work.%r/edge" --versions "$name.work.%r/versions" \
		--metrics "$name.jsonl" "$@"
