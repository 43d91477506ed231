# endpoint.sh -- for tests that ask servers: `. "$RIL_ROOT/tests/endpoint.sh"` behind ril_test.sh.
# start_server FOLDER [SECONDS [CERTIFICATE KEY]]  tests/endpoint.py with its log in FOLDER; sets $port, $other
# stop_servers                   all of them; done at exit, too
# can_ask                        is there a Python, and libcurl in this build?
python=${PYTHON:-python3}
can_ask() {
	command -v "$python" >/dev/null && ! ril-teach --endpoint http://127.0.0.1:9/v1 --model m -n 1 --tokenizer "$RIL_ROOT/share/models/student" \
		-i /dev/null -o /dev/null 2>&1 | grep -q 'without libcurl'
}
servers=()
start_server() {
	local fd
	mkdir -p "$1" && rm -f "$1/hold" "$1/port" && mkfifo "$1/hold"
	"$python" "$RIL_ROOT/tests/endpoint.py" "$1" "${2:-0}" "${@:3}" <"$1/hold" 2>"$1/errors" &
	exec {fd}>"$1/hold"
	servers+=("$fd")
	for _ in $(seq 100); do [ -s "$1/port" ] && break; sleep .1; done
	port=$(cat "$1/port") other=$(cat "$1/other")
}
stop_servers() { # each ends when nobody holds its standard input open
	local fd
	for fd in "${servers[@]}"; do exec {fd}>&-; done
	servers=()
	wait
}
trap 'stop_servers; rm -rf "$T"' EXIT
