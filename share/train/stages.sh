# stages.sh -- the stages of a run's pipeline: their command lines, starting them, and which one failed.  For ril-train, which runs
# them itself, and for rank.sh, which runs one rank's.
#
# Whoever reads this has: run, the run's folder; own, the folder of this pipeline's logs and metrics; work, a folder for process ids and
# exit codes; edge, the FIFO back; versions, where new weights pass; start, the steps done; quiet; rank and ranks.
# shellcheck shell=bash disable=SC2154,SC2034  # those; and what they read

declare -A set=([objective]=ril [steps]=150 [batch]=30 [n]=4 [max-new-tokens]=24 [temperature]=1 [eval-every]=25 [save-every]=25
	[keep]=2 [seed]=0 [threads]=0 [record]=0 [student]= [disc]= [data]= [image-root]= [teachers]= [caches]= [endpoints]= [reward]= [eval]=
	[device]=auto [compute]=auto [gradients]=f32 [moments]=f32 [ema]=0 [eval-weights]=student [eval-image-root]= [metric]=accuracy [patience]=0 [oversample]= [log]=none [encode]= [rollout]= [teach]= [discriminate]= [score]= [update]=
	[launcher]=none [ranks]= [hosts]= [ssh]= [mpirun]= [launch]=)
load_settings() {
	local k v
	while IFS= read -r -d '' k && IFS= read -r -d '' v; do set[$k]=$v; done < <(
		jq -j '.settings | to_entries[] | .key, "\u0000", .value, "\u0000"' "$run/run.json")
	[ -n "${set[student]}" ]
}
# A folder for new weights: in memory, where it has room for two versions.
weights_base() {
	local base=${TMPDIR:-/tmp} size
	size=$(du -sLB1 "${set[student]}" | cut -f 1)
	[ -w /dev/shm ] && [ "$(df --output=avail -B1 /dev/shm | tail -n 1)" -gt $((2 * size)) ] && base=/dev/shm
	echo "$base"
}

# ---- what runs ----
asks_servers() { [ -n "${set[endpoints]}" ]; }
stages() { # of a part of the pipeline (see there), or of all
	case ${1-} in
	front) echo encode rollout teach discriminate ;;
	back) echo score update ;;
	*) if [ "${set[objective]}" = ril ]; then echo encode rollout teach discriminate score update; else echo encode rollout score update; fi ;;
	esac
}
# Part $1 of the pipeline: all of it; or, where its discriminator trains with other ranks' and the student with theirs, what is up to the
# discriminator (front) and what follows (back), which a FIFO, $middle, joins.
pipeline() {
	# Of whoever signals our whole group, as timeout(1) does: the launcher alone says what stops when.  Ignored, not caught:
	# what is caught is deadly again between a fork and setsid.
	trap '' TERM
	case $1 in
	back) stage score <"$middle" | stage update ;;
	front) if asks_servers; then stage encode | stage teach | stage rollout | stage discriminate >"$middle"
		else stage encode | stage rollout | stage teach | stage discriminate >"$middle"; fi ;;
	*) if [ "${set[objective]}" != ril ]; then stage encode | stage rollout | stage score | stage update
		elif asks_servers; then # for the next step's answers meanwhile
			stage encode | stage teach | stage rollout | stage discriminate | stage score | stage update
		else stage encode | stage rollout | stage teach | stage discriminate | stage score | stage update; fi ;;
	esac
}

# Runs stage $1 in a session of its own, its talk in a log, its process id and exit code in files.
stage() {
	local name=$1 pid rc command
	command_of "$name"
	command=(setsid env --default-signal=TERM "${command[@]}")
	if [ "$name" = update ] && [ "$quiet" = 0 ]; then
		"${command[@]}" <&0 2> >(exec tee -a "$own/log/$name.log" >&2) &
	else
		"${command[@]}" <&0 2>>"$own/log/$name.log" &
	fi
	pid=$!
	exec </dev/null >/dev/null 2>&1 # the pipes are the stage's alone: an end held here would never be seen as an end
	echo "$pid" >"$work/$name.pid"
	while :; do # a signal to the launcher interrupts wait, not the stage
		wait "$pid"; rc=$?
		kill -0 "$pid" 2>/dev/null || break
	done
	[ "$rc" = 0 ] || [ -e "$work/$name.ended" ] || stage_failed "$name" "$rc"
	echo "$rc" >"$work/$name.tmp" && mv "$work/$name.tmp" "$work/$name.rc"
	return "$rc"
}

stage_failed() { :; } # NAME CODE: of one that was not ended by us

