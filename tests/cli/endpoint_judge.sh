# endpoint_judge.sh -- servers as judges: prompts, readings, tries, the cache, several that vote, terms with judges of their own.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
cd "$T" || exit 1
S=$RIL_ROOT/share/examples/sample.ril
rows() { local r; for r; do printf '{"question": "Which?", "response": "%s", "answer": "this"}\n' "$r"; done; }
scores() { jq -c .score | tr -d '\n'; }
says() { check "says $1: $(tail -n 3 err)" grep -qF -- "$1" err; }

# ---- votes of judges that need no server ----
printf '{"response": "Yes.", "answer": "yes", "type": "a"}\n{"response": "yes", "answer": "yes"}\n{"response": "no", "answer": "yes"}\n' >r.jsonl
vote() { ril-score --table "$@" 2>err; }
check "a majority" [ "$(vote r.jsonl --judge exact --judge boolean --judge yesno | scores)" = 110 ]
says "3 judges, 3 responses: 0 undecided, 2 unanimous (66.7 %)"
says "'exact' voted on 3 of 3 decided, with the majority on 2"
check "a tie is undecided" [ "$(vote r.jsonl --judge exact --judge boolean | scores)" = null10 ]
says "1 undecided"
check "what was compared is the votes" [ "$(vote r.jsonl --judge exact --judge boolean --judge yesno | head -n 1 | jq -r .response)" = "0, 1, 1" ]
check "in a report, too" eval 'ril-score -q --table r.jsonl --judge exact --judge boolean --judge yesno --report json | jq -e ".accuracy > .66 and .accuracy < .67" >/dev/null'
check "in a stream" ril-score -q --judge contains --judge contains --judge exact -o v.ril "$S"
ril-score -q --judge contains -o c.ril "$S"
check "two of three decide" eval 'cmp <(ril-inspect --field reward v.ril) <(ril-inspect --field reward c.ril)'

# ---- terms with judges of their own ----
check "a term" ril-score -q --judge contains --term plain=exact --term brief="cmd:while read -r x; do echo '{\"score\": 0.5}'; done" \
	--reward 'answer + 0.5*plain + 0.25*brief' -o t.ril "$S"
check "is in the stream" eval '[ "$(ril-inspect --field reward.plain t.ril | wc -l)" -eq "$(ril-inspect --field reward.answer t.ril | wc -l)" ]'
for bad in plain =exact 'a b=exact' answer=exact rouge=exact x= 9=exact; do expect_exit 2 ril-score --judge contains --term "$bad" -o x.ril "$S"; done
expect_exit 2 ril-score --judge contains --term a=exact --term a=number -o x.ril "$S"
expect_exit 2 ril-score --judge contains --term a=nosuch -o x.ril "$S"
expect_exit 2 ril-score --judge exact --term a=exact --table r.jsonl
check "one that is undecided leaves the response out" ril-score -q --judge contains --term 'odd=cmd:while read -r x; do echo "{\"score\": null}"; done' \
	--reward 'answer + odd' -o o.ril "$S"
check "as NaN" eval 'ril-inspect --field reward o.ril | grep -qi nan'

can_ask || skip_all "servers: no python3, or a build without libcurl"
start_server server
URL=http://127.0.0.1:$port
score() { local how=$1; shift; ril-score --judge "$URL/$how/v1" --judge-model big --retries 1 --table - "$@" 2>err; }
logged() { jq -s "$@" server/log; }

# ---- one server ----
check "verdicts" [ "$(rows good bad 'a good one' | score judge | scores)" = 101 ]
says "judge: 3 replies, 0 verdicts from the cache, 0 asked again, 0 unreadable"
says "judge: 3 requests"
check "the prompt" [ "$(logged -r '.[0].text' | head -n 1)" = "user: $(head -n 1 "$RIL_ROOT/share/prompts/judge-binary.txt")" ]
check "greedy, few tokens" [ "$(logged -c '.[0].rest')" = '{"temperature":0,"max_tokens":64}' ]
: >server/log
check "one in doubt is asked again" [ "$(rows again-good | score judge | scores)" = 1 ]
says "1 asked again, 0 unreadable"
check "warmer" [ "$(logged -c '[.[].rest.temperature]')" = '[0,0.3]' ]
check "and with another seed" [ "$(logged '[.[].seed] | unique | length')" = 2 ]
check "unreadable ones are undecided" [ "$(rows x y | score ok --judge-retries 1 | scores)" = nullnull ]
says "2 unreadable"
rows x | expect_exit 1 score ok --judge-retries 0 --on-invalid fail
rows x | expect_exit 1 score refusal --judge-retries 0 --on-invalid fail
rows good bad again >all
score judge --cache c.jsonl <all >first
: >server/log
check "a second run asks nothing" eval 'score judge --cache c.jsonl <all | scores | cmp -s - <(scores <first)'
says "0 replies, 3 verdicts from the cache"
check "nothing was sent" [ ! -s server/log ]
echo 'Is {response} as {answer}? good' >p.txt
score judge --cache c.jsonl --prompt p.txt <all >other
says "0 verdicts from the cache"
check "another prompt: $(logged -c '.[0].text')" [ "$(logged -r '[.[].text] | sort | .[-1]')" = "user: Is good as this? good" ]
check "held to a verdict" [ "$(rows good bad | score schema --judge-structured | scores)" = 10 ]
check "and read strictly" [ "$(rows x | score ok --judge-structured --judge-retries 0 --request '{"seed": null}' | scores)" = null ]
check "one that passes over it is read as ever" [ "$(rows good bad | score judge --judge-structured | scores)" = 10 ]
forms() { logged -c '[.[] | .rest.response_format.type // "free" | sub("json_"; "")] | group_by(.) | map([.[0], length])'; }
rows long good bad gooder good2 longest >six
for how in schema:'[["free",1],["object",1],["schema",6]]' object:'[["free",1],["object",6],["schema",2]]' free:'[["free",6],["object",2],["schema",2]]'; do
	: >server/log
	check "${how%%:*}: verdicts" [ "$(score "${how%%:*}" --judge-structured --judge-retries 0 --jobs 1 <six | scores)" = null1011null ]
	check "${how%%:*}: what it was seen to take is kept to: $(forms)" [ "$(forms)" = "${how#*:}" ]
	says "0 tried again, 2 failed"
