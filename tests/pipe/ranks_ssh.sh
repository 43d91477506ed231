# ranks_ssh.sh -- ril-train --launcher ssh: hosts whose sshd the ranks are started by learn what one machine does; a host that is not there
# is named.  Open MPI starts nothing on its own machine by ssh, so the hosts are network namespaces; MPICH can be told to.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/ranks.sh"
. "$RIL_ROOT/tests/netns_rig.sh"
cd "$T" || exit 1
needs_mpi
sshd=$(command -v sshd || ls /usr/sbin/sshd 2>/dev/null)
[ -n "$sshd" ] && command -v ssh-keygen >/dev/null || skip_all "no sshd"
check "questions, answers, a discriminator" prepare_runs
port=$((20000 + $$ % 20000))
ssh-keygen -q -t ed25519 -N '' -f key && ssh-keygen -q -t ed25519 -N '' -f host && cp key.pub allowed && chmod 600 allowed
cat >sshd.conf <<C
Port $port
HostKey $T/host
AuthorizedKeysFile $T/allowed
PidFile none
UsePAM no
StrictModes no
C
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
agent="ssh -p $port -i $T/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=5"
serve() { "$@" "$sshd" -D -e -f "$T/sshd.conf" </dev/null 2>>sshd.log & servers+=($!); }
servers=()
train --run alone "${settings[@]}" --steps $STEPS
if netns_start 2 >why; then
	for i in 1 2; do serve netns_on $i; done
	hosts=$(paste -s -d , hosts)
else
	skip "no network namespaces: $(cat why)"
	serve; hosts=127.0.0.1:2 libs=$(grep -o mpich <<<"$libs")
	export HYDRA_LAUNCHER_AUTOFORK=0
fi
trap 'kill "${servers[@]}" 2>/dev/null; [ -z "${NETNS-}" ] || netns_stop; rm -rf "$T"' EXIT
one=${hosts%%,*}
for _ in $(seq 50); do $agent "${one%:*}" true 2>why && break; sleep .1; done
check "sshd lets us in: $(tail -n 1 why) $(tail -n 1 sshd.log)" $agent "${one%:*}" true
for by in $libs; do
	more=() # Hydra names the machine it runs on, which the hosts cannot resolve
	[ "$by" != mpich ] || [ -z "${NET-}" ] || more=(--launch "-localhost $NET.254")
	check "two ranks by ssh ($by)" train --run "$by" "${settings[@]}" --steps $STEPS --launcher ssh --mpirun "$(mpirun_of "$by")" --hosts "$hosts" --ranks 2 --ssh "$agent" "${more[@]}"
	check "learn the same ($by)" alike alone "$by" 1e-3
	printf '# two\n%s slots=2\n' "${one%:*}" >list
	check "hosts in a file, their slots ($by)" train --run "$by.file" "${settings[@]}" --steps 1 --launcher ssh --mpirun "$(mpirun_of "$by")" --hosts list --ssh "$agent" "${more[@]}"
	check "are the ranks ($by)" test "$(ril-train --settings "$by.file" | grep ^ranks)" = "ranks 2" -a -d "$by.file/rank-1"
	expect_exit 1 train --run "$by.gone" "${settings[@]}" --steps 1 --launcher ssh --mpirun "$(mpirun_of "$by")" --hosts "${one%:*},nowhere.invalid" --ssh "$agent" "${more[@]}"
	check "a host that is not there ($by): $(cat err)" grep -q 'nowhere.invalid cannot be reached (.*: exit 255): .*resolve' err
done
[ -n "$libs" ] || skip "no MPICH"
printf '#!/bin/sh\nfor w; do :; done\nexec sh -c "cd /; PATH=$PATH; $(echo "$w" | sed s,/run.json,/run.jsonx,)"\n' >elsewhere; chmod +x elsewhere
expect_exit 1 train --run blind "${settings[@]}" --steps 1 --launcher ssh --hosts far --ssh "$T/elsewhere"
check "a host with other folders: $(cat err)" grep -q 'far does not see .*run.json' err
test_end
