# make.sh -- `make` builds and installs nothing on the machine: what needs packages says so, `make deps` gets them, demo and
# check call it first, and nothing is touched by -n.  In a copy of the source tree, with apt-get, sudo, pkg-config and a
# compiler that only write down how they were called.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL CC
C=$T/copy S=$T/stubs
mkdir "$C" "$S"
tar -C "$RIL_ROOT" -cf - --exclude=./build --exclude=./demo --exclude=./run --exclude=./.git --exclude=./share/completions --exclude=./share/models . |
	tar -C "$C" -xf -
for source in "$C"/bin/ril-*.c; do rm -f "${source%.c}"; done
stub() { printf '#!/bin/sh\n%s\n' "$2" >"$S/$1"; chmod +x "$S/$1"; }
# Packages are there once apt-get has installed some; the flags then say so.
stub apt-get "echo apt-get \"\$@\" >>'$T/calls'; case \"\$*\" in *libcjson-dev*) touch '$T/installed' ;; esac"
stub sudo "[ \"\$1\" = -n ] && exit 0; exec env \"\$@\""
stub pkg-config "case \"\$*\" in
*--exists*stb) exit 0 ;;
*--exists*) [ -e '$T/installed' ] ;;
*--cflags*) [ -e '$T/installed' ] && echo -DFLAGS_OF_INSTALLED ;;
esac"
stub stub-cc "echo cc \"\$@\" >>'$T/compiled'; exit 1"
for tool in gnuplot jq man; do stub "$tool" 'exit 0'; done
tree() { (cd "$C" && find . -printf '%p %T@ %s\n' | sort); }
in_copy() { (cd "$C" && PATH="$S:$PATH" make CC=stub-cc "$@") >"$T/out" 2>"$T/err"; rc=$?; }
calls() { [ -e "$T/calls" ] && wc -l <"$T/calls" || echo 0; }
targets=$(sed -n 's/^\.PHONY: //p' "$RIL_ROOT/Makefile" | tr '\n' ' ')
variables=$(sed -n 's/^\([A-Z_]*\) *?=.*/\1/p' "$RIL_ROOT/Makefile")
check "the Makefile has targets and variables" test "$(echo $targets | wc -w)" -gt 15 -a "$(echo $variables | wc -w)" -gt 4

# nothing is there
tree >"$T/before"
for target in $targets; do
	in_copy -n "$target"
	check "make -n $target succeeds: $(tail -n 1 "$T/err")" test $rc -eq 0
done
for target in layers banned format help; do in_copy "$target"; check "make $target: $(tail -n 1 "$T/err")" test $rc -eq 0; done
check "make -n, layers, banned, format and help touch nothing" bash -c "cmp '$T/before' -" < <(tree)
for target in all tests headers install bin/ril-score build/release/libril.a; do
	in_copy "$target"
	check "make $target fails where packages are missing" test $rc -ne 0
	check "make $target says which" grep -q "need:.* libopenblas-dev libcjson-dev " "$T/err"
	check "make $target gives one line to type" test "$(grep -c '^please type: *make deps' "$T/err")" = 1
done
check "and has compiled and touched nothing" bash -c "[ ! -e '$T/compiled' ] && cmp '$T/before' -" < <(tree)
check "none of them asked for a package" test "$(calls)" = 0

# deps installs; demo and check do so first and then compile with the packages' flags
for target in deps demo check check-long check-quick; do
	rm -rf "$T/installed" "$T/compiled" "$T/calls" "$C/build"
	in_copy "$target"
	check "make $target installs: $(tail -n 3 "$T/err")" test -e "$T/installed"
	check "make $target names what it installs" grep -q '^installing: .*libcjson-dev' "$T/err"
	[ "$target" = deps ] || check "make $target compiles with fresh flags" grep -q -e -DFLAGS_OF_INSTALLED "$T/compiled"
	[ "$target" = deps ] || check "make $target compiles with no stale ones" bash -c "! grep -v -e -DFLAGS_OF_INSTALLED '$T/compiled'"
done
rm -f "$T/calls"
in_copy deps
check "deps has nothing to say when all is there" test $rc -eq 0 -a ! -s "$T/err"
check "and asks for nothing" test "$(calls)" = 0

# where nothing may be installed, deps gives the line and fails, and so does what calls it
rm -f "$T/installed" "$T/compiled"
stub id 'echo 1000'
stub sudo 'exit 1'
for target in deps demo check; do
	in_copy "$target"
	check "make $target fails without the right to install" test $rc -ne 0
	check "make $target gives the line" grep -q '^please type:  sudo apt-get install .*libopenblas-dev' "$T/err"
done
check "and installed and compiled nothing" test ! -e "$T/installed" -a ! -e "$T/compiled"

# help knows every target and every variable
in_copy help
for name in $targets $variables CC; do
	[ "$name" = missing ] || check "make help tells $name" grep -qE "^  $name  *[^ ]" "$T/out"
done
check "make help tells nothing else" test "$(grep -c '^  ' "$T/out")" = "$(echo $targets $variables | wc -w)" # missing is left out, CC has no ?=

# the compilation database
touch "$T/installed"
in_copy compile_commands.json
check "make compile_commands.json: $(tail -n 1 "$T/err")" test $rc -eq 0
check "it is JSON and holds every C file once" test "$(jq -r '.[].file' "$C/compile_commands.json" | sort)" = \
	"$(cd "$C" && find lib bin tests -name '*.c' | sort)"
check "with the flags of each" test "$(jq -r '.[] | select(.command | contains("-DFLAGS_OF_INSTALLED") and contains("\"'"$(cat "$C/VERSION")"'\"")) | .file' \
	"$C/compile_commands.json" | wc -l)" = "$(cd "$C" && find lib bin tests -name '*.c' | wc -l)"
check "it compiled nothing" test ! -e "$T/compiled"

# CI adds up what its checks counted; one that fails without a count, or is cut off, is one failure
printf '#!/bin/sh\nexit 1\n' >"$C/scripts/reference-env"
stub clang-format-14 'exit 0'
ci() { # ci CHECK QUICK: what the stub make runs for each; the last line is left in $T/last
	stub make "case \"\$1\" in check) $1 ;; check-quick) $2 ;; esac"
	(cd "$C" && PATH="$S:$PATH" .ci/run) >"$T/out" 2>"$T/err"; rc=$?
	tail -n 1 "$T/out" >"$T/last"
}
ci 'echo noise; echo 3 passed, 0 failed, 1 skipped' 'echo 40 passed, 0 failed, 2 skipped'
check "CI adds up: $(cat "$T/last")" test $rc -eq 0 -a "$(cat "$T/last")" = "43 passed, 0 failed, 3 skipped"
ci 'echo 3 passed, 2 failed, 1 skipped; exit 1' 'echo 40 passed, 0 failed, 2 skipped'
check "CI fails with a test: $(cat "$T/last")" test $rc -ne 0 -a "$(cat "$T/last")" = "43 passed, 2 failed, 3 skipped"
ci 'echo 3 passed, 0 failed, 1 skipped' 'echo cannot compile; exit 2'
check "CI fails with a build: $(cat "$T/last")" test $rc -ne 0 -a "$(cat "$T/last")" = "3 passed, 1 failed, 1 skipped"
ci 'exit 0' 'exit 0'
check "CI fails where nothing was counted: $(cat "$T/last")" test $rc -ne 0
test_end
