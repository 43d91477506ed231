# ranks_start.sh -- ranks that die before they have joined the others: all end within ten seconds, whoever it was is named, with its
# signal; one that is only slow to start is waited for.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/ranks.sh"
cd "$T" || exit 1
needs_mpi
check "questions, answers, a discriminator" prepare_runs
n=0
# dies LIB TEXT WORD...: a run whose fake tool dies; what it must say
dies() {
	local by=$1 text=$2 from rc
	n=$((n + 1)) from=$(date +%s%N)
	# shellcheck disable=SC2046  # options
	RIL_TEST_MARK=$T/start.$n RIL_BIN=$T/fake train --run start.$n "${settings[@]}" --steps 4 $(on "$by" 2) 2>err; rc=$?
	took=$((($(date +%s%N) - from) / 1000000))
	check "$text ($by): ends with $rc" test $rc -ne 0 -a $rc -lt 124
	check "$text ($by): in $took ms" test $took -lt 10000
	check "$text ($by): named: $(cat err)" grep -q "$text" err
	check "$text ($by): nobody is left" gone_by start.$n 5
}
for by in $libs; do
	fake_tools ril-update <<<'[ "$rank" != 1 ] || kill -KILL $$; real "$@"'
	dies "$by" 'rank 1, on [^ ]*: ril-update was killed by signal 9'
	fake_tools ril-discriminate <<<'[ "$rank" != 0 ] || kill -SEGV $$; real "$@"'
	dies "$by" 'rank 0, on [^ ]*: ril-discriminate was killed by signal 11'
	fake_tools ril-encode <<<'[ "$rank" != 1 ] || { sleep 1; echo "ril-encode: no such luck" >&2; exit 3; }; real "$@"'
	dies "$by" 'rank 1, on [^ ]*: ril-encode failed (exit 3)'
	# the rank itself, while its ril-update has yet to begin
	fake_tools ril-update <<<'if [ "$rank" = 1 ]; then kill -KILL $RIL_LAUNCHER; exec sleep 100; fi; real "$@"'
	dies "$by" 'rank 1, on [^ ]*: rank.sh was killed by signal 9\|signal 9'
	# a launcher that does not start a rank, and MPICH's does not notice
	cat >agent <<-'A'
		#!/bin/sh
		while [ "${1#-}" != "$1" ]; do shift; done
		host=$1; shift
		case $host/$* in 127.0.0.2/*proxy* | 127.0.0.2/*orted*) echo "agent: no way to $host" >&2; exit 1;; esac
		exec sh -c "$*"
	A
	chmod +x agent
	RIL_WORLD_PATIENCE=4 train --run "never.$by" "${settings[@]}" --steps 1 --launcher ssh --mpirun "$(mpirun_of "$by")" \
		--hosts 127.0.0.1,127.0.0.2 --ssh "$T/agent" 2>err; rc=$?
	check "a rank that is not started ends all ($by): $rc" test $rc -eq 1
	check "and what its launcher said is told ($by): $(cat err)" grep -q 'no way to 127.0.0.2\|no route' err
	[ "$by" != mpich ] || check "and which one it was: $(cat err)" grep -q 'did not start rank 1;' err
	# slow starts
	fake_tools ril-update <<<'[ "$rank" != 1 ] || sleep 12; real "$@"'
	# shellcheck disable=SC2046
	check "a rank that is slow is waited for ($by)" env RIL_BIN="$T/fake" timeout 90 ril-train -q --run "slow.$by" "${settings[@]}" --steps 1 $(on "$by" 2)
done
test_end
