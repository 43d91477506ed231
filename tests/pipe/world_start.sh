# world_start.sh -- pipelines written by hand, of which one ends before its ril-update has joined: the others end within ten seconds and say
# so, with a launcher that takes no notice of it, too; one that is slow to start is waited for, and one whose shell has gone ahead.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
needs_mpi
ril-scenes -q -o . -n 9 --prefix q --seed 5 --answers sentences
for r in 0 1 2; do ril-encode -q -m "$M" --with-answers --shard $r/3 --batch 3 --steps 1 q.jsonl -o q.$r.ril; done
cat >rank <<'R'
# rank WHAT COMMAND...: rank 1 does WHAT before its command
r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK} what=$1
shift
[ "$r" != 1 ] || eval "$what"
cat "q.$r.ril" | "$@"
R
start_ranks() { launch "$by" 3 bash rank "$1" ril-update -q -m "$M" --lr 1e-3 --threads 1 --objective sft --save "$2"; }
for by in $libs; do
	for what in 'exit 2' 'sleep 2; exit 3' 'kill -KILL $$' 'set -- false; set -o pipefail'; do
		from=$(date +%s%N)
		start_ranks "$what" dead >out 2>err; rc=$?
		took=$((($(date +%s%N) - from) / 1000000))
		check "$what ($by): ends with $rc in $took ms: $(tail -n 3 err)" test $rc -ne 0 -a $rc -ne 124 -a $took -lt 10000
		[ "$by" != mpich ] || [[ $what == kill* ]] || check "$what: and says why: $(cat err)" grep -q 'process 1 of the 3 started on this machine has ended and had not joined' err
		check "no student ($by)" test ! -e dead
	done
	expect_exit 0 start_ranks 'sleep 8' "slow-$by"
	# the shell that the launcher knows is gone; its ril-update joins later
	[ "$by" != mpich ] || { start_ranks '( sleep 6; exec "$@" <q.1.ril ) & exit 0' ahead >out 2>err; rc=$?
		check "one whose shell has gone ahead is waited for: $rc, $(cat err)" test -s ahead/model.safetensors; }
done
# a rank that does not see the others cannot tell: then it is patience that ends them
case " $(echo $libs) " in *" mpich "*)
	if unshare --pid --fork --mount-proc true 2>/dev/null; then
		from=$(date +%s%N)
		RIL_WORLD_PATIENCE=6 launch mpich 3 bash -c '[ "$PMI_RANK" != 1 ] || exit 2; exec unshare --pid --fork --mount-proc "$@" -i q.$PMI_RANK.ril' bash ril-update -q -m "$M" --lr 1e-3 --threads 1 --objective sft --save apart >out 2>err; rc=$?
		took=$((($(date +%s%N) - from) / 1000000))
		check "in namespaces of their own they are patient: $rc in $took ms: $(cat err)" test $rc -ne 0 -a $took -ge 6000 -a $took -lt 15000
		check "and say so" grep -q 'have not come together in 6 s' err
	else skip "no namespaces of processes"; fi ;;
esac
test_end
