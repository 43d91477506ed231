# nccl.long.sh -- four ranks that send by NCCL, on emulated GPUs: in every form of training what pipe/nccl.sh holds two to.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/nccl.sh"

alike_sft floats 4 --compute f32
alike_sft halves 4 "${halves[@]}"
alike_groups groups 4
alike_disc disc 4
for how in shared weights; do
	declare -n options=$how
	alike_sft $how 4 --compute f32 "${options[@]}" && as_before floats $how 4
	alike_sft $how-halves 4 "${halves[@]}" "${options[@]}" && as_before halves $how-halves 4
	alike_disc $how-disc 4 "${options[@]}" && as_before disc $how-disc 4
done
test_end
