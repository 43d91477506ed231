# servers.sh -- servers that others wrote, as teachers and judges: `transformers serve` and llama-cpp-python's.  With the same weights they
# answer as ours do where a model is opened here.  Wants in $PYTHON the first's package with fastapi, uvicorn and openai, or llama-cpp-python[server].
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
cd "$T" || exit 1
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
can_ask || skip_all "servers: no python3, or a build without libcurl"
S=$RIL_ROOT/share/models/student
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$T"' EXIT
serve() { # serve NAME PATH COMMAND...: starts it with --host and --port behind, waits until PATH answers, sets $URL
	local name=$1 path=$2; shift 2
	port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	"$@" --host 127.0.0.1 --port "$port" >"$name.log" 2>&1 &
	pids+=($!)
	URL=http://127.0.0.1:$port/v1
	for _ in $(seq 600); do
		"$python" -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)' "http://127.0.0.1:$port$path" 2>/dev/null && return
		kill -0 $! 2>/dev/null || break
		sleep .2
	done
	tail -n 5 "$name.log" >&2
	return 1
}
teach() { timeout 120 ril-teach --tokenizer "$S" --image-root d --max-new-tokens 200 --retries 2 -o t.ril "$@"; }
ask() { # ask MODEL OPTION...: of the server at $URL
	local model=$1; shift
	teach --endpoint "$URL" --model "$model" "$@"
}
says() { check "says $1: $(tail -n 2 err)" grep -qF -- "$1" err; }
responses() { jq -c '[.id, (.response | gsub("^\\s+|\\s+$"; "")), .finish]' "$1"; } # as servers strip them
same() { check "$1: $(diff <(responses ours.jsonl) <(responses theirs.jsonl))" cmp -s <(responses ours.jsonl) <(responses theirs.jsonl); }

ril-scenes -q -o d -n 3 --seed 1
{ cat d/scene.jsonl; echo '{"id": "t", "question": "how many circles are there?", "answer": "none"}'; } >q.jsonl
ril-encode -q -m "$S" --image-root d q.jsonl -o e.ril
jq -c '{question, answer, response: .answer}' q.jsonl >rows.jsonl
expect_exit 0 teach -q -m "$S" --teacher-tokens 24 --greedy -n 1 -i e.ril --save ours.jsonl

# ---- transformers ----
if "$python" -c 'import fastapi, uvicorn, openai, torchvision, transformers.cli.serve' 2>/dev/null; then
	check "transformers serve begins" serve transformers /health "$python" -c 'from transformers.cli.transformers import main; main()' serve --device cpu
	expect_exit 0 ask "$S" --teacher-tokens 24 --greedy -n 1 -i e.ril --save theirs.jsonl
	same "texts and pictures, answered as here"
	says "4 answers asked for: 4 came, 0 declined or empty, 0 failed"
	expect_exit 0 ask "$S" --endpoint "$URL" --model "$RIL_ROOT/share/models/teacher-b" --teacher-tokens 24 -n 4 -i e.ril --save theirs.jsonl --keep k.jsonl
	says "16 answers asked for: 16 came"
	check "it gives one whatever n says, and is asked for one each: $(tail -n 1 err)" grep -q '16 requests' err
	check "two teachers: $(jq -r .teacher theirs.jsonl | sort | uniq -c)" [ "$(jq -r .teacher theirs.jsonl | sort | uniq -c | awk '{print $1}' | tr '\n' ' ')" = "8 8 " ]
	expect_exit 0 ask "$S" --endpoint "$URL" --model "$RIL_ROOT/share/models/teacher-b" --teacher-tokens 24 -n 4 -i e.ril --keep k.jsonl
	says "0 answers asked for"; says "16 kept before"
	expect_exit 1 ask "$S" --top-k 4 -n 1 -i e.ril; says "status 422: Unexpected fields in the request: {'top_k'}"
	expect_exit 0 ask "$S" --top-k 4 --request '{"top_k": null}' -n 1 -i e.ril
	expect_exit 1 ask "$T/none" --retries 0 -n 1 -i e.ril; says "no answer: status "
	expect_exit 0 ril-score --judge "$URL" --judge-model "$S" --judge-structured --judge-retries 1 --table rows.jsonl
	says "judge: 8 replies"; says "0 failed"
	V=$RIL_SHARED/data/models/qwen2_5_vl-a
	if [ -d "$V" ]; then # sampled as asked for; a picture of a size that needs no other (its processor rounds otherwise), few ids (ours never says <|video_pad|>)
		cp -r "$V" vl && chmod -R u+w vl && rm -rf vl/cases
		jq '{do_sample: true, eos_token_id, pad_token_id}' "$V/generation_config.json" >vl/generation_config.json
		cp "$RIL_SHARED/data/models/pictures/p3_56x56_rgb.png" d/p.png
		printf '{"id": "p", "image": "p.png", "question": "what?", "answer": "it"}\n{"id": "t", "question": "why?", "answer": "so"}\n' >p.jsonl
		ril-encode -q -m "$S" --image-root d p.jsonl -o p.ril
		vl() { ask vl --jobs 1 -i p.ril "$@"; }
		expect_exit 0 teach -q -m vl --teacher-tokens 5 --greedy -n 1 -i p.ril --save ours.jsonl
		expect_exit 0 vl --teacher-tokens 5 --greedy -n 1 --save theirs.jsonl
		same "another model, another picture"
		expect_exit 0 vl --teacher-tokens 5 -n 3 --save ours.jsonl
		says "0 declined or empty, 0 failed"
		expect_exit 0 vl --teacher-tokens 5 -n 3 --save theirs.jsonl; same "the same seed"
		check "cut by length: $(jq -c .finish ours.jsonl | tr '\n' ' ')" [ "$(jq -r .finish ours.jsonl | grep -c length)" -ge 4 ]
		check "no two alike: $(jq -c .response ours.jsonl | tr '\n' ' ')" [ "$(jq -c .response ours.jsonl | sort -u | wc -l)" -ge 5 ]
		expect_exit 0 vl --teacher-tokens 5 -n 3 --seed 8 --save theirs.jsonl
		check "another seed" bash -c '! cmp -s ours.jsonl theirs.jsonl'
		expect_exit 0 vl --teacher-tokens 5 -n 3 --truncated drop; says "0 cut by length"
	else skip "transformers serve, sampled: no reference models"; fi
