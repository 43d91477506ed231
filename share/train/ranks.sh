# ranks.sh -- a run on several ranks: which launcher starts them, on which hosts, and which rank failed.  For ril-train, behind stages.sh.
#
# A rank is one pipeline (rank.sh).  A launcher of MPI gives a process one place in one world, and two of the pipeline's stages have a
# world each where a discriminator trains: its ranks and the student's.  So there are two launches then, of the same ranks on the same
# hosts, front and back, joined by a FIFO on each host; else there is one.  What a launcher does for us is to start processes, to
# end all when one has ended badly, and to bring rank 0 what is written to its stdin: the word to end after the step at work.
# shellcheck shell=bash disable=SC2154  # what ril-train was told

launches() { if [ "${set[objective]}" = ril ]; then echo front back; else echo ranks; fi; }
# Lines of host and slots (0: not said) from --hosts, a list or a file as launchers have it.
list_hosts() {
	if [ -f "${set[hosts]}" ]; then sed 's/#.*//' "${set[hosts]}"; else tr , '\n' <<<"${set[hosts]}"; fi |
		sed 's/[[:blank:]]*\(slots=\|:\)/ /; s/^[[:blank:]]*//' | awk 'NF { print $1, (NF > 1 ? $2 : 0) }'
}
check_hosts() {
	local lines total wrong
	lines=$(list_hosts)
	[ -n "$lines" ] || die 2 "--hosts: '${set[hosts]}' names no host"
	wrong=$(grep -vxE '[A-Za-z0-9_.%-]+ [0-9]+' <<<"$lines" | head -n 1)
	[ -z "$wrong" ] || die 2 "--hosts: '${wrong/ /:}' is not a host, or host:slots"
	total=$(awk '{ n += $2 ? $2 : 1 } END { print n }' <<<"$lines")
	: "${set[ranks]:=$total}"
	! awk '{ s += !$2 } END { exit s }' <<<"$lines" || [ "$total" -ge "${set[ranks]}" ] || die 2 "--ranks: ${set[ranks]} do not fit the $total slots of --hosts"
	# where slots are not said, as many on each
	hosts=$(awk -v n="${set[ranks]}" '{ h[NR] = $1; s[NR] = $2; said += $2; free += !$2 } END {
		for (i = 1; i <= NR; i++) { if (!s[i]) { left = n - said; s[i] = left > 0 ? int((left + free - 1) / free) : 1; said += s[i]; free-- } print h[i], s[i] } }' <<<"$lines")
}
check_launcher() {
	local k
	hosts= ranks=1
	one_of launcher none mpirun srun ssh
	if [ "${set[launcher]}" = none ]; then
		for k in ranks hosts ssh mpirun launch; do [ -z "${set[$k]}" ] || die 2 "--$k needs --launcher"; done
		return
	fi
	[[ ${set[ranks]} =~ ^([1-9][0-9]*)?$ ]] || die 2 "--ranks: '${set[ranks]}' is not a positive integer"
	[ "${set[launcher]}" = ssh ] || [ -z "${set[hosts]}${set[ssh]}" ] || die 2 "--hosts and --ssh go with --launcher ssh"
	[ "${set[launcher]}" != srun ] || [ -z "${set[mpirun]}" ] || die 2 "--mpirun does not go with --launcher srun"
	[ "${set[launcher]}" != ssh ] || { [ -n "${set[hosts]}" ] || die 2 "--launcher ssh needs --hosts"; check_hosts; }
	[ "${set[launcher]}" != srun ] || : "${set[ranks]:=${SLURM_NTASKS-}}"
	[ "$plan" = 1 ] || find_launcher
	[ -n "${set[ranks]}" ] || die 2 "--ranks is needed"
	ranks=${set[ranks]}
}
# What starts them must be here, but for a plan.
find_launcher() {
	ril-update --list-options | grep -q '^--world' || die 1 "--launcher: the tools were built without ranks"
	if [ "${set[launcher]}" = srun ]; then
		[ -n "${SLURM_JOB_ID-}" ] || die 2 "--launcher srun needs an allocation: sbatch or salloc"
		return
	fi
	: "${set[mpirun]:=mpirun}"
	mpi=$("${set[mpirun]}" --version 2>/dev/null | sed -n 's/.*\(Open MPI\|OpenRTE\).*/openmpi/p; s/.*HYDRA.*/hydra/p' | head -n 1)
	[ -n "$mpi" ] || die 1 "--mpirun: ${set[mpirun]} is not there, or neither Open MPI's nor MPICH's"
}

