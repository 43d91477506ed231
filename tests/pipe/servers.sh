# servers.sh -- ril-train with a teacher behind a server: the same student as from what the server said, saved; a run that was
# killed or stopped goes on, to the byte, and asks nothing twice; a server that fails at first costs time alone.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
can_ask || skip_all "no libcurl in this build, or no Python"
M=$RIL_ROOT/share/models/student
ril-scenes -q -o data -n 16 --prefix q --seed 5
start_server server
ril-encode -q -m "$M" --image-root data --batch 4 data/q.jsonl | ril-rollout -q -m "$M" -n 2 --max-new-tokens 40 |
	ril-teach -q --endpoint "http://127.0.0.1:$port/ok/v1" --model big -n 2 --tokenizer "$M" --image-root data --save saved.jsonl |
	ril-discriminate -q --init-from "$M" --update --lr 1e-3 --save D -o /dev/null
check "saved by the server" test "$(wc -l <saved.jsonl)" = 32
train() { # train RUN OPTION...
	local run=$1
	shift
	timeout 30 ril-train -q --run "$run" --student "$M" --disc D --data data/q.jsonl --batch 4 --steps 4 -n 2 --teachers 2 --max-new-tokens 40 --save-every 1 \
		--keep 0 --discriminate '--lr 1e-3' --update '--lr 1e-3' "$@"
}
same() { cmp "$1/step-4/student/model.safetensors" "$2/step-4/student/model.safetensors" && cmp "$1/step-4/disc/model.safetensors" "$2/step-4/disc/model.safetensors"; }
asked() { jq -s "map(select(.how == \"$1\" and .model == \"$2\")) | map(.n) | add" server/log; }

expect_exit 0 train one --endpoint "http://127.0.0.1:$port/ok/v1 one"
check "its answers take part" jq -es 'length == 4 and all(.teacher.responses == 8)' one/metrics.jsonl >/dev/null
check "they are kept" test "$(wc -l <one/answers.jsonl)" -ge 32
check "each was asked for once: $(asked ok one)" test "$(asked ok one)" = 32
check "its settings" bash -c "ril-train --settings one | grep -qxF 'endpoint http://127.0.0.1:$port/ok/v1 one'"
ril-train --settings one | grep -v '^endpoint' >settings
printf 'endpoint  http://127.0.0.1:%s/ok/v1  one\n' "$port" >>settings
expect_exit 0 timeout 30 ril-train -q --run configured --config settings; check "from a file" same one configured

# the next step's requests leave while the student samples: before its responses to this one are there (at first all wait for questions)
at() { jq -cs "$@"; }
sent=$(at 'map(select(.how == "ok" and .model == "one").time) | sort | [.[8], .[12]]' server/log)
sampled=$(at 'map(.time) | .[1:3]' one/rollout.jsonl)
check "asked while the student samples: $sent, before $sampled" jq -en "[$sent, $sampled] | transpose | length == 2 and all(.[0] < .[1])" >/dev/null

# a server that is gone for a while, with requests in flight
first=$port
start_server away .3
A=$port
train absent --endpoint "http://127.0.0.1:$A/ok/v1 one" 2>absent.err &
pid=$!
for _ in $(seq 200); do [ "$(grep -c . away/log)" -ge 6 ] && break; sleep .02; done
kill -KILL $server
sleep 1
RIL_TEST_PORT=$A start_server away .3
port=$first
wait $pid
check "a step waits for a server that is gone, and is not lost: $(tail -n 1 absent.err)" same one absent
check "some was tried again: $(jq -s 'map(.retries) | add' absent/teach.jsonl)" test "$(jq -s 'map(.retries) | add' absent/teach.jsonl)" -ge 1
check "nothing is lost or twice" jq -es 'map(.asked) | add == 32' absent/teach.jsonl >/dev/null

# a step's server that fails at first, and a run that is ended
expect_exit 0 train failing --endpoint "http://127.0.0.1:$port/failing/v1 one"; check "a server that fails once each" same one failing
before=$(asked ok one)
train killed --endpoint "http://127.0.0.1:$port/ok/v1 one" &
for _ in $(seq 200); do [ -e killed/step-1 ] && break; sleep .05; done
pkill -KILL -f -- 'ril-teach.*killed/teach.jsonl' || :
wait $!
expect_exit 0 timeout 30 ril-train -q --resume killed
check "and ends as if it had not been killed" same one killed
n=$(($(asked ok one) - before))
check "nothing twice that was kept: $n" test "$n" -ge 32 -a "$n" -le 40
train stopped --endpoint "http://127.0.0.1:$port/ok/v1 one" &
for _ in $(seq 200); do [ -e stopped/step-1 ] && break; sleep .05; done
kill -INT $! 2>/dev/null
wait $!
rc=$?
check "stopped: $rc" test $rc = 130 -o $rc = 0
expect_exit 0 timeout 30 ril-train -q --resume stopped; check "and gone on with" same one stopped

# mistakes
expect_exit 2 train x --endpoint http://127.0.0.1:9/v1; check "says: $(cat err)" grep -q "not a URL, a blank, and a model's name" err
expect_exit 1 train gone --endpoint 'http://127.0.0.1:9/v1 m' --teach '--retries 0 --connect-timeout 1'; check "says: $(tail -n 1 err)" grep -q '127.0.0.1' err
expect_exit 2 ril-train --run y --student "$M" --disc D --data data/q.jsonl; check "says: $(cat err)" grep -q 'needs --cache or --endpoint' err
test_end
