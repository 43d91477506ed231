# plan.sh -- ril-train --plan: how much memory the stages take together on one device, of several ranks what one takes and sends, and
# with which settings they would fit.  For ril-train, behind stages.sh and ranks.sh.
#
# A rank is a pipeline on its share of the batch.  What training stages then divide among ranks, and send, they know themselves: of the
# layouts in their plans (ril-update --plan --ranks) it is the one that their --zero names.
# shellcheck shell=bash disable=SC2154  # what ril-train was told

# plan_stage STAGE SETTING...: lines of what one takes, as it prints them
plan_stage() {
	local stage=$1 responses=${set[n]} groups=$((set[batch] * ${set[oversample]:-1})) command
	shift
	command_of "$stage"
	case $stage in
	encode) command+=(--plan-batch "${plan_batch:-image=256}") ;;
	*) [ "$stage" = rollout ] || [ "${set[objective]}" != ril ] || responses=$((responses + set[teachers]))
		groups=$(((groups + ranks - 1) / ranks)) # the fullest rank's
		command+=(--plan-batch "groups=$groups,responses=$responses,length=${set[max-new-tokens]}${plan_batch:+,$plan_batch}") ;;
	esac
	command+=("$@")
	case $stage in discriminate | update) [ "$ranks" = 1 ] || command+=(--ranks "$ranks") ;; esac
	"${command[@]}" --plan | with_layout "$(zero_of "${command[@]}")"
}
zero_of() { # WORD...: what a command line says of --zero last
	local zero=1 before='' word
	for word; do
		case $before/$word in
		--zero/*) zero=$word ;;
		*/--zero=*) zero=${word#--zero=} ;;
		esac
		before=$word
	done
	echo "$zero"
}
# A plan, and behind its layouts, where it has some, lines of the one that is used.
with_layout() {
	awk -v name="zero-$1" '{ print } $1 == name { memory = $2; sent = $3 }
		END { if (memory) { line("rank", memory); line("sends", sent) } }
		function line(what, n) { printf "%-12s %8.3g GB %16.0f\n", what, n / 1e9, n }'
}
plan_stages() { # plan_stages SETTING...: of all, each under its name; the settings are the training stages'
	local s
	for s in encode rollout $trained; do
		echo "ril-$s"
		case $s in encode | rollout) plan_stage "$s" ;; *) plan_stage "$s" "$@" ;; esac || return
	done
}
# add_up: of a rank, where a stage has a rank's share; add_up sends: what a rank sends in a step
add_up() {
	awk -v sends="${1-}" '$1 == "sum" { n += last; last = $NF } $1 == "rank" { last = $NF } $1 == "sends" { out += $NF }
		END { printf "%.0f\n", sends ? out : n + last }'
}
in_gb() { awk -v what="$1" -v n="$2" -v more="${3-}" 'BEGIN { printf "%-12s %8.3g GB %16.0f%s\n", what, n / 1e9, n, more }'; }

# ---- ranks on hosts ----
# Lines of host and ranks, as far as they are known: a launcher fills the first host's slots, then the next one's.
ranks_on_hosts() {
	local tasks
	case ${set[launcher]} in
	none) ;;
	ssh) awk -v left="$ranks" '{ n = $2 < left ? $2 : left; left -= n; if (n) print $1, n }' <<<"$hosts" ;;
	mpirun) [ -n "${set[launch]}" ] || echo "$(uname -n) $ranks" ;;
	srun)
		tasks=$(tr , '\n' <<<"${SLURM_TASKS_PER_NODE-}" | awk -F '[(x)]+' '$1 > 0 { for (i = $2 ? $2 : 1; i; i--) print "node-" m++, $1 }')
		[ "$(awk '{ n += $2 } END { print n + 0 }' <<<"$tasks")" -ne "$ranks" ] || echo "$tasks" ;;
	esac
}
# Do a host's ranks share one memory?  Not where each has a GPU of its own.
shares_memory() {
	case ${set[device]} in
	cuda) return 1 ;;
	auto) ! plan_stage encode | grep -q '^device ' ;; # a GPU knows its memory
	esac
}
plan_ranks() { # of a sum and lines of stages
	local host n
	in_gb "a rank" "$1"
	in_gb "a rank sends" "$(add_up sends <<<"$2")" " a step"
	while read -r host n; do
		[ -z "$host" ] || in_gb host $((n * $1)) " $host, of $n $([ "$n" = 1 ] && echo rank || echo ranks)"
	done < <(ranks_on_hosts)
}
# How many ranks are on one device, at most.
on_one_device() {
	if shares_memory; then ranks_on_hosts | awk '$2 > most { most = $2 } END { print most ? most : 1 }'; else echo 1; fi
}

# ---- does it fit? ----
fits() { [ $(($1 * together)) -le $((memory_bytes - memory_bytes / 20)) ]; } # a twentieth is left to what is not counted, as in the tools
# Settings with which all of it fits, cheapest first: what costs time, what rounds otherwise, what rounds more.
# shellcheck disable=SC2086  # each is an option and its value, or nothing
search_plan() {
	local master moments gradients micro recompute zero sum shared=("")
	[ "$ranks" = 1 ] || shared+=("--zero 2" "--zero 3") # which change no byte; the latter sends half as much again
	for master in "" "--master none"; do for moments in "" "--moments 8bit"; do for gradients in "" "--gradients bf16"; do
		for micro in "" "--micro-batch 1"; do for recompute in "" "--recompute cheap" "--recompute block"; do for zero in "${shared[@]}"; do
			sum=$(plan_stages $zero $recompute $micro $gradients $moments $master | add_up) || exit
			fits "$sum" || continue
			echo "$((sum * together)) would, with" $zero $recompute $micro $gradients $moments $master "for ril-discriminate and ril-update"
			return
		done; done; done
	done; done; done
	echo "nor would it with any other settings"
}
plan_all() {
	local lines sum trained=update memory_bytes= together=1 start=0 work=. own=. edge=edge versions=versions rank=0
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
	if [ "${set[launcher]}" = none ]; then in_gb "all stages" "$sum"
	else plan_ranks "$sum" "$lines"; together=$(on_one_device); fi
	if [ -n "$memory" ] && ! fits "$sum"; then
		die 1 "$((sum * together)) bytes$([ "$together" = 1 ] || echo " of $together ranks on one device") do not fit $memory; $(search_plan)"
	fi
}
