# world.sh -- ril-update on several ranks (MPI): 1, 2 and 4 compute the same step from the same batch, for objectives and optimisers;
# a run repeats to the byte; checkpoints go on to the byte, and on another number of ranks; ranks that differ, fail, come to
# their end or are killed end all, by name.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
libs=$(mpis)
[ -n "$libs" ] || skip "no MPI that the tools were built for"

# ---- without a launcher nothing changes ----
ril-scenes -q -o . -n 24 --prefix q --seed 5 --answers sentences --questions 2
head -n 8 q.jsonl >q8.jsonl
scored() { # scored FILE QUESTIONS BATCH
	ril-encode -q -m "$M" --with-pixels --batch "$3" --steps 1 "$2" | ril-rollout -q -m "$M" -n 4 --temperature 1.3 --max-new-tokens 16 --seed 3 | ril-score -q --judge contains -o "$1"
}
sft() { ril-encode -q -m "$M" --with-answers --batch "$3" --steps 2 --save-every 1 "$2" -o "$1"; }
# shards FORM N FIRST...: the first so many questions to rank 0, the next to rank 1...; FORM-N.R.ril
shards() {
	local form=$1 n=$2 r=0 from=1 k
	shift 2
	for k; do
		sed -n "$from,$((from + k - 1))p" "$questions" >part.jsonl
		"$form" "$form-$n.$r.ril" part.jsonl "$([ "$form" = sft ] && echo $((k / 2)) || echo "$k")"
		r=$((r + 1)) from=$((from + k))
	done
}
questions=q8.jsonl
check "the whole batch" shards scored 1 8
check "rewards differ" bash -c "ril-inspect --field reward.answer scored-1.0.ril | cut -f 2 | grep -q '1.* 0\|0.* 1'"
update() { ril-update -q -m "$M" --lr 1e-3 --threads 1 "$@"; }
expect_exit 0 update --objective dr-grpo -i scored-1.0.ril --save alone
expect_exit 0 update --objective dr-grpo -i scored-1.0.ril --save none --world none
check "alone is alone" cmp alone/model.safetensors none/model.safetensors
expect_exit 2 update --world tcp -i scored-1.0.ril
mkdir bare && cp "$RIL_BIN/ril-update" bare
OMPI_COMM_WORLD_SIZE=2 expect_exit 1 bare/ril-update -m "$M" -i scored-1.0.ril
check "an MPI that is not built: says so" grep -q "one of 2 processes.*world-openmpi.so is not there.*--world" err
PMI_SIZE=2 expect_exit 1 bare/ril-update -m "$M" -i scored-1.0.ril; check "the other, too" grep -q world-mpich.so err
OMPI_COMM_WORLD_SIZE=2 expect_exit 0 bare/ril-update -q -m "$M" --world none --objective dr-grpo --lr 1e-3 -i scored-1.0.ril --save apart
check "told to, apart" cmp alone/model.safetensors apart/model.safetensors
expect_exit 1 bare/ril-update -m "$M" --world mpi -i scored-1.0.ril; check "none at all" grep -q 'built without MPI' err
[ -n "$libs" ] || { test_end; exit; }

# ---- the same step ----
check "two shards" shards scored 2 5 3
check "four" shards scored 4 1 2 4 1
update_on() { # update_on LIB N OPTION...
	local lib=$1 n=$2
	shift 2
	launch "$lib" "$n" "${tool:-ril-update}" -q -m "$M" --lr "${rate:-1e-3}" --threads 1 "$@"
}
# alike NAME OPTION...: 1, 2, 4 ranks; the first step's numbers, and those after ten.  With an epsilon that keeps AdamW from
# making steps of what is nothing but rounding.
alike() {
	local name=$1 n mu lib most rate=2e-4
	shift
	set -- --eps 1e-5 "$@"
	for mu in 1 10; do
		most=${exact:-$([ $mu = 1 ] && echo 1e-6 || echo 1e-4)}
		"${tool:-ril-update}" -q -m "$M" --lr $rate --threads 1 --mu $mu "$@" -i scored-1.0.ril --metrics "$name-$mu-0.json"
		for n in 2 4; do
			for lib in ${some:-$libs}; do
				check "$name, $n ranks ($lib), $mu passes" update_on "$lib" $n --mu $mu "$@" -i "scored-$n.%r.ril" --metrics "$name-$mu-$n$lib.json"
				check "$name: $n ranks are one ($lib, $mu passes): $(head -c 400 "$name-$mu-0.json") $(head -c 400 "$name-$mu-$n$lib.json")" close "$name-$mu-0.json" "$name-$mu-$n$lib.json" $most
			done
		done
	done
	check "$name: it trains" jq -e '.grad_norm > 1e-5' "$name-1-0.json" >/dev/null
}
alike dr-grpo --objective dr-grpo --beta 0.05
some=${libs%%[[:space:]]*}
for objective in grpo dapo gspo rloo reinforce++; do alike "$objective" --objective "$objective" --clip-grad 0.01; done
alike muon --objective dr-grpo --optimizer muon --ema 0.5
alike decay --objective dr-grpo --weight-decay 0.1 --moments 8bit --entropy 0.01
alike chosen --objective dr-grpo --dynamic-sampling 2 --overlong 4
alike adapters --objective dr-grpo --lora rank=2
case " ${RIL_MODES-} " in
*" f64 "*) tool=$RIL_ROOT/build/f64/bin/ril-update exact=1e-8 alike double --objective reinforce++ --beta 0.05 --clip-grad 0.01
	tool=$RIL_ROOT/build/f64/bin/ril-update exact=1e-8 alike distilled --objective dr-grpo --distill "$M" ;;
