# ranks_ipv6.sh -- ranks on hosts that have addresses of IPv6 alone (network namespaces): they watch over each other, train what two ranks of
# one machine do, and one that is killed ends the other.  And on a machine with no address but ::1.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/netns_rig.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
needs_mpi
netns_start 2 ipv6 >why || skip_all "no network namespaces, or none with IPv6: $(cat why)"
ril-scenes -q -o . -n 8 --prefix q --seed 5 --answers sentences
for r in 0 1; do ril-encode -q -m "$M" --with-answers --shard $r/2 --batch 4 --steps 1 q.jsonl -o q.$r.ril; done
sft=(ril-update -q -m "$M" --lr 1e-3 --threads 1 --objective sft)
check "on one machine" launch "$lib" 2 "${sft[@]}" -i q.%r.ril --save here

# ---- across hosts: Open MPI's launcher speaks IPv6, MPICH's does not ----
# across COMMAND...: on ril-1 and ril-2
across() {
	timeout 60 "$(mpirun_of openmpi)" -n 2 --host "$(paste -s -d , hosts)" --bind-to none --mca plm rsh --mca plm_rsh_no_tree_spawn 1 --mca plm_rsh_agent "$T/agent" -x PATH "$@" </dev/null
}
case " $(echo $libs) " in *" openmpi "*)
	check "they have no address of IPv4 but the loopback's" test "$(netns_on 2 ip -4 -o addr show | grep -cv ' lo ')" = 0
	expect_exit 0 across "${sft[@]}" -i "$T/q.%r.ril" --save "$T/there"
	check "two hosts train what one machine does" cmp here/model.safetensors there/model.safetensors
	# both wait for their streams
	mkfifo pipe.0 pipe.1
	timeout 60 sleep 50 >pipe.0 & held=$!
	timeout 60 sleep 50 >pipe.1 & held="$held $!"
	across sh -c 'exec "$@" -i "$0/pipe.$OMPI_COMM_WORLD_RANK"' "$T" sh -c 'echo $$ >"$0/pid.$OMPI_COMM_WORLD_RANK"; "$@" & echo $! >"$0/tool.$OMPI_COMM_WORLD_RANK"; wait $!; exit 1' "$T" "${sft[@]}" --save "$T/dead" >out 2>err & job=$!
	for _ in $(seq 100); do [ -s tool.0 ] && [ -s tool.1 ] && break; sleep .1; done
	sleep 2
	from=$(date +%s%N)
	kill -KILL "$(cat tool.1)"
	wait $job; rc=$? took=$((($(date +%s%N) - from) / 1000000))
	check "a killed rank ends the other: exit $rc in $took ms: $(cat err)" test $rc -ne 0 -a $rc -ne 124 -a $took -lt 5000
	check "who names it" grep -q 'rank 1, on ril-2, is gone' err
	# shellcheck disable=SC2086  # two
	kill $held 2>/dev/null; wait ;;
*) skip "no Open MPI" ;;
esac

# ---- a machine that has ::1 and nothing else; Open MPI's server needs a loopback of IPv4 ----
case " $(echo $libs) " in *" mpich "*)
	ip -n "$NETNS-1" link set eth0 down
	check "no address but ::1" ip -n "$NETNS-1" addr del 127.0.0.1/8 dev lo
	check "$(ip -n "$NETNS-1" -o addr show up | tr -s ' ' | cut -d ' ' -f 3,4 | tr '\n' ' ')" test "$(ip -n "$NETNS-1" -o addr show up | grep -c 'inet')" = 1
	expect_exit 0 timeout 60 ip netns exec "$NETNS-1" "$(mpirun_of mpich)" -localhost ::1 -n 2 "${sft[@]}" -i q.%r.ril --save loop
	check "two ranks there train the same" cmp here/model.safetensors loop/model.safetensors ;;
*) skip "no MPICH" ;;
esac
test_end
