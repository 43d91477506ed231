# slurm_rig.sh -- a Slurm of one node for tests: `. "$RIL_ROOT/tests/slurm_rig.sh"` behind ril_test.sh; slurm_start, whose 1 says that it
# cannot be had here and prints why; slurm_stop is called at the exit.
# It has 64 processors and 8 GPUs that are not there; nothing is pinned or limited.  All of it is in $T and runs as this user.
slurm_start() {
	local program host port
	for program in munged slurmctld slurmd sbatch srun; do command -v "$program" >/dev/null || { echo "no $program"; return 1; }; done
	host=$(hostname -s) S=$T/slurm port=$((20000 + $$ % 20000))
	mkdir -p "$S/state" "$S/spool"
	export SLURM_CONF=$S/slurm.conf
	(umask 077; head -c 64 /dev/urandom >"$S/munge.key")
	cat >"$SLURM_CONF" <<-C
		ClusterName=ril
		SlurmctldHost=$host(127.0.0.1)
		SlurmctldPort=$port
		SlurmdPort=$((port + 1))
		SlurmUser=$(id -un)
		SlurmdUser=$(id -un)
		AuthType=auth/munge
		AuthInfo=socket=$S/munge.socket
		StateSaveLocation=$S/state
		SlurmdSpoolDir=$S/spool
		SlurmctldPidFile=$S/slurmctld.pid
		SlurmdPidFile=$S/slurmd.pid
		SlurmctldLogFile=$S/slurmctld.log
		SlurmdLogFile=$S/slurmd.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		MpiDefault=none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU
		SlurmdParameters=config_overrides
		GresTypes=gpu
		ReturnToService=2
		SchedulerParameters=sched_interval=1,batch_sched_delay=0
		NodeName=$host NodeAddr=127.0.0.1 CPUs=64 RealMemory=1000000 Gres=gpu:8 State=UNKNOWN
		PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
	C
	echo "NodeName=$host Name=gpu Count=8 File=/dev/tty[0-7]" >"$S/gres.conf"
	if [ -e /sys/fs/cgroup/memory ]; then echo "CgroupPlugin=cgroup/v1"; else printf 'CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\n'; fi >"$S/cgroup.conf"
	trap 'slurm_stop; rm -rf "$T"' EXIT
	munged --force --key-file="$S/munge.key" --socket="$S/munge.socket" --pid-file="$S/munge.pid" --log-file="$S/munge.log" \
		--seed-file="$S/munge.seed" 2>"$S/said" && slurmctld -c 2>>"$S/said" && slurmd 2>>"$S/said"
	for _ in $(seq 100); do
		[ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && return
		sleep .2
	done
	cat "$S/said" "$S/slurmd.log" "$S/slurmctld.log" 2>/dev/null | grep -i 'error\|fatal' | tail -n 1
	return 1
}
slurm_stop() {
	local p
	[ -e "${S:-}/slurmctld.pid" ] && scancel --user="$(id -un)" 2>/dev/null
	for p in slurmd slurmctld munge; do [ -e "${S:-}/$p.pid" ] && kill "$(cat "$S/$p.pid")" 2>/dev/null; done
	sleep .5
}
# slurm_wait JOB: until it and its tasks have ended, two minutes at most; fails unless all completed.
slurm_wait() {
	local state
	for _ in $(seq 600); do
		state=$(scontrol show job "$1" 2>/dev/null | grep -o 'JobState=[A-Z_]*' | sort -u)
		case $state in *PENDING* | *RUNNING* | *COMPLETING* | *CONFIGURING*) sleep .2 ;; *) break ;; esac
	done
	[ "$state" = JobState=COMPLETED ]
}
