# endpoint_key.sh -- a server's key: it reaches the server that it is for and no other, and is in nothing that the tools write, show or are
# called with: streams, kept answers, logs, metrics, errors of their own and of servers, of teachers, judges and whole runs.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
can_ask || skip_all "servers: no python3, or a build without libcurl"
M=$RIL_ROOT/share/models/student K=sk-secret-0123456789abcdef K2=sk-another-fedcba9876543210
echo $K >keyfile
export RIL_TEST_KEY=$K RIL_TEST_OTHER=$K2
ril-scenes -q -o d -n 8 --seed 1
ril-encode -q -m "$M" --batch 4 d/scene.jsonl -o e.ril
jq -c '{question, answer, response: .answer}' d/scene.jsonl >rows.jsonl
start_server server
URL=http://127.0.0.1:$port
mkdir w && cd w || exit 1 # everything that is written is below, but for the server's own log and the file with the key
logged() { jq -s "$@" ../server/log; }
says() { check "says $1: $(tail -n 2 "$T/err")" grep -qF -- "$1" "$T/err"; }
runs=0
run() { # run CODE COMMAND...: what it prints is kept, too
	expect_exit "$@"
	runs=$((runs + 1))
	cp "$T/out" "out-$runs"; cp "$T/err" "err-$runs"
}
ask() {
	local how=$1; shift
	ril-teach --endpoint "$URL/$how/v1" --model big -n 3 --tokenizer "$M" --image-root ../d --max-new-tokens 60 --retries 1 -i ../e.ril -v "$@"
}
judge() {
	local how=$1; shift
	ril-score --judge "$URL/$how/v1" --judge-model big --retries 1 --judge-retries 0 -v "$@"
}

# ---- teachers ----
run 0 ask ok --key-file ../keyfile -o a.ril --keep a.jsonl --save as.jsonl --metrics am.jsonl
run 0 ask ok --key-env RIL_TEST_KEY -o b.ril.gz -z --keep a.jsonl
check "it is sent" [ "$(logged -r '[.[].key] | unique | join(" ")')" = $K ]
run 0 ask ok --key-file ../keyfile --dry-run
run 0 ask ok --key-file ../keyfile --plan
run 1 ask key --key-file ../keyfile; says "status 401: wrong key: *"; says "(--key-file or --key-env)"
run 1 ask echo --key-file ../keyfile -o c.ril --keep c.jsonl; says "an answer repeats the key"
for how in down reset cut garbage page; do run 1 ask $how --key-file ../keyfile --retries 0 --keep d.jsonl; done
: >../server/log
run 1 ask away --key-file ../keyfile; says "which is another origin"
check "another origin is not asked" [ "$(logged 'map(select(.other)) | length')" = 0 ]
run 1 ask ok --key-env RIL_TEST_NONE; says "the environment has no RIL_TEST_NONE"
run 2 ask ok --key-env $K; says "is named, not the key"
run 1 ask ok --key-file nowhere
printf '%s\nlines' $K >../two; run 1 ask ok --key-file ../two; says "two: a key is one line"
run 2 ask ok --key-file ../keyfile --key-env RIL_TEST_KEY
run 2 ril-teach --key-file ../keyfile --endpoint "$URL/ok" --model big -n 1 --tokenizer "$M" -i ../e.ril; says "stand behind the server"
: >../server/log
run 0 ask ok --key-file ../keyfile --endpoint "$URL/one" --model small --endpoint "$URL/many" --model else --key-env RIL_TEST_OTHER -n 6 -o v.ril
check "a key is for the server before it: $(logged -c '[.[] | [.how, .key]] | unique')" [ "$(logged -c '[.[] | [.how, .key]] | unique')" = \
	"[[\"many\",\"$K2\"],[\"ok\",\"$K\"],[\"one\",\"\"]]" ]
(exec ril-teach --endpoint "$URL/slow/v1" --model big -n 3 --tokenizer "$M" --image-root ../d --max-new-tokens 60 --key-file ../keyfile -v -i ../e.ril -o s.ril) 2>err-slow &
for _ in $(seq 100); do grep -q slow ../server/log && break; sleep .05; done
tr '\0' ' ' <"/proc/$!/cmdline" >cmdline
kill $!; wait $! 2>/dev/null
check "while it runs" grep -q keyfile cmdline

# ---- judges ----
: >../server/log
run 0 judge judge --key-file ../keyfile --table ../rows.jsonl --cache j.jsonl
run 0 judge schema --key-env RIL_TEST_KEY --judge-structured --table ../rows.jsonl --report json
run 0 judge judge --key-file ../keyfile --term "more=$URL/yes" --judge-model m --key-env RIL_TEST_OTHER --reward 'answer + more' --metrics jm.jsonl -o j.ril "$RIL_ROOT/share/examples/sample.ril"
check "judges' keys are their own: $(logged -c '[.[] | [.how, .key]] | unique')" [ "$(logged -c '[.[] | [.how, .key]] | unique')" = \
	"[[\"judge\",\"$K\"],[\"schema\",\"$K\"],[\"yes\",\"$K2\"]]" ]
run 1 judge key --key-file ../keyfile --table ../rows.jsonl; says "status 401: wrong key: *"
run 1 judge echo --key-file ../keyfile --table ../rows.jsonl --cache k.jsonl; says "an answer repeats the key"

# ---- a run ----
ril-encode -q -m "$M" --image-root ../d --batch 4 ../d/scene.jsonl | ril-rollout -q -m "$M" -n 2 --max-new-tokens 20 | ril-teach -q \
	--endpoint "$URL/ok/v1" --model big -n 2 --tokenizer "$M" --image-root ../d --key-file ../keyfile | ril-discriminate -q --init-from "$M" --update --lr 1e-3 --save D -o /dev/null
: >../server/log
run 0 timeout 60 ril-train --run r --student "$M" --disc D --data ../d/scene.jsonl --batch 4 --steps 2 -n 2 --teachers 2 --save-every 1 --record --discriminate '--lr 1e-3' \
	--endpoint "$URL/ok/v1 one --key-env RIL_TEST_KEY" --endpoint "$URL/one/v1 two --key-file ../keyfile" --teach -v
check "its key: $(logged -c '[.[] | [.model, .key]] | unique')" [ "$(logged -c '[.[] | [.model, .key]] | unique')" = "[[\"one\",\"$K\"],[\"two\",\"$K\"]]" ]
run 0 ril-train --settings r
run 2 timeout 60 ril-train --run x --student "$M" --disc D --data ../d/scene.jsonl --endpoint "$URL/ok/v1 one --key $K2"
run 1 timeout 60 ril-train --run y --student "$M" --disc D --data ../d/scene.jsonl --batch 4 --steps 1 -n 2 --endpoint "$URL/key/v1 one --key-env RIL_TEST_KEY"

# ---- everything ----
find . -name '*.gz' -exec gunzip -k {} +
check "much was written: $(find . -type f | wc -l) files" [ "$(find . -type f | wc -l)" -ge 80 ]
check "the key is nowhere: $(grep -raFl -e secret-0123 -e another-fedcba . | head)" bash -c '! grep -raqF -e secret-0123 -e another-fedcba .'
check "nor in another spelling" bash -c "! grep -raqF -e '$(printf %s $K | base64 | cut -c 4-20)' -e '$(printf %s $K | od -An -tx1 | tr -d ' \n' | cut -c 1-32)' ."
test_end