else skip "transformers serve: $python has no transformers.cli.serve, fastapi, uvicorn, openai, torchvision"; fi

# ---- llama.cpp ----
if "$python" -c 'import llama_cpp.server.app, llama_cpp.mtmd_cpp, gguf.scripts.gguf_new_metadata' 2>/dev/null; then
	K=sk-0123456789abcdefghij
	echo $K >keyfile
	echo sk-of-somebody-else >badkey
	ril-export -q -m "$S" --type f32 -o ours.gguf --mmproj vision.gguf
	check "written anew by the gguf package" "$python" -m gguf.scripts.gguf_new_metadata --general-name student ours.gguf student.gguf 2>gguf.log
	check "llama-cpp-python's server begins" serve llama /docs "$python" -m llama_cpp.server --model student.gguf --clip_model_path vision.gguf --chat_format mtmd \
		--model_alias st --n_ctx 512 --n_threads 1 --api_key $K
	st() { ask st --key-file keyfile -i e.ril "$@"; }
	expect_exit 0 teach -q -m "$S" --teacher-tokens 24 --greedy -n 1 -i e.ril --save ours.jsonl
	expect_exit 0 st --teacher-tokens 24 --greedy -n 1 --save theirs.jsonl
	same "texts and pictures, answered as here"
	expect_exit 0 st --teacher-tokens 24 --temperature 1.5 --top-p .95 --top-k 50 -n 3 --save ours.jsonl
	says "12 answers asked for: 12 came, 0 declined or empty, 0 failed"
	expect_exit 0 st --teacher-tokens 24 --temperature 1.5 --top-p .95 --top-k 50 -n 3 --jobs 1 --save theirs.jsonl; same "the same seed"
	expect_exit 0 st --teacher-tokens 24 --temperature 1.5 --top-p .95 --top-k 50 -n 3 --seed 8 --save theirs.jsonl
	check "another seed" bash -c '! cmp -s ours.jsonl theirs.jsonl'
	expect_exit 0 st --greedy -n 1 --teacher-tokens 24 --stop triangle --stop square --save theirs.jsonl
	check "stop: $(jq -c .response theirs.jsonl | tr '\n' ' ')" bash -c '! grep -qE "triangle|square" theirs.jsonl && ! grep -q length theirs.jsonl'
	expect_exit 0 st --greedy -n 1 --teacher-tokens 3 --save theirs.jsonl
	check "max_tokens" [ "$(jq -r .finish theirs.jsonl | grep -c length)" = 4 ]
	expect_exit 1 ask st --key-file badkey -n 1 -i e.ril; says "status 401"; says "(--key-file or --key-env)"
	{ cat q.jsonl; jq -nc '{id: "long", question: ("how many? " * 600), answer: "none"}'; } >long.jsonl
	ril-encode -q -m "$S" --image-root d --max-prompt 4096 long.jsonl -o long.ril
	expect_exit 0 ask st --key-file keyfile --teacher-tokens 24 -n 1 -i long.ril
	says "5 answers asked for: 4 came, 0 declined or empty, 1 failed"
	expect_exit 0 ril-score --judge "$URL" --judge-model st --key-file keyfile --judge-structured --judge-retries 0 --judge-tokens 40 --table rows.jsonl
	says "judge: 4 replies, 0 verdicts from the cache, 0 asked again, 0 unreadable"
	says "0 tried again, 0 failed"
	check "held to a verdict by its own form: $(jq -c .score out | tr '\n' ' ')" [ "$(jq -c .score out | grep -c '^[01]$')" = 4 ]
	ril-encode -q -m "$S" --image-root d --batch 4 q.jsonl | ril-rollout -q -m "$S" -n 2 --max-new-tokens 40 | ril-teach -q --cache theirs.jsonl -n 1 --tokenizer "$S" |
		ril-discriminate -q --init-from "$S" --update --lr 1e-3 --save D -o /dev/null
	expect_exit 0 timeout 120 "$RIL_ROOT/scripts/ril-train" -q --run run --student "$S" --disc D --data d/scene.jsonl --batch 3 --steps 3 -n 2 --teachers 2 --max-new-tokens 40 \
		--save-every 1 --endpoint "$URL st --key-file keyfile"
	check "in the loop of a run: $(jq -c '[.responses, .asked, .failed]' run/teach.jsonl | tr '\n' ' ')" jq -es 'length == 3 and all(.responses == 6 and .failed == 0) and (map(.asked) | add) <= 18' run/teach.jsonl >/dev/null
	check "the key is in nothing that was written" bash -c "! grep -raFl $K . | grep -v keyfile"
else skip "llama-cpp-python's server: $python has no llama_cpp.server.app, llama_cpp.mtmd_cpp, gguf"; fi
test_end
