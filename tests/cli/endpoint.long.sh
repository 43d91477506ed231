# endpoint.long.sh -- a run of 1,000 requests killed twenty times: no kept answer is asked for again, none is lost or there twice.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
if can_ask; then
	check "killed twenty times" "$python" "$RIL_ROOT/tests/endpoint_kill.py" "$T/kill" "$RIL_ROOT/share/models/student" 250 20
else skip "servers: no python3, or a build without libcurl"; fi
test_end
