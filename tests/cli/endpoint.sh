# endpoint.sh -- ril-teach asks servers: what it sends, what it makes of every kind of answer, what it keeps.
# The server is tests/endpoint.py.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
cd "$T" || exit 1
can_ask || skip_all "servers: no python3, or a build without libcurl"
M=$RIL_ROOT/share/models/student
ril-scenes -q -o d -n 8 --seed 1
ril-encode -q -m "$M" --batch 4 d/scene.jsonl -o e.ril
start_server server
URL=http://127.0.0.1:$port
ask() { # ask BEHAVIOUR OPTION...
	local how=$1; shift
	ril-teach --endpoint "$URL/$how/v1" --model big -n 3 --tokenizer "$M" --image-root d --max-new-tokens 60 --retries 2 --seed 5 -i e.ril "$@"
}
says() { check "says $1: $(tail -n 2 err)" grep -qF -- "$1" err; }
logged() { jq -s "$@" server/log; }
counted() { # counted ASKED CAME DECLINED FAILED
	says "servers: $1 answers asked for: $2 came, $3 declined or empty, $4 failed"
}

# ---- what is sent ----
expect_exit 0 ask ok -o t.ril --keep k.jsonl --save s.jsonl --metrics m.jsonl --system 'Be brief.' --stop END --stop '##' --top-p .9 --top-k 7 --temperature .5 \
	--request '{"min_p": 0.1, "logprobs": true}'
counted 24 24 0 0
check "one request a question" [ "$(logged length)" = 8 ]
check "its members" [ "$(logged -c '.[0] | [.model, .n, .rest.temperature, .rest.top_p, .rest.top_k, .rest.max_tokens, .rest.stop, .rest.min_p, .rest.logprobs]')" = \
	'["big",3,0.5,0.9,7,60,["END","##"],0.1,true]' ]
check "its messages" [ "$(logged -r '.[0].text')" = "$(printf 'system: Be brief.\n<picture>\nuser: %s' "$(jq -rs '.[0].question' d/scene.jsonl)")" ]
check "the picture's own bytes" [ "$(logged -r '.[0].pictures[0][2]')" = "$(sha256sum <"d/$(jq -rs '.[0].image' d/scene.jsonl)" | cut -d ' ' -f 1)" ]
check "as what they are" [ "$(logged -r '.[0].pictures[0][0]')" = "data:image/png;base64" ]
check "seeds differ" [ "$(logged '[.[].seed] | unique | length')" = 8 ]
check "connections are used again" [ "$(logged '[.[].connection] | unique | length')" -le 4 ]
check "metrics" [ "$(jq -c '[.asked, .requests, .failed, .kept]' m.jsonl | tr -d '\n')" = '[12,4,0,0][12,4,0,0]' ]
check "the stream is whole" ril-inspect --check t.ril
check "the teacher's name" [ "$(jq -r .teacher s.jsonl | sort -u)" = big ]
: >server/log
expect_exit 0 ask ok -o u.ril --request '{"temperature": null, "max_tokens": null, "seed": null, "max_completion_tokens": 9}'
check "members that were taken out" [ "$(logged -c '.[0] | [.rest, .seed]')" = '[{"max_completion_tokens":9},null]' ]
: >server/log
expect_exit 0 ask ok -o u.ril --greedy
check "greedy" [ "$(logged -c '.[0].rest')" = '{"temperature":0,"max_tokens":60}' ]
# a picture that servers do not read goes as PNG
printf 'BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0\2\0\0\0\1\0\x18\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0\xff\0\0\0\xff\0\0\xff\xff\xff\0\0' >d/b.bmp
printf '{"id": "b", "image": "b.bmp", "question": "What is <image> this?", "answer": "it"}\n{"id": "n", "question": "no picture", "answer": "it"}\n' >b.jsonl
ril-encode -q -m "$M" --image-root d b.jsonl -o b.ril
: >server/log
expect_exit 0 ask ok -i b.ril -o u.ril
check "BMP as PNG, at its mark: $(logged -c '[.[] | [.text, .pictures[0][0]]]')" [ "$(logged -c '[.[] | [.text, .pictures[0][0]]] | sort')" = \
	'[["user: What is \n<picture>\nuser:  this?","data:image/png;base64"],["user: no picture",null]]' ]

# ---- what is kept ----
: >server/log
expect_exit 0 ask ok -o u.ril --keep k2.jsonl
expect_exit 0 ask ok -o v.ril --keep k2.jsonl
counted 0 0 0 0; says '24 kept before'
check "asked once" [ "$(logged length)" = 8 ]
check "and the same stream" eval 'cmp <(ril-inspect u.ril --field resp.text) <(ril-inspect v.ril --field resp.text)'
expect_exit 0 ask ok -n 4 -o v.ril --keep k2.jsonl
counted 8 8 0 0
expect_exit 0 ask ok -o v.ril --keep k2.jsonl --temperature .2
counted 24 24 0 0
expect_exit 0 ril-teach --endpoint "$URL/one/v1" --model big -n 3 --tokenizer "$M" --image-root d --max-new-tokens 60 --seed 5 -i e.ril -o v.ril --keep k2.jsonl
counted 0 0 0 0
sed -i 's/"finish": "stop"/"finish": "refused"/' k2.jsonl
expect_exit 0 ask down --retries 0 --allow-missing -o v.ril --keep k2.jsonl
counted 16 0 0 16; says '32 kept before'; says 'status 503: loading'

