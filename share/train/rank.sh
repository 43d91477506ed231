#!/bin/bash
# rank.sh BIN RUN NAME PART START RANKS [NAME] -- one rank's part of a run of ril-train, which a launcher starts (ranks.sh).
#
# It runs PART of the pipeline on the rank's share of each step's questions and ends when that has ended.  Logs and metrics of rank 0's
# stages are the run's, those of rank R are in RUN/rank-R.  Should a stage fail, RUN/ranks says so before this ends badly, upon which the
# launcher, or ril-train where the launcher does not care, ends the other ranks.  Should the launcher be gone, or this be killed, the stages are ended here.
set -u -o pipefail
unset OMPI_MCA_orte_local_tmpdir_base # where mpirun keeps its own files: MPI does not begin with that and the ranks' named
bin=$1 run=$2 name=$3 part=$4 start=$5 ranks=$6 old=$7 quiet=1
PATH="$bin:$PATH"
. "$(dirname "$0")/stages.sh"
rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${SLURM_PROCID-}}} size=${OMPI_COMM_WORLD_SIZE:-${PMI_SIZE:-${SLURM_STEP_NUM_TASKS-}}}
host=$(uname -n) parent=$PPID
die() { echo "ril-train: rank ${rank:-?}, on $host: $*" >&2; exit 1; }
[ "$size" = "$ranks" ] || die "the launcher started ${size:-none}, not $ranks"
load_settings || die "$run/run.json: no settings: a folder that all hosts see?"

own=$run top=${TMPDIR:-/tmp}/$name.$rank
[ "$rank" = 0 ] || own=$run/rank-$rank
work=$top/$part edge=$top/edge middle=$top/middle versions=$(weights_base)/$name.$rank.versions
[ -z "$old" ] || rm -rf "${TMPDIR:-/tmp}/$old".* "$(weights_base)/$old".* # what an earlier start left here when all of it was killed
mkdir -p "$own/log" "$work" || exit 1
mkfifo "$edge" "$middle" 2>/dev/null # the other part may be first
[ -p "$edge" ] && [ -p "$middle" ] || die "$top: no FIFO could be made"
export RIL_LAUNCHER=$$
: >"$run/ranks/$rank.$part.up" || exit 1

# note PROGRAM CODE LOG: at once, for ril-train, for another rank may be faster to have the launcher end us all
note() {
	local to=$run/ranks/$rank.$1.failed
	echo "$rank $1 $2 $host $3" >"$to.tmp" && mv "$to.tmp" "$to"
}
stage_failed() { let_go "$1" || note "ril-$1" "$2" "$own/log/$1.log"; }
run_part() {
	set +m
	trap '' INT # until a stage takes it over
	case $part in
	front) other back && pipeline front ;;
	back) other front && pipeline back ;;
	*) pipeline all ;;
	esac
}
# Opening a FIFO waits for the other end, whatever happens: so both are there before.
other() { while [ ! -d "$top/$1" ]; do sleep .1; done; }

exec 3<&0
set -m
run_part </dev/null 3<&- & loop=$!
set +m
clean() {
	kill -KILL -- "-$loop" 2>/dev/null
	rm -rf "$work"
	[ "$part" = front ] || rm -rf "$versions"
	[ -d "$top/front" ] || [ -d "$top/back" ] || rm -rf "$top"
}
end_all() { # shellcheck disable=SC2046  # names
	kill_stages $(stages "$part")
}
trap 'end_all; clean' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
alive() { # nor a zombie, which nobody may wait for
	local s
	read -r _ _ s _ <"/proc/$1/stat" && [ "$s" != Z ]
} 2>/dev/null
# Should this be killed: in a session of its own, as launchers kill groups.
guard() {
	while alive "$1"; do sleep .3; done
	[ ! -d "$work" ] || note rank.sh 137 "$run/log/$part.log" # KILL alone lets nothing be tidied up
	end_all
	clean
}
export -f note alive guard end_all clean kill_stages stages
(export run rank host work top part versions loop objective=${set[objective]}
	exec setsid bash -c 'declare -A set=([objective]=$objective); guard "$1"' guard $$ </dev/null >/dev/null 2>&1 3<&-) &

# ---- watching ----
# The word comes to rank 0, where the student is trained; all ranks hear of it when they meet.
ask_to_end() {
	local pid caught
	pid=$(cat "$work/update.pid" 2>/dev/null) || return
	caught=$(sed -n 's/^SigCgt:[[:blank:]]*/0x/p' "/proc/$pid/status" 2>/dev/null)
	[ $((${caught:-0} & 2)) -ne 0 ] && kill -INT "$pid" 2>/dev/null
}
listens=0 asked=0 grace=0
[ "$rank" != 0 ] || [ "$part" = front ] || listens=1
while kill -0 "$loop" 2>/dev/null; do
	if [ $listens = 1 ]; then
		read -r -t .2 -u 3
		[ $? -gt 128 ] || listens=0 asked=1 # the word; or nobody is left to say it
	else sleep .2; fi
	[ $asked = 0 ] || ! ask_to_end || asked=0
	read -r _ _ _ now _ <"/proc/$$/stat"
	[ "$now" = "$parent" ] || die "the launcher is gone"
	if find_failed; then grace=$((grace + (code > 128 ? 5 : 1))); fi
	[ $grace -le 50 ] || end_all
done
wait "$loop"
if find_origin; then exit $((code > 128 ? 1 : code)); fi
for s in $(stages "$part"); do [ -e "$work/$s.rc" ] || exit 1; done
