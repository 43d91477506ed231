# ril_test.sh -- the harness for shell tests; `. "$RIL_ROOT/tests/ril_test.sh"` first, `test_end` last.
# expect_exit CODE COMMAND...   runs it, keeps stdout in $T/out and stderr in $T/err, checks the exit code
# check "WHAT" COMMAND...       passes when the command succeeds
# start NAME COMMAND...         runs it beside others, as many at once as there are processors; `wait` waits for all
# skip "WHAT", skip_all "WHAT"   counts something as skipped; all: the test ends with it
# ended NAME                    succeeds when that one did, else shows the end of what it printed
: "${RIL_ROOT:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
: "${RIL_SHARED:=$RIL_ROOT/../shared}"
: "${RIL_BIN:=$RIL_ROOT/bin}"
export RIL_ROOT RIL_SHARED RIL_BIN PATH="$RIL_BIN:$PATH"
T=$(mktemp -d "${TMPDIR:-/tmp}/ril-test.XXXXXX"); trap 'rm -rf "$T"' EXIT
passed=0 failed=0 skipped=0
check() { local what=$1; shift; if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what" >&2; fi; }
expect_exit() {
	local want=$1 rc; shift
	"$@" >"$T/out" 2>"$T/err"; rc=$?
	if [ "$rc" -eq "$want" ]; then passed=$((passed + 1)); else
		failed=$((failed + 1)); echo "FAILED: exit $rc, not $want: $*" >&2; tail -n 5 "$T/err" >&2; fi
}
start() {
	local name=$1; shift
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	("$@" >"$T/$name.log" 2>&1; echo $? >"$T/$name.rc") &
}
ended() { [ "$(cat "$T/$1.rc")" = 0 ] || { tail -n 20 "$T/$1.log" >&2; return 1; }; }
skip() { skipped=$((skipped + 1)); echo "skipped: $*" >&2; }
skip_all() { skip "$*"; test_end; exit; }
test_end() { echo "$passed passed, $failed failed, $skipped skipped"; [ "$failed" -eq 0 ]; }