# Sets $command to what starts launch $1.
# shellcheck disable=SC2206  # further arguments are split at blanks on purpose
launch_command() {
	local v own=(bash "$parts/rank.sh" "$bin" "$run" "${work##*/}" "$1" "$start" "$ranks" "${old##*/}")
	case ${set[launcher]}-${mpi-} in
	srun-*)
		command=(srun --mpi=pmix --ntasks="$ranks" --overlap --kill-on-bad-exit=1 --input=0)
		[ -z "${SLURM_CPUS_PER_TASK-}" ] || command+=(--cpus-per-task="$SLURM_CPUS_PER_TASK") ;; # which srun does not take over
	*-openmpi) # else it pins a pipeline to one processor, counts slots, and two that begin at once may trip over each other's files
		command=("${set[mpirun]}" -n "$ranks" --bind-to none --oversubscribe --mca orte_local_tmpdir_base "$work/$1")
		[ -z "$hosts" ] || command+=(--hostfile "$work/hosts" --mca plm rsh --mca plm_rsh_no_tree_spawn 1 --mca plm_rsh_agent "${set[ssh]:-ssh}")
		for v in $(compgen -e | grep '^RIL_') $(grep -o -- '--key-env[[:blank:]]*[^[:blank:]]*' <<<"${set[endpoints]}" | sed 's/.*[[:blank:]]//'); do command+=(-x "$v"); done ;;
	*-hydra)
		command=("${set[mpirun]}" -n "$ranks")
		[ -z "$hosts" ] || command+=(-f "$work/hosts" -launcher ssh -launcher-exec "$work/ssh") ;;
	esac
	command+=(${set[launch]} "${own[@]}")
}
write_hosts() {
	[ -n "$hosts" ] || return 0
	if [ "$mpi" = openmpi ]; then awk '{ print $1 " slots=" $2 }'; else awk '{ print $1 ":" $2 }'; fi <<<"$hosts" >"$work/hosts"
	printf '#!/bin/sh\nexec %s "$@"\n' "${set[ssh]:-ssh}" >"$work/ssh" && chmod +x "$work/ssh"
}
# A launcher may wait for ever for a host that does not answer, and says little of one that does not see our folders.
# shellcheck disable=SC2086  # the command is words
reach_hosts() {
	local host it rc code=0 need
	need=$(printf 'test -e %q -a -e %q' "$(readlink -f "$run/run.json")" "$parts/rank.sh")
	[ -n "$hosts" ] || return 0
	for host in $(cut -d ' ' -f 1 <<<"$hosts" | sort -u); do
		case $host in localhost | 127.* | "$(uname -n)") continue ;; esac
		{ timeout 30 ${set[ssh]:-ssh} "$host" "$need" </dev/null >"$work/reach.$host" 2>&1; echo $? >"$work/reached.$host"; } &
	done
	wait
	for it in "$work"/reached.*; do
		[ -e "$it" ] || continue
		rc=$(<"$it") host=${it##*/reached.}
		case $rc in
		0) ;;
		1) code=1; echo "$me: $host does not see $run/run.json and $parts" >&2 ;;
		*) code=1; echo "$me: $host cannot be reached (${set[ssh]:-ssh}: exit $rc): $(tail -n 1 "$work/reach.$host")" >&2 ;;
		esac
	done
	return $code
}

# What was learnt from servers goes to all ranks, each of which keeps its own file from then on.
share_answers() {
	local r all=$run/answers.jsonl
	asks_servers || return 0
	{ cat "$all" "$run"/rank-*/answers.jsonl 2>/dev/null || :; } | awk '!seen[$0]++' >"$all.tmp" && mv "$all.tmp" "$all" || return
	[ "$ranks" -gt 1 ] || return 0
	for r in $(seq $((ranks - 1))); do mkdir -p "$run/rank-$r" && cp "$all" "$run/rank-$r"; done
}
prepare_ranks() {
	rm -rf "$run/ranks"
	: >>"$run/log/update.log"
	mkdir "$run/ranks" && mkfifo "$work/control" && write_hosts && share_answers && reach_hosts
}

