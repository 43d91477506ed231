# plan.sh -- ril-train --plan: how much memory the stages take together on one device, and with which settings they would fit.
# For ril-train, behind stages.sh.
# shellcheck shell=bash disable=SC2154  # what ril-train was told

# plan_stage STAGE SETTING...: lines of what one takes, as it prints them
plan_stage() {
	local stage=$1 responses=${set[n]} command
	shift
	command_of "$stage"
	case $stage in
	encode) command+=(--plan-batch "${plan_batch:-image=256}") ;;
	*) [ "$stage" = rollout ] || [ "${set[objective]}" != ril ] || responses=$((responses + set[teachers]))
		command+=(--plan-batch "groups=$((set[batch] * ${set[oversample]:-1})),responses=$responses,length=${set[max-new-tokens]}${plan_batch:+,$plan_batch}") ;;
	esac
	"${command[@]}" --plan "$@"
}
plan_stages() { # plan_stages SETTING...: of all, each under its name; the settings are the training stages'
	local s
	for s in encode rollout $trained; do
		echo "ril-$s"
		case $s in encode | rollout) plan_stage "$s" ;; *) plan_stage "$s" "$@" ;; esac || return
	done
}
add_up() { awk '$1 == "sum" { n += $NF } END { printf "%.0f\n", n }'; }
fits() { [ "$1" -le $((memory_bytes - memory_bytes / 20)) ]; } # a twentieth is left to what is not counted, as in the tools
# Settings with which all of it fits, cheapest first: what costs time, what rounds otherwise, what rounds more.
search_plan() {
	local master moments gradients micro recompute sum
	for master in "" "--master none"; do for moments in "" "--moments 8bit"; do for gradients in "" "--gradients bf16"; do
		for micro in "" "--micro-batch 1"; do for recompute in "" "--recompute cheap" "--recompute block"; do
			# shellcheck disable=SC2086  # each is an option and its value, or nothing
			sum=$(plan_stages $recompute $micro $gradients $moments $master | add_up) || exit
			fits "$sum" || continue
			echo "$sum would, with" $recompute $micro $gradients $moments $master "for ril-discriminate and ril-update"
			return
		done; done
	done; done; done
	echo "nor would it with any other settings"
}
plan_all() {
	local lines sum trained=update memory_bytes= start=0 work=. own=. edge=edge versions=versions rank=0
	run=. # nothing is opened
	check_settings
	[ "${set[objective]}" != ril ] || trained="discriminate update"
	if [ -n "$memory" ]; then
		memory_bytes=$(plan_stage encode --device-memory "$memory" | sed -n 's/^device .* \([0-9]*\)$/\1/p')
		[ -n "$memory_bytes" ] || exit 1
	fi
	lines=$(plan_stages) || exit
	echo "$lines"
	sum=$(add_up <<<"$lines")
	awk -v n="$sum" 'BEGIN { printf "all stages   %8.3g GB %16.0f\n", n / 1e9, n }'
	if [ -n "$memory" ] && ! fits "$sum"; then die 1 "$sum bytes do not fit $memory; $(search_plan)"; fi
}
