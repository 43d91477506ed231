# nccl.sh -- ranks whose devices send to each other by NCCL, on emulated GPUs and a stand-in for the library (tests/simt/nccl): 2 and 4
# ranks leave the bytes that they leave through the host, students and discriminators, also with gradients shared out; what keeps them
# from it is said; nobody waits for a rank that is gone.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/nccl.sh"

alike_sft floats 2 --compute f32
alike_sft halves 2 "${halves[@]}"
alike_groups groups 2
alike_disc disc 2
alike_sft shared 2 --compute f32 "${shared[@]}" && as_before floats shared 2
alike_sft shared-halves 2 "${halves[@]}" "${shared[@]}" && as_before halves shared-halves 2
alike_disc shared-disc 2 "${shared[@]}" && as_before disc shared-disc 2
alike_sft weights 2 --compute f32 "${weights[@]}" && as_before floats weights 2
alike_sft weights-halves 2 "${halves[@]}" "${weights[@]}" && as_before halves weights-halves 2
alike_disc weights-disc 2 "${weights[@]}" && as_before disc weights-disc 2
alike_sft floats 4 --compute f32 # all else of four ranks: nccl.long.sh
alike_sft weights 4 --compute f32 "${weights[@]}" && as_before floats weights 4
check "the device makes the sum, in float and BF16" test "$(RIL_SIMT_TRACE=1 "$RIL_ROOT/build/${mode:-release}/tests/simt/kernels" | grep -c 'sum_ranks_kernel<')" -gt 1

# ---- sums beside the pass ----
# What a device does is put off until it is waited for (tests/simt/streams.c), and then only what that needs: a wait that is missing
# would change bytes above.  Here streams go on beside each other, as soon as their events let them.
early() { on "$lib" 2 ril-update -q --objective sft --compute f32 -i sft-2.%r.ril "$@"; }
# kernels of the backend's that were done between the first message of the first step and its last, by rank
between() { for f in "$1".*; do awk -F '\t' '$1 == 1 && $3 ~ /adam/ { exit } $1 == 1 && $2 == "kernel" { n++ } $1 == 2 && $2 == "call" { if (!calls++) first = n; last = n } END { print (calls ? last - first : "none") }' "$f"; done; }
for zero in 1 2; do
	RIL_SIMT_STREAMS=beside RIL_SIMT_DONE=$T/on-$zero expect_exit 0 early --transport nccl --bucket 0.05 --zero $zero --save beside-$zero
	check "sums beside the pass, zero $zero: the same bytes" cmp floats-2-host/model.safetensors beside-$zero/model.safetensors
	check "and they are beside it: kernels meanwhile: $(between on-$zero | tr '\n' ' ')" test "$(between on-$zero | awk '$1 > 20' | wc -l)" = 2
done
RIL_SIMT_STREAMS=beside RIL_SIMT_DONE=$T/off expect_exit 0 early --transport nccl --bucket 0 --save behind
check "after it, they are not: $(between off | tr '\n' ' ')" test "$(between off | tr '\n' ' ')" = "0 0 "
for how in late beside; do
	rm -rf wrong; RIL_SIMT_STREAMS=$how RIL_SIMT_UNORDERED=1 expect_exit 0 early --transport nccl --bucket 0.05 --save wrong
	check "streams that do not wait for each other leave other bytes ($how)" test "$(cmp -s floats-2-host/model.safetensors wrong/model.safetensors; echo $?)" = 1
