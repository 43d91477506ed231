# netns_rig.sh -- hosts for tests that are network namespaces: `. "$RIL_ROOT/tests/netns_rig.sh"` behind ril_test.sh; netns_start N makes
# ril-1 to ril-N, each with an address of its own ($T/hosts has them, one a line) behind a bridge; its 1 says that it cannot be had here.
# netns_start N ipv6 gives them addresses of IPv6 alone, but for the loopback's; $T/hosts has their names, as no launcher takes such addresses.
# netns_cut I and netns_mend I take host I's link away and give it back; netns_on I COMMAND... runs a command on host I, netns_agent is what launchers take for ssh; all ends at the exit.
netns_start() {
	local i program own at nodad=()
	for program in ip unshare hostname tc; do command -v $program >/dev/null || { echo "no $program"; return 1; }; done
	NETNS=r$$ NET=10.$((100 + $$ / 250 % 100)).$(($$ % 250))
	own=$NET.254/24
	[ "${2-}" != ipv6 ] || own=$(printf 'fd72:696c:%x::fe/64' $(($$ % 65536))) nodad=(nodad) # there is no waiting for doubles
	trap 'netns_stop; rm -rf "$T"' EXIT
	ip link add "$NETNS" type bridge 2>"$T/said" && ip addr add "$own" dev "$NETNS" "${nodad[@]}" && ip link set "$NETNS" up || { cat "$T/said"; return 1; }
	for i in $(seq "$1"); do
		ip netns add "$NETNS-$i" 2>"$T/said" && ip link add "$NETNS.$i" type veth peer name eth0 netns "$NETNS-$i" 2>>"$T/said" || { cat "$T/said"; return 1; }
		ip link set "$NETNS.$i" master "$NETNS" up
		at=$NET.$i/24
		[ "${2-}" != ipv6 ] || at=${own/::fe/::$i}
		ip -n "$NETNS-$i" addr add "$at" dev eth0 "${nodad[@]}" && ip -n "$NETNS-$i" link set eth0 up && ip -n "$NETNS-$i" link set lo up || return 1
		if [ "${2-}" = ipv6 ]; then echo "ril-$i"; else echo "$NET.$i"; fi
	done >"$T/hosts"
	cat >"$T/agent" <<-A
		#!/bin/sh
		# [OPTION]... HOST WORD...: as ssh, a shell there runs the words
		while [ "\${1#-}" != "\$1" ]; do shift; done
		i=\${1##*[.-]}; shift
		exec ip netns exec $NETNS-\$i unshare --uts sh -c 'hostname "ril-\$1"; exec sh -c "\$2"' sh \$i "\$*"
	A
	chmod +x "$T/agent"
}
netns_on() { local i=$1; shift; ip netns exec "$NETNS-$i" unshare --uts sh -c 'hostname "ril-$1"; shift; exec "$@"' sh "$i" "$@"; }
netns_agent() { echo "$T/agent"; }
# netns_shape I RATE LOSS: what host I and its peers send each other goes so fast, as 1gbit, and of what arrives so many of a hundred packets
# are lost; by netem, or where a kernel has none by a token bucket and a filter.
netns_shape() {
	local there=(ip netns exec "$NETNS-$1")
	if "${there[@]}" tc qdisc replace dev eth0 root netem rate "$2" loss "$3%" limit 10000 2>/dev/null; then
		tc qdisc replace dev "$NETNS.$1" root netem rate "$2" loss "$3%" limit 10000
		return
	fi
	command -v nft >/dev/null || { echo "neither netem nor nft"; return 1; }
	"${there[@]}" nft delete table inet ril 2>/dev/null # of an earlier shape
	"${there[@]}" tc qdisc replace dev eth0 root tbf rate "$2" burst 128kb latency 50ms && tc qdisc replace dev "$NETNS.$1" root tbf rate "$2" burst 128kb latency 50ms || return
	[ "$3" = 0 ] || "${there[@]}" nft "add table inet ril; add chain inet ril in { type filter hook input priority 0; }; add rule inet ril in iifname eth0 numgen random mod 100 < $3 drop"
}
netns_cut() { ip link set "$NETNS.$1" down; }
# What was sent in vain says for a moment more that nobody is there, and who is started meanwhile gives up.
netns_mend() {
	ip link set "$NETNS.$1" up
	for _ in $(seq 100); do ip netns exec "$NETNS-$1" bash -c "exec 3<>/dev/tcp/$NET.254/1" 2>&1 | grep -q refused && return; sleep .1; done
}
netns_stop() {
	local i p
	for i in $(seq 9); do
		[ -e "/run/netns/$NETNS-$i" ] || continue
		for p in $(ip netns pids "$NETNS-$i"); do kill -KILL "$p" 2>/dev/null; done
		ip netns del "$NETNS-$i"
	done
	ip link del "$NETNS" 2>/dev/null
}
