# mpi.sh -- launchers for the tests of several ranks: `for lib in $(mpis)`, `launch LIB N COMMAND...`, `launch_each LIB COMMAND : COMMAND`;
# behind ril_test.sh.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# the MPIs that the tools were built for and whose launcher is there
mpis() {
	local lib
	for lib in openmpi mpich; do
		[ -e "$RIL_BIN/../libexec/ril/world-$lib.so" ] && command -v "$(mpirun_of $lib)" >/dev/null && echo $lib
	done
}
# Sets $libs to them and $lib to the first; a file of tests that needs one is skipped without.
needs_mpi() {
	libs=$(mpis) lib=${libs%%[[:space:]]*}
	[ -n "$libs" ] || skip_all "no MPI that the tools were built for"
}
mpirun_of() { if command -v "mpirun.$1" >/dev/null; then echo "mpirun.$1"; else echo mpirun; fi; }
crowd() { [ "$1" != openmpi ] || echo --oversubscribe; }
launch() {
	local lib=$1 n=$2
	shift 2
	# shellcheck disable=SC2046  # nothing, or one option
	timeout 120 "$(mpirun_of "$lib")" $(crowd "$lib") -n "$n" "$@" </dev/null
}
# a command of its own for each rank, separated by `:`
launch_each() {
	local lib=$1 words=() w
	shift
	words=(-n 1)
	for w; do if [ "$w" = : ]; then words+=(: -n 1); else words+=("$w"); fi; done
	# shellcheck disable=SC2046
	timeout 120 "$(mpirun_of "$lib")" $(crowd "$lib") "${words[@]}" </dev/null
}
# kill_a_rank WHAT JOB SECONDS [TEXT]: one of two ranks, whose process ids are in pid.0 and pid.1, is killed so many seconds after both began:
# all end within ten seconds, and err names it, or has a text that may stand for that.
kill_a_rank() {
	local rc took victim=$((RANDOM % 2)) from
	for _ in $(seq 100); do [ -s pid.0 ] && [ -s pid.1 ] && break; sleep .1; done
	sleep "$3"
	from=$(date +%s%N)
	kill -KILL "$(cat pid.$victim)"
	wait "$2"; rc=$? took=$((($(date +%s%N) - from) / 1000000))
	check "$1, rank $victim killed: exit $rc" test $rc -ne 0 -a $rc -ne 124
	check "$1, rank $victim killed: all ended in $took ms" test $took -lt 10000
	check "$1, rank $victim killed: named: $(cat err)" grep -q "rank $victim, on .*, is gone\|rank $victim.*signal 9\|Killed\|EXIT CODE: 9${4:+\|$4}" err
}
# close A B MOST [LEAST]: two lines of metrics differ by no more than that, relatively, numbers below LEAST as if they were it; times and noise of single tokens aside
close() {
	jq -es --argjson most "$3" --argjson least "${4:-1e-6}" 'def figures: [paths(type == "number") as $p | select($p[-1] | tostring | test("second|time|wall|busy|wait|cpu|logp_delta") | not) |
		{key: ($p | map(tostring) | join(".")), value: getpath($p)}] | from_entries;
		def size: if . < 0 then -. else . end;
		(.[0] | figures) as $a | (.[1] | figures) as $b | ($a | keys) == ($b | keys) and ($a | length) > 5 and
		([$a | to_entries[] | (.value - $b[.key] | size) <= $most * ([.value | size, $least] | max)] | all)' "$1" "$2" >/dev/null
}