# All launches, until they have ended.  Should ril-train be gone, the ranks are told to end; should this be, rank 0 sees its stdin's end.
launch_ranks() {
	local part told=0 left grace=0
	trap '' TERM
	for part in $(launches); do
		if [ "$part" = front ]; then stage front </dev/null; else stage "$part" <"$work/control"; fi >>"$run/log/$part.log" 7>&- &
	done
	while :; do
		left=0
		for part in $(launches); do [ -e "$work/$part.rc" ] || left=1; done
		[ $left = 1 ] || break
		if ! kill -0 $$ 2>/dev/null; then [ $told = 1 ] || { tell_ranks && told=1; }; fi
		# MPICH's launcher takes no notice of a rank that ended before it had joined, for which the others would wait
		if some_failed; then grace=$((grace + 1)); fi
		[ $grace -lt 10 ] || kill_launches
		sleep .2
	done
	wait
}
some_failed() { compgen -G "$run/ranks/*.failed" >/dev/null; }
# What the student's rank 0 says is on its way to the log, where all hosts see it.
follow_ranks() { [ "$quiet" = 1 ] || exec tail -q -n 0 -s .2 --pid="$1" -f "$run/log/update.log" >&2; }
# Ranks that have yet to start, maybe on a host that does not answer, have nothing to end well.
tell_ranks() {
	local all
	all=$(($(launches | wc -w) * ranks))
	if [ "$(cd "$run/ranks" && ls -- *.up 2>/dev/null | wc -l)" -ge "$all" ]; then echo stop >&7; else kill_launches; return 1; fi
}
# A launcher ends its ranks when it is asked to; one that does not, within three seconds, is ended itself, and its ranks see that.
# What it said before it was asked is kept.
killing=
kill_launches() {
	local s
	: "${killing:=$SECONDS}"
	for s in $(launches); do
		[ ! -e "$work/$s.rc" ] || continue
		if [ $((SECONDS - killing)) -ge 3 ]; then kill -KILL "$(cat "$work/$s.pid" 2>/dev/null)" 2>/dev/null
		elif [ ! -e "$work/$s.ended" ]; then last_words "$run/log/$s.log" >"$work/$s.ended"; kill -TERM "$(cat "$work/$s.pid" 2>/dev/null)" 2>/dev/null; fi
	done
}

# ---- which rank failed ----
last_words() { grep -v '^[-= ]*$' "$1" | tail -n 3 | sed 's/^/  /'; } # without rules
# What ranks noted (rank.sh): a stage that a signal killed is to blame, else the first that does not tell of another's failure.
# A rank's shell that was killed comes after those: mostly it was the launcher that did so.  Else whoever knows of another rank's end.
blame_ranks() {
	local f rank stage code host log first='' best='' shell='' told='' launcher
	find_failed || some_failed || return 0
	launcher=$who
	for f in $(cd "$run/ranks" && ls -tr -- *.failed 2>/dev/null); do
		read -r rank stage code host log <"$run/ranks/$f" || continue
		if [ "$stage" = rank.sh ]; then : "${shell:=$f}"; continue; fi
		: "${first:=$f}"
		[ -n "$told" ] || ! tail -n 3 "$log" | grep -qE 'rank [0-9]+, on [^ ]+, (is gone|has failed)' || told=$f
		[ "$code" -le 128 ] || { best=$f; break; }
		[ -n "$best" ] || secondhand "$log" || best=$f
	done
	: "${best:=$shell}"
	if [ -z "$best" ] && [ -n "$launcher" ]; then # the launcher knows of what could not note anything
		code=$(<"$work/$launcher.rc")
		echo "$me: ${set[launcher]} $(how_ended "$code"); the last lines of $run/log/$launcher.log:" >&2
		last_words "$run/log/$launcher.log" >&2
	fi
	if [ -n "${best:=${told:-$first}}" ]; then
		read -r rank stage code host log <"$run/ranks/$best"
		echo "$me: rank $rank, on $host: $stage $(how_ended "$code"); the last lines of $log:" >&2
		last_words "$log" >&2
	fi
	blame_launches
	[ "$code" -lt 128 ] || code=1
	return "$code"
}
# Others waited for ranks that their launcher never started, on a host from which it cannot be reached for instance.
blame_launches() {
	local part r missing
	for part in $(launches); do
		missing=
		for r in $(seq 0 $((ranks - 1))); do [ -e "$run/ranks/$r.$part.up" ] || missing+=" $r"; done
		[ -n "$missing" ] && [ -s "$work/$part.ended" ] || continue
		echo "$me: the launcher did not start rank$missing; the last lines of $run/log/$part.log before it was ended:" >&2
		cat "$work/$part.ended" >&2
	done
}
