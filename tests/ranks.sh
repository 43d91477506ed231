# ranks.sh -- runs of ril-train on several ranks, for the tests of them: what they train, whether two are alike, who is still there.
# `. "$RIL_ROOT/tests/ranks.sh"` behind ril_test.sh and mpi.sh, in $T.
PATH="$RIL_ROOT/scripts:$PATH"
STEPS=4
. "$RIL_ROOT/tests/imitation_run.sh"
# What runs begin with; $settings of a run with them.
prepare_runs() {
	local m=$RIL_ROOT/share/models
	prepare_imitation 6 || return
	settings=(--student "$m/student" --disc disc --data data/q.jsonl --cache cache.jsonl --batch 6 -n 2 --max-new-tokens 20 --save-every 1 --keep 0 --seed 3
		--threads 1 --update "--lr 1e-4 --eps 1e-5 --beta 0.01 --mu 2" --discriminate "--lr 1e-4 --eps 1e-5" --rollout --batch-invariant)
}
on() { echo "--launcher mpirun --mpirun $(mpirun_of "$1") --ranks $2"; } # on LIB RANKS
train() { timeout -k 5 "${most:-90}" ril-train -q "$@"; }
# alike A B MOST: the metrics of two runs, step by step
alike() {
	local s f
	for f in metrics disc; do
		for s in $(seq $STEPS); do
			close <(sed -n "${s}p" "$1/$f.jsonl") <(sed -n "${s}p" "$2/$f.jsonl") "$3" 0.1 || { echo "$f, step $s"; return 1; } >&2
		done
	done
}
# running MARK [WORD]: processes, but zombies, with RIL_TEST_MARK=$T/MARK in their environment and the word in their command line
running() {
	local p
	grep -lazx "RIL_TEST_MARK=$T/$1" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ p _; do
		grep -qs 'State:.Z' "/proc/$p/status" && continue
		if [ $# -eq 1 ] || { tr '\0' ' ' <"/proc/$p/cmdline" | grep -q -- "$2"; } 2>/dev/null; then echo "$p"; fi
	done
}
# eldest: of the processes named on stdin the one whose parent is not among them (not the least: numbers begin anew after 32,768)
eldest() {
	local p pids parent
	pids=$(cat)
	for p in $pids; do
		parent=$(awk '$1 == "PPid:" { print $2 }' "/proc/$p/status" 2>/dev/null)
		[ -z "$parent" ] || grep -qx "$parent" <<<"$pids" || echo "$p"
	done | head -n 1
}
began() { for _ in $(seq 300); do [ -e "$1" ] && return; sleep .1; done; return 1; } # half a minute at most
# gone_by MARK SECONDS: all of them are gone by then
gone_by() {
	local until=$((SECONDS + $2))
	while [ -n "$(running "$1")" ]; do
		[ $SECONDS -lt $until ] || { running "$1" | while read -r p; do tr '\0' ' ' <"/proc/$p/cmdline" | cut -c 1-150; echo; done >&2; return 1; }
		sleep .1
	done
}
# fake_tools TOOL: a folder of the tools for RIL_BIN, of which TOOL is a script (stdin) that knows its rank as $rank and what was meant as `real`
fake_tools() {
	local tool
	rm -rf fake; mkdir fake
	for tool in "$RIL_BIN"/ril-*; do ln -s "$tool" fake; done
	rm "fake/$1"
	{ printf '#!/bin/bash\nrank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK-}}\nreal() { exec -a %s "%s/%s" "$@"; }\n' "$1" "$RIL_BIN" "$1"; cat; } >"fake/$1"
	chmod +x "fake/$1"
}
