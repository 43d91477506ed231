# endpoint.sh -- for tests that ask servers: `. "$RIL_ROOT/tests/endpoint.sh"` behind ril_test.sh.
# start_server FOLDER [SECONDS [CERTIFICATE KEY]]  tests/endpoint.py with its log in FOLDER; sets $port, $other
# start_script FOLDER SCRIPT ARGUMENT...          one that writes its port to FOLDER/port, as tests/proxy.py; sets $port
#                                (both set $server, its process)
# stop_servers                   all of them; done at exit, too
# can_ask                        is there a Python, and libcurl in this build?
python=${PYTHON:-python3}
can_ask() {
	command -v "$python" >/dev/null && ! ril-teach --endpoint http://127.0.0.1:9/v1 --model m -n 1 --tokenizer "$RIL_ROOT/share/models/student" \
		-i /dev/null -o /dev/null 2>&1 | grep -q 'without libcurl'
}
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
servers=()
start_script() { # a script that ends with its standard input and writes its port
	local fd folder=$1 script=$2; shift 2
	mkdir -p "$folder" && rm -f "$folder/hold" "$folder/port" && mkfifo "$folder/hold"
	"$python" "$script" "$folder" "$@" <"$folder/hold" 2>"$folder/errors" &
	server=$!
	exec {fd}>"$folder/hold"
	servers+=("$fd")
	for _ in $(seq 100); do [ -s "$folder/port" ] && break; sleep .1; done
	port=$(cat "$folder/port")
}
start_server() {
	start_script "$1" "$RIL_ROOT/tests/endpoint.py" "${2:-0}" "${@:3}"
	other=$(cat "$1/other")
}
stop_servers() { # each ends when nobody holds its standard input open
	local fd
	for fd in "${servers[@]}"; do exec {fd}>&-; done
	servers=()
	wait
}
trap 'stop_servers; rm -rf "$T"' EXIT