# Sets $command to the command line of stage $1.
# shellcheck disable=SC2206  # further arguments are split at blanks on purpose
command_of() {
	local m=${set[student]} c name key keep=${set[keep]}
	[ -z "${set[eval]}" ] || keep=0 # then ril-train drops old ones itself, once they are evaluated
	case $1 in
	front | back | ranks) launch_command "$1"; return ;;
	encode) command=(ril-encode -m "$m" --image-root "${set[image-root]}" --batch "$((set[batch] * ${set[oversample]:-1}))" --steps "${set[steps]}"
		--start-step "$start" --save-every "${set[save-every]}" --metrics "$own/encode.jsonl")
		[ "$ranks" = 1 ] || command+=(--shard "$rank/$ranks" --shard-by place) ;;
	rollout) command=(ril-rollout -m "$m" -n "${set[n]}" --max-new-tokens "${set[max-new-tokens]}"
		--temperature "${set[temperature]}" --edge "$edge" --start-step "$start" --metrics "$own/rollout.jsonl")
		[[ ${set[update]} != *--lora* ]] || command+=(--own-weights) ;; # adapters are not lent
	teach) command=(ril-teach -n "${set[teachers]}" --tokenizer "$m" --metrics "$own/teach.jsonl")
		while IFS= read -r c; do [ -z "$c" ] || command+=(--cache "$c"); done <<<"${set[caches]}"
		# A step waits for a server that is away, for most of an hour; what came is never asked for again.
		! asks_servers || command+=(--keep "$own/answers.jsonl" --image-root "${set[image-root]}" --max-new-tokens "${set[max-new-tokens]}" --retries 100)
		while read -r c name key; do [ -z "$c" ] || command+=(--endpoint "$c" --model "$name" $key); done <<<"${set[endpoints]}" ;;
	discriminate) command=(ril-discriminate)
		if [ -n "${set[disc]}" ]; then command+=(-m "${set[disc]}"); else command+=(--init-from "$m"); fi
		command+=(--update --run "$run" --start-step "$start" --steps "${set[steps]}"
		--metrics "$run/disc.jsonl") ;;
	score) command=(ril-score --reward "${set[reward]}" --metrics "$own/score.jsonl") ;;
	update) command=(ril-update -m "$m" --ref "$m" --objective "${set[objective]}" --run "$run" --versions "$versions"
		--edge "$edge" --start-step "$start" --steps "${set[steps]}" --keep "$keep" --metrics "$run/metrics.jsonl")
		[ -z "${set[oversample]}" ] || command+=(--dynamic-sampling "${set[batch]}")
		[ "${set[ema]}" = 0 ] || command+=(--ema "${set[ema]}")
		[ "${set[record]}" = 0 ] || command+=(--record "$run/record") ;;
	esac
	command+=(--seed "${set[seed]}" --threads "${set[threads]}" --device "${set[device]}" --compute "${set[compute]}")
	case $1 in discriminate | update) command+=(--gradients "${set[gradients]}" --moments "${set[moments]}") ;; esac
	command+=(${set[$1]})
	[ "$1" != encode ] || command+=("${set[data]}")
}

# ---- which one failed ----
# Sets $who and $code to the stage to blame and its exit code, or fails when there is none.  It is one that a signal killed
# (its neighbours may be faster to say that it is gone), else the first whose last words do not tell of another's failure, else
# the first.  Not to blame are stages that we ended ourselves, and those that were let go.
find_failed() {
	local s rc
	who= code=0
	for s in $(cd "$work" && ls -tr -- *.rc 2>/dev/null); do
		rc=$(<"$work/$s") s=${s%.rc}
		[ "$rc" != 0 ] && [ ! -e "$work/$s.ended" ] || continue
		! let_go "$s" || continue
		if [ "$rc" -gt 128 ]; then who=$s code=$rc; break; fi
		if [ -z "$who" ] || { secondhand "$own/log/$who.log" && ! secondhand "$own/log/$s.log"; }; then who=$s code=$rc; fi
	done
	[ -n "$who" ]
}
# Does a log end with another's failure?
secondhand() { tail -n 3 "$1" 2>/dev/null | grep -qE 'has failed|is gone|had not joined|Broken pipe|ABORT from|stops without END|not even a HEAD|PMI_[A-Za-z_]* returned'; }
# ril-rollout, asked to end, has stopped reading what stage $1 writes: it ended well, or saves what it has.
let_go() {
	[ "$1" = encode ] || { [ "$1" = teach ] && asks_servers; } || return
	if [ -e "$work/rollout.rc" ]; then [ "$(<"$work/rollout.rc")" = 0 ]; else tail -n 1 "$own/log/$1.log" | grep -q 'Broken pipe'; fi
}
# One that was told of the failure may have ended before the one that told it.
find_origin() {
	local origin
	find_failed || return
	origin=$(tail -n 3 "$own/log/$who.log" | sed -n 's/.*ABORT from ril-\([a-z]*\):.*/\1/p' | tail -n 1)
	if [ -n "$origin" ] && [ "$(cat "$work/$origin.rc" 2>/dev/null || echo 0)" -gt 0 ]; then
		who=$origin code=$(<"$work/$origin.rc")
	fi
}
how_ended() { if [ "$1" -gt 128 ] && [ "$1" -le 192 ]; then echo "was killed by signal $(($1 - 128))"; else echo "failed (exit $1)"; fi; }
kill_stages() {
	local s
	for s in "$@"; do
		[ -e "$work/$s.rc" ] || { : >"$work/$s.ended"; kill -KILL "$(cat "$work/$s.pid" 2>/dev/null)" 2>/dev/null; }
	done
}