# ---- progress ----
start_server late .15
cat >terminal.py <<'END'
import pty, sys
pty.spawn(sys.argv[1:])
END
shown() { # shown OPTION...: its line of progress, every state of it, on a terminal
	timeout 60 "$python" terminal.py ril-teach --endpoint "http://127.0.0.1:$port/one/v1" --model m -n 3 --tokenizer "$M" --image-root d --max-new-tokens 60 --jobs 3 -o v.ril "$@" | tr '\r' '\n' >shown
}
shown -i e.ril --groups-at-once 2 --keep late.jsonl
check "a file: $(grep answers shown | tail -n 3 | head -n 1)" grep -qE "servers' answers 1[0-9]/2[0-9] +[4-7][0-9]%  0:0[0-9] elapsed, 0:0[0-9] left  [0-9]+ requests \\([0-9.]+/s\\), [0-9]+ \\+ [0-9]+ tokens \\([0-9]+/s\\)" shown
sed -i '$d' late.jsonl
shown -i e.ril --keep late.jsonl
check "kept ones took no time: $(tail -n 3 shown)" bash -c '! grep -qE "0:[1-9][0-9] left" shown'
shown -i <(cat e.ril)
check "a pipe, as far as it was read: $(grep answers shown | head -n 1)" grep -qE "answers [1-9]/12 .* left" shown