done
RIL_SIMT_STREAMS=beside expect_exit 0 early --transport nccl --bucket 0.05 --save traced --trace t.%r.json
check "traced: the same bytes" cmp floats-2-host/model.safetensors traced/model.safetensors
# of the second step, in microseconds
for r in 0 1; do
	check "rank $r: sums one after the other, none before its bucket was final, most within the pass" jq -e '[.[] | select(.args.step == 2)] | def of($c): map(select(.cat == $c));
		(of("reduce") | sort_by(.ts)) as $sums | (of("ready") | sort_by(.ts)) as $ready | (of("backward") | map(.ts + .dur) | max) as $until | ($sums | length) > 4 and ($sums | length) == ($ready | length) and
		([range($sums | length) as $i | $sums[$i].ts - $ready[$i].ts] | min) >= -1000 and ([range(1; $sums | length) as $i | $sums[$i].ts - $sums[$i - 1].ts - $sums[$i - 1].dur] | min) >= -10 and
		($sums | map(select(.ts < $until)) | length) * 2 > ($sums | length) and all($sums[]; .dur > 0)' t.$r.json >/dev/null
done

# every rank its own device, and checkpoints that go on through the host
expect_exit 0 on "$lib" 2 ril-update -v --objective sft --run run --keep 0 -i sft-2.%r.ril
check "auto takes NCCL" grep -q 'blocks go by NCCL 2.28.9' err
for r in 0 1; do check "rank $r has its own device" grep -q "cuda:$r: compute" err; done
check "a checkpoint goes on" bash -c 'mkdir on && cp -r run/step-1 on'
for r in 0 1; do
	sed -n "$((r * 4 + 1)),$((r * 4 + 4))p" q.jsonl >part.jsonl
	ril-encode -q -m "$M" --with-answers --batch 2 --steps 2 --start-step 1 --save-every 1 part.jsonl -o "second.$r.ril"
done
expect_exit 0 on "$lib" 2 ril-update -q --objective sft --run on --start-step 1 --transport host -i second.%r.ril
check "through the host, to the byte" cmp run/step-2/student/model.safetensors on/step-2/student/model.safetensors

# ---- weights are lent to a sampler on the same device, unless no rank has them ----
head -n 12 q.jsonl >loop.0.jsonl; tail -n 12 q.jsonl >loop.1.jsonl
export BATCH=2 STEPS=2 TOKENS=8 ROLLOUT="$GPU/ril-rollout -v --device cuda" UPDATE="$GPU/ril-update --device cuda"
for zero in 1 3; do check "a loop, $zero" launch "$lib" 2 sh "$RIL_ROOT/tests/rank_loop.sh" "$M" loop-$zero --bucket 0.1 --zero $zero 2>loop-$zero.err; done
check "lent" grep -q 'version 1: .*lent.json' loop-1.rollout.1
check "not lent, said: $(cat loop-3.err)" grep -q 'weights are shared out over ranks, .*: versions go to loop-3.work.0/versions' loop-3.err
check "but a folder" grep -q 'version 1: .*versions/step-1' loop-3.rollout.1
check "the same student" cmp loop-1/step-2/student/model.safetensors loop-3/step-2/student/model.safetensors