done
check "one that fails over it" [ "$(rows good bad | score broken --judge-structured --retries 0 | scores)" = 10 ]
says "0 tried again, 0 failed"
: >server/log
check "a form of the user's own" [ "$(rows good | score schema --judge-structured --judge-retries 0 --request '{"response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": {"other": 1}}}}}' | scores)" = null ]
check "... is not changed" [ "$(forms)" = '[["schema",1]]' ]
check "http:URL is a server as well" [ "$(rows good | ril-score -q --judge "http:$URL/judge/v1" --judge-model big --table - | scores)" = 1 ]
rows x >x.jsonl
expect_exit 1 ril-score --judge "$URL/down/v1" --judge-model big --retries 0 --table x.jsonl; says "status 503: loading"
expect_exit 2 ril-score --judge "$URL/judge/v1" --table x.jsonl; says "which of its models?"
expect_exit 2 ril-score --judge "$URL/judge/v1" --judge-model big --key-env A --key-env B --table x.jsonl

# ---- several, of any kind ----
echo sk-0123456789abcdef >key
: >server/log
check "servers, a program and a rule vote" [ "$(rows good bad this | ril-score --judge "$URL/judge/v1" --judge-model a --judge "$URL/yes" --judge-model b --key-file key \
	--judge "cmd:while read -r x; do echo '{\"score\": false}'; done" --judge exact --table - 2>err | scores)" = null0null ]
says "4 judges, 3 responses: 2 undecided, 0 unanimous"
check "each by its name" [ "$(logged -c '[.[].model] | unique')" = '["a","b"]' ]
check "and its key" [ "$(logged -c '[.[] | select(.model == "a") | .key] | unique')" = '[""]' ]
check "the key is in no message" bash -c '! grep -q 0123456789abcdef err'

# ---- how long is waited, and by which way ----
SECONDS=0
# late WORDS OPTION...: it ends the run, in these words
late() { rows x | score slow --retries 0 --judge-retries 0 "${@:2}" >got; check "exit 1, no verdict" [ "${PIPESTATUS[1]}" = 1 -a ! -s got ]; says "$1"; }
late "no answer for 0.3 seconds" --first-byte-timeout .3
late "timed out" --timeout .3
start_script silent "$RIL_ROOT/tests/proxy.py"; silent=$port; kill -STOP $server
rows x | expect_exit 1 ril-score --judge "https://127.0.0.1:$silent/v1" --judge-model big --retries 0 --judge-retries 0 --connect-timeout .4 --table -
says "timeout"; kill -CONT $server
check "none waits long: $SECONDS s" [ "$SECONDS" -le 20 ]
start_script proxy "$RIL_ROOT/tests/proxy.py"; proxy=$port
check "through a proxy" [ "$(rows good bad | no_proxy='' NO_PROXY='' score judge --proxy "http://127.0.0.1:$proxy" | scores)" = 10 ]
check "which saw it: $(cat proxy/log | wc -l)" grep -q '^POST http://127.0.0.1' proxy/log
if command -v openssl >/dev/null; then
	openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
	start_server tls 0 tls.pem tls.key; tls=$port
	secure() { rows good bad | ril-score --judge "https://localhost:$tls/judge/v1" --judge-model big --retries 0 --judge-retries 0 --table - "$@" 2>err | scores; }
	check "who has no known certificate is not asked: $(secure)" [ -z "$(secure)" ]
	says "(--cacert or --insecure)"
	check "one that is known" [ "$(secure --cacert tls.pem)" = 10 ]
	check "or need not be" [ "$(secure --insecure)" = 10 ]
else skip "servers over TLS as judges: no openssl"; fi

# ---- streams ----
: >server/log
check "all of a stream at once" ril-score --judge "$URL/judge/v1" --judge-model big -o j.ril "$S"
check "the stream is whole" ril-inspect --check j.ril
test_end