# ---- servers of all kinds ----
port=${URL##*:}
expect_exit 0 ask one -o v.ril; counted 24 24 0 0
check "every answer is its own" [ "$(ril-inspect --field resp.text v.ril | grep -o '[0-9a-f]* [0-9]*' | sort -u | wc -l)" -ge 24 ]
for how in many single busy bare failing gateway cut reset here half length; do expect_exit 0 ask $how -o v.ril; counted 24 24 0 0; done
says "24 cut by length"
expect_exit 0 ask half -o v.ril --truncated drop
check "most questions get others in their place" grep -qE 'ril-teach: 2[0-4] responses to 8 questions; .* 0 cut by length' err
expect_exit 0 ask length -o v.ril --truncated drop; says "0 responses to 8 questions"; says "24 missing"
: >server/log
SECONDS=0
expect_exit 0 ask busy --seed 6 -o v.ril; check "Retry-After was waited for, in both steps" [ "$SECONDS" -ge 2 ]
for how in refusal filter empty; do expect_exit 0 ask $how -o v.ril --keep $how.jsonl; counted 48 0 48 0; says "24 missing"; done
expect_exit 0 ask refusal -o v.ril --keep refusal.jsonl; counted 0 0 0 0
expect_exit 0 ask picky -o v.ril; check "what is refused is left out: $(cat err)" grep -qE 'status 422: no circles' err
balanced() { # whatever became of them
	# shellcheck disable=SC2046
	set -- $(sed -n 's/.*servers: \([0-9]*\) answers asked for: \([0-9]*\) came, \([0-9]*\) declined or empty, \([0-9]*\) failed.*/\1 \2 \3 \4/p' err)
	check "came + declined + failed = asked: $*" [ "$#" = 4 -a "${1:-1}" = $((${2:-0} + ${3:-0} + ${4:-0})) -a "${4:-0}" -ge 3 ]
}
asked_twice() { logged "map(select(.how == \"$1\")) | group_by([.text, .seed]) | map(length) | max"; }
expect_exit 0 ask late -o v.ril; says "status 400: no circles)"
check "... and not asked for again: $(asked_twice late)" [ "$(asked_twice late)" = 1 ]
balanced
: >server/log
expect_exit 0 ask choosy --jobs 64 -o v.ril
check "one that takes no n is found out by one question: $(logged length)" [ "$(logged 'map(select(.n == 1)) | group_by([.text, .seed]) | map(length) | max')" = 1 ]
balanced
check "several, once for each of the batch at most: $(logged 'map(select(.n == 3)) | length')" [ "$(logged 'map(select(.n == 3)) | length')" -le 4 ]
: >server/log
expect_exit 1 ask question --jobs 64 -o v.ril
check "one that refuses all is asked once more: $(logged length)" [ "$(logged length)" = 5 ]
# waits that double, from half a second, each its own by chance; at most half of it is taken off
: >server/log
expect_exit 1 ask down -n 1 --retries 3 -o v.ril; says "no answer: status 503: loading"
logged 'group_by(.text, .seed) | map(map(.time) | sort | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]))' >waits
check "exponential back-off: $(jq -c '.[0]' waits)" jq -e 'length == 4 and all(length == 3 and .[0] >= .25 and .[0] < 2 and .[1] >= .5 and .[1] < 2.5 and .[2] >= 1 and .[2] < 3.5)' waits >/dev/null
check "with jitter: $(jq -c 'map(.[2])' waits)" jq -e 'map(.[2]) | max - min > .02' waits >/dev/null
for how in page garbage utf8 nul nothing; do expect_exit 1 ask $how --retries 1 -o v.ril; says "no answer: the reply is no chat completion"; done
expect_exit 1 ask question -o v.ril; says "status 400: too long a prompt"
expect_exit 1 ask unknown -o v.ril; says "status 404: no such model"
expect_exit 1 ask down --retries 1 -o v.ril; says "no answer: status 503: loading"
expect_exit 0 ask down --retries 1 --allow-missing -o v.ril; counted 24 0 0 24
expect_exit 1 ask slow --retries 0 --first-byte-timeout .3 -o v.ril; says "no answer for 0.3 seconds"
expect_exit 1 ask slow --retries 0 --timeout .3 -o v.ril; says "timed out"
expect_exit 1 ask drip --retries 0 --timeout 1 -o v.ril; says "timed out"
expect_exit 1 ask flood --retries 0 --jobs 1 -n 1 -i b.ril -o v.ril; says "a reply of more than 32 MiB"
expect_exit 1 ask round -o v.ril; says "and on and on"
expect_exit 1 ask moved -o v.ril; says "would lose what is sent"
expect_exit 1 ril-teach --endpoint http://127.0.0.1:1/v1 --model big -n 1 --tokenizer "$M" --image-root d --max-new-tokens 60 --retries 1 -i e.ril -o v.ril
says "http://127.0.0.1:1/v1: no answer: Failed to connect"
check "nothing is left behind" [ ! -e w.ril ]

# ---- several teachers ----
jq -c '{id, response: .answer, teacher: "saved"}' d/scene.jsonl >saved.jsonl
expect_exit 0 ask ok --endpoint "$URL/one" --model small --cache saved.jsonl -m "$RIL_ROOT/share/models/teacher-b" --teacher-tokens 4 -n 4 -o v.ril --save s.jsonl
check "each gives one" [ "$(jq -r .teacher s.jsonl | sort | uniq -c | tr -s ' \n' ' ')" = " 8 big 8 small 8 teacher-b " ]
expect_exit 2 ask ok --endpoint "$URL/ok" --model big -o v.ril; says "two teachers are called 'big'"

# ---- a rehearsal ----
: >server/log
expect_exit 0 ask ok --dry-run
check "requests, answers" [ "$(cut -f 2 out | head -n 4 | tr '\n' ' ')" = "8 24 0 8 " ]
check "tokens: $(tail -n 1 out)" [ "$(tail -n 1 out)" = "new tokens, at most	1440" ]
check "nothing was sent" [ ! -s server/log ]

# ---- mistakes ----
expect_exit 2 ask ok -o v.ril --request '[1]'; says 'is no JSON object'
expect_exit 2 ask ok -o v.ril --request '{'
expect_exit 2 ril-teach --endpoint "http://me:pass@127.0.0.1:$port/ok" --model big -n 1 --tokenizer "$M" -i e.ril -o v.ril
check "a password in the address is not repeated" bash -c '! grep -q pass@ err'
expect_exit 2 ril-teach --endpoint "127.0.0.1:$port" --model big -n 1 --tokenizer "$M" -i e.ril -o v.ril; says "is no address of a server"
expect_exit 2 ril-teach --endpoint "$URL/ok" -n 1 --tokenizer "$M" -i e.ril -o v.ril; says "which of its models?"
expect_exit 2 ril-teach --cache saved.jsonl --keep x -n 1 --tokenizer "$M" -i e.ril -o v.ril
no_proxy= NO_PROXY= expect_exit 1 ask ok -o v.ril --cacert none --proxy http://127.0.0.1:1; says "Failed to connect"

# ---- TLS ----
if openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null; then
	start_server tls 0 c.pem k.pem
	secure() { ril-teach --endpoint "https://$1:$port/ok" --model big -n 1 --tokenizer "$M" --image-root d --max-new-tokens 60 --retries 0 -i e.ril -o v.ril "${@:2}"; }
	expect_exit 1 secure localhost; says "self-signed certificate (--cacert or --insecure)"
	expect_exit 0 secure localhost --cacert c.pem; counted 8 8 0 0
	expect_exit 0 secure localhost --insecure; counted 8 8 0 0
	expect_exit 1 secure 127.0.0.1 --cacert c.pem; says "127.0.0.1"
	expect_exit 1 secure localhost --cacert none; says "certificate file: none"
else skip "no openssl"; fi

# ---- killed ----
check "killed and gone on: none twice, none lost" "$python" "$RIL_ROOT/tests/endpoint_kill.py" "$T/kill" "$M" 12 5
test_end