*) skip "no build in double precision" ;;
esac
lib=$some
questions=q.jsonl
check "of two steps" shards sft 1 24
check "shards of them" shards sft 2 12 12

# ---- a run repeats to the byte, whoever comes first ----
late() { sleep ".$1"; exec cat "$2"; }
for lib in $libs; do
	for who in 0 1; do
		rm -f pipe.*; mkfifo pipe.0 pipe.1
		late "$((who * 3))" scored-2.0.ril >pipe.0 & late "$((3 - who * 3))" scored-2.1.ril >pipe.1 &
		check "rank $who comes late ($lib)" update_on "$lib" 2 --objective dr-grpo --mu 3 -i pipe.%r --save "$lib-$who"
		wait
	done
	check "the same bytes ($lib)" cmp "$lib-0/model.safetensors" "$lib-1/model.safetensors"
	check "and of all libraries" cmp "$lib-0/model.safetensors" "$some-1/model.safetensors"
done
lib=$some

# ---- checkpoints ----
train() { # train RUN START COUNT N OPTION...: of the stream of two steps
	local run=$1 start=$2 n=$3
	shift 3
	update_on "$lib" "$n" --objective sft --run "$run" --start-step "$start" --keep 0 "$@"
}
second() { # the second step of a shard
	ril-encode -q -m "$M" --with-answers --batch 6 --steps 2 --start-step 1 --save-every 1 "$1" -o "$2"
}
sed -n 1,12p q.jsonl >a.jsonl; sed -n 13,24p q.jsonl >b.jsonl; second a.jsonl second.0.ril; second b.jsonl second.1.ril
for how in "--ema 0.5" "--optimizer muon" "--moments 8bit --master none --gradients bf16" "--compute bf16"; do
	name=${how//[^a-z0-9]/}
	# shellcheck disable=SC2086  # options
	{
		check "$how: two steps" train "$name" 0 2 $how -i sft-2.%r.ril
		mkdir -p "$name-2" && cp -r "$name/step-1" "$name-2"
		check "$how: goes on" train "$name-2" 1 2 $how -i second.%r.ril
		check "$how: on one rank" bash -c "mkdir $name-3 && cp -r $name/step-1 $name-3"
		check "$how: the same step of one" update --objective sft $how --run "$name-3" --start-step 1 -i second.0.ril
	}
	check "$how: to the byte" cmp "$name/step-2/student/model.safetensors" "$name-2/step-2/student/model.safetensors"
	if [ -e "$name/step-2/ema" ]; then
		check "$how: the average, too" cmp "$name/step-2/ema/model.safetensors" "$name-2/step-2/ema/model.safetensors"
	fi
	check "$how: an ordinary folder" ril-rollout -q -m "$name/step-2/student" --replace -n 1 --max-new-tokens 2 -i scored-2.0.ril -o again.ril
	check "$how: nothing half done" test -z "$(ls -d "$name"/*.tmp 2>/dev/null)"
done
# the state is the same file, however many wrote it
check "one rank's run" update --objective sft --ema 0.5 --run whole --keep 0 -i sft-1.0.ril
size() { stat -c %s "$1"; }
names() { head -c $((8 + $(od -An -t u8 -N 8 "$1"))) "$1" | tail -c +9 | jq -c 'del(.__metadata__)'; }
check "the state names the same" cmp <(names ema05/step-2/state.safetensors) <(names whole/step-2/state.safetensors)
check "four ranks go on with two's" train ema05 1 4 --ema 0.5 -i "$(mkdir four; cp second.0.ril four/0; cp second.1.ril four/1; cp second.0.ril four/2; cp second.1.ril four/3; echo four/%r)"
check "written from passes in BF16: masters of both" cmp <(names computebf16/step-2/student/model.safetensors) <(names "$M/model.safetensors")

# ---- each rank's own files ----
check "recorded" update_on "$lib" 2 --objective dr-grpo -i scored-2.%r.ril --record rec -o out.%r.ril --save-ema averaged --ema 0.5
check "by each" test -s rec/step-1.0.ril -a -s rec/step-1.1.ril
check "and written on" test "$(ril-inspect --check out.0.ril | grep -o '^[^ ]*: .*groups' | grep -o '[0-9]* groups')" = "5 groups"
check "an average" test -s averaged/model.safetensors

# ---- the whole loop in each rank: new weights go to each one's sampler ----
head -n 24 q.jsonl >loop.0.jsonl; tail -n 24 q.jsonl >loop.1.jsonl
export BATCH=4 STEPS=4 TOKENS=16
for compute in f32 bf16; do
	for k in 1 2; do check "a loop on two ranks ($compute, $k)" launch "$lib" 2 sh "$RIL_ROOT/tests/rank_loop.sh" "$M" "loop-$compute-$k" --compute $compute; done
	check "the same bytes ($compute)" cmp "loop-$compute-1/step-4/student/model.safetensors" "loop-$compute-2/step-4/student/model.safetensors"
	check "lines of all groups ($compute)" test "$(jq -s 'length == 4 and all(.groups == 8)' "loop-$compute-1.jsonl")" = true
	check "the sampler has the trainer's weights ($compute): $(jq -c .logp_delta_max "loop-$compute-1.jsonl" | tr '\n' ' ')" \
		jq -es --argjson most $([ $compute = f32 ] && echo 1e-4 || echo 0.5) 'all(.logp_delta_max < $most) and .[3].grad_norm > 0' "loop-$compute-1.jsonl" >/dev/null
done

# ---- ranks that differ ----
for lib in $libs; do
	U="ril-update -q -m $M --objective dr-grpo --threads 1 --save x"
	# shellcheck disable=SC2086  # words
	{
		expect_exit 2 launch_each "$lib" $U --lr 1 -i scored-2.0.ril : $U --lr 2 -i scored-2.1.ril
		check "another setting ($lib)" grep -q 'rank 1, on .*, was given another --lr than rank 0' err
		expect_exit 1 launch_each "$lib" $U -i scored-2.0.ril : ${U/$M/$RIL_ROOT\/share\/models\/teacher-a} -i scored-2.1.ril
		check "another model ($lib)" grep -q 'rank 1, on .*, has another model than rank 0' err
	}
	ril-encode -q -m "$M" --with-answers --batch 6 --steps 1 a.jsonl -o short.0.ril
	expect_exit 1 launch_each "$lib" ril-update -q -m "$M" --objective sft -i short.0.ril --save x : ril-update -q -m "$M" --objective sft -i sft-2.1.ril --save x
	check "fewer steps ($lib)" grep -q "rank 0, on .*, has come to its stream's end where rank 1, on .*, has step 2" err
	ril-encode -q -m "$M" --batch 3 --steps 1 b.jsonl | ril-rollout -q -m "$M" -n 4 --temperature 1.3 --max-new-tokens 12 --seed 3 | ril-score -q --judge contains -o longer.ril
	# shellcheck disable=SC2086
	expect_exit 1 launch_each "$lib" $U -i scored-2.0.ril : $U -i longer.ril
	check "another length ($lib)" grep -q 'max_new_tokens is 12 in the groups of rank 1, 16 in those of rank 0' err
	head -c 9000 scored-2.1.ril >cut.1; cp scored-2.0.ril cut.0
	expect_exit 3 update_on "$lib" 2 --objective dr-grpo -i cut.%r
	check "a corrupt stream ($lib): rank, host, file and cause" grep -q "rank 1 of 2, on .*: cut.1: .*truncated" err
	check "and no student" test ! -e x
	other=$([ "$lib" = mpich ] && echo openmpi || echo mpich)
	if [ -e "$RIL_BIN/../libexec/ril/world-$other.so" ]; then
		expect_exit 1 update_on "$lib" 2 --world "$other" --objective dr-grpo -i scored-2.%r.ril
		check "another MPI's launcher ($lib)" grep -q "another MPI's launcher" err
	fi
done

# ---- a rank is killed: as a process of the launcher's, and as a stage that it does not know ----
for lib in $libs; do
	for how in 'exec ril-update' 'ril-update'; do
		rm -f pipe.*; mkfifo pipe.0 pipe.1
		for r in 0 1; do { head -c 5000 "scored-2.$r.ril"; sleep 60 & echo $! >"hold.$r"; wait; } >pipe.$r & done
		RIL_TEST_MARK=$T launch "$lib" 2 sh -c 'r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; '"$how"' -q -m "$0" --objective dr-grpo --threads 1 -i pipe.$r --metrics pid.$r & echo $! >pid.$r; wait $!; c=$?; exit $c' "$M" >out 2>err &
		kill_a_rank "$lib, $how" $! "1.$((RANDOM % 10))"
		for r in 0 1; do kill "$(cat hold.$r)" 2>/dev/null; done
		rm -f pid.*; wait
	done
done
test_end