# ---- what keeps ranks from it ----
host() { # host TEXT COMMAND...: goes through the host, and says why; told to do without the host, fails saying so
	local text=$1
	shift
	expect_exit 0 "$@" -v --transport auto
	check "through the host: $text: $(cat err)" grep -q "blocks go through the host: .*$text" err
	expect_exit 1 "$@" --transport nccl
	check "and not without: $text: $(cat err)" grep -q "$text.*--transport" err
}
sft() { rm -rf x; on "$lib" 2 ril-update --objective sft --save x -i sft-2.%r.ril "$@"; }
each() { # each VARIABLE A B OPTION...: of rank 0, of rank 1
	rm -rf x
	local var=$1 a=$2 b=$3
	shift 3
	launch "$lib" 2 sh -c 'r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK} v=$0 a=$1 b=$2; shift 2; if [ "$r" = 0 ]; then export $v="$a"; else export $v="$b"; fi; exec "$@"' \
		"$var" "$a" "$b" "$GPU/ril-update" -m "$M" --lr 1e-3 --threads 1 --device cuda --objective sft --save x -i sft-2.%r.ril "$@"
}
RIL_SIMT_DEVICES=1 host "ranks 0 and 1, on .*, have one device" sft
host "rank 1, on .*, has a device of compute capability 8.0, rank 0 one of compute capability 9.0" each RIL_SIMT_CAPABILITY 90 80
host "rank 1, on .*, has NCCL 2.27.3, rank 0 NCCL 2.28.9" each RIL_NCCL_VERSION 22809 22703
RIL_WORLD_PATIENCE=2 host "rank 0, on .*: NCCL 2.28.9 has not brought the ranks together in 2 s" each RIL_NCCL_MEET now never
cpu() { rm -rf x; launch "$lib" 2 ril-update -m "$M" --lr 1e-3 --threads 1 --device cpu --objective sft --save x -i sft-2.%r.ril "$@"; }
host "rank 0, on .*: cpu sends nothing itself" cpu
mkdir -p bare/bin bare/libexec/ril && cp "$GPU/ril-update" bare/bin
for l in $libs; do cp "$RIL_BIN/../libexec/ril/world-$l.so" bare/libexec/ril; done
bare() { rm -rf x; launch "$lib" 2 bare/bin/ril-update -m "$M" --lr 1e-3 --threads 1 --device cuda --objective sft --save x -i sft-2.%r.ril "$@"; }
host "link-nccl.so is not there: the tools were built without NCCL" bare
cp "$RIL_ROOT/build/${mode:-release}/tests/libexec/ril/link-nccl.so" bare/libexec/ril
if ldconfig -p 2>/dev/null | grep -q libnccl.so.2 && ! [ -e /proc/driver/nvidia/version ]; then
	host "rank 0, on .*: NCCL [0-9.]*: .*driver" bare # the library itself, which finds no GPU
else skip "no NCCL here, or a GPU for it"; fi
: >bare/libexec/ril/libnccl.so.2
host "libnccl.so.2: file too short" bare
expect_exit 2 sft --transport smoke
rm -rf x
expect_exit 2 launch_each "$lib" "$GPU/ril-update" -m "$M" --device cuda --objective sft --save x -i sft-2.0.ril --transport auto : "$GPU/ril-update" -m "$M" --device cuda --objective sft --save x -i sft-2.1.ril --transport host
check "ranks that were told different things" grep -q 'another --transport than rank 0' err

# ---- failures on the way, with each launcher ----
for lib in $libs; do
	rm -rf x
	RIL_NCCL_FAIL=2 expect_exit 1 sft
	check "a failure of the library's ($lib): $(cat err)" grep -q 'NCCL 2.28.9: remote process exited or there was a network error' err
	RIL_SIMT_LOST=300 expect_exit 1 sft
	check "the device's ($lib): $(cat err)" grep -q 'cuda:[01]: unspecified launch failure' err
	check "no student ($lib)" test ! -e x
	rm -f pipe.* pid.*; mkfifo pipe.0 pipe.1
	# rank 0 has all of its stream and waits on the device for rank 1, which is killed before its own step comes
	timeout 60 sh -c 'cat sft-2.0.ril >pipe.0' &
	timeout 60 sh -c 'exec sleep 60 >pipe.1' & held=$!
	launch "$lib" 2 sh -c 'r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; "$0" -q -m "$1" --lr 1e-3 --objective sft --threads 1 --device cuda --save x -i pipe.$r & echo $! >pid.$r; wait $!; c=$?; exit $c' "$GPU/ril-update" "$M" >out 2>err &
	job=$!
	for _ in $(seq 100); do [ -s pid.0 ] && [ -s pid.1 ] && break; sleep .1; done
	sleep 2
	from=$(date +%s%N)
	kill -KILL "$(cat pid.1)"
	wait $job; rc=$? took=$((($(date +%s%N) - from) / 1000000))
	check "a rank is killed ($lib): exit $rc in $took ms: $(cat err)" test $rc -ne 0 -a $rc -ne 124 -a $took -lt 10000
	check "it is named ($lib)" grep -q "rank 1, on .*, is gone\|rank 1.*signal 9\|Killed\|EXIT CODE: 9" err
	kill $held 2>/dev/null; wait
done
test_end
