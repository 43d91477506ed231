# namespaces.long.sh -- ril-train on hosts that are network namespaces with links of 1 Gbit/s which lose a packet in a hundred: it learns what
# one machine does; what it sends is what ril-scale says, and a step takes no less than that takes on such a link; a rank that is killed
# and a host that is lost end all.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/ranks.sh"
. "$RIL_ROOT/tests/netns_rig.sh"
cd "$T" || exit 1
needs_mpi
netns_start 4 >why || skip_all "no network namespaces: $(cat why)"
for i in 1 2 3 4; do netns_shape $i 1gbit 1 >>why 2>&1 || skip_all "links cannot be shaped: $(tail -n 1 why)"; done
check "questions, answers, a discriminator" prepare_runs
hosts() { head -n "$1" hosts | paste -s -d ,; }
# across LIB RANKS: options for so many hosts; Hydra names the machine it runs on, which they cannot resolve
across() { echo "--launcher ssh --mpirun $(mpirun_of "$1") --hosts $(hosts "$2") --ssh $(netns_agent)"; [ "$1" != mpich ] || echo "--launch -localhost --launch $NET.254"; }
step_time() { jq -s '[.[].time] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | sort | .[length / 2 | floor]' "$1/metrics.jsonl"; }
sent() { ip netns exec "$NETNS-2" cat /sys/class/net/eth0/statistics/tx_bytes; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }
again() { ip netns exec "$NETNS-2" awk '/^Tcp: [0-9]/ { print $13 }' /proc/net/snmp; } # segments sent once more

# shellcheck disable=SC2046  # options
{
	check "alone" train --run alone "${settings[@]}" --steps $STEPS
	for by in $libs; do
		for n in 2 4; do
			check "$n hosts ($by)" train --run "$by.$n" "${settings[@]}" --steps $STEPS $(across "$by" $n)
			check "learn what one machine does ($by, $n)" alike alone "$by.$n" 1e-3
		done
	done

	check "packets were lost, $(again) segments sent again" test "$(again)" -gt 10

	# ---- what is sent, and how long a step takes ----
	loop=("${settings[@]}" --objective dr-grpo --encode '--epochs 10' --update '--mu 1')
	printf 'ranks\tseconds\n' >local.tsv; cp local.tsv netns.tsv
	for n in 1 2 4; do
		check "$n local ranks" train --run local.$n "${loop[@]}" --steps 12 $(on "$lib" $n)
		printf '%s\t%s\n' $n "$(step_time local.$n)" >>local.tsv
		check "$n hosts" train --run netns.$n "${loop[@]}" --steps 12 $(across "$lib" $n)
		printf '%s\t%s\n' $n "$(step_time netns.$n)" >>netns.tsv
	done
	for steps in 4 24; do
		before=$(sent)
		check "two hosts, $steps steps" train --run sent.$steps "${loop[@]}" --save-every 100 --steps $steps $(across "$lib" 2)
		eval "bytes_$steps=$(($(sent) - before))"
	done
	bytes=$(((bytes_24 - bytes_4) / 20)) # of a step
	if command -v python3 >/dev/null; then
		ril-update --plan -m "$RIL_ROOT/share/models/student" --ranks 2 >plan
		for where in local netns; do
			rate=5; [ $where = local ] || rate=.125
			check "ril-scale beside what was measured, $where" ril-scale --plan plan --group "$(awk 'NR == 2 { print $2 / 6 }' local.tsv)" --batch 6 --ranks 1,2,4 \
				--bandwidth $rate --latency 60 --no-overlap --measured $where.tsv -o $where.scale $(! command -v gnuplot >/dev/null || echo "--svg $where.svg")
			echo "$where:"; cut -f 1,7-9,12,15,16 $where.scale
		done >&2
		told=$(awk -F'\t' '$1 == 2 { print $15 }' netns.scale)
		check "a step sends $bytes bytes, of which the model foretells $told" less "$told" "$bytes"
		check "the rest is headers, what was lost, and watching: $bytes for $told" less "$bytes" "$(awk -v n="$told" 'BEGIN { print 1.3 * n + 20000 }')"
		check "a step takes no less than its bytes do: $(step_time netns.2) s" less "$(awk -v n="$told" 'BEGIN { print n / 125e6 }')" "$(step_time netns.2)"
	else skip "no python3"; fi

	# ---- a rank is killed; a host is lost ----
	# Who is still there or here; not Open MPI's daemon there, which waits for its mpirun to be in reach again.
	left_of() { for p in $(ip netns pids "$NETNS-2") $(running "$1"); do tr '\0' ' ' <"/proc/$p/cmdline" | grep -v '^orted ' | cut -c 1-80; done 2>/dev/null; }
	i=0
	for how in ril-update ril-rollout rank.sh cut; do
		for by in $libs; do
			i=$((i + 1)) run=dead.$i
			RIL_TEST_MARK=$T/$run ril-train -q --run $run "${settings[@]}" --steps 4000 --encode '--epochs 2000' --save-every 100 $(across "$by" 2) 2>err & pid=$!
			began $run/rank-1/rollout.jsonl; sleep "1.$((RANDOM % 10))"
			from=$SECONDS most=10
			if [ $how = cut ]; then
				netns_cut 2; most=25 # eight seconds of silence say so, and launchers are given time
			else
				for p in $(ip netns pids "$NETNS-2"); do
					tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q "^\(bash [^ ]*\)\?$how " && { kill -KILL "$p"; break; }
				done
			fi
			wait $pid; rc=$?
			check "$how ($by): exit 1, not $rc, after $((SECONDS - from)) s" test $rc -eq 1 -a $((SECONDS - from)) -le $most
			check "$how ($by): named: $(cat err)" grep -qE 'rank 1, on ril-2|signal 9|is gone' err
			left=$((most + from - SECONDS)); [ $left -gt 3 ] || left=3
			for _ in $(seq $((left * 10))); do [ -n "$(left_of $run)" ] || break; sleep .1; done
			check "$how ($by): nobody is left, here or there: $(left_of $run)" test -z "$(left_of $run)"
			netns_mend 2
			for p in $(ip netns pids "$NETNS-2"); do kill -KILL "$p"; done
		done
	done
}
test_end
