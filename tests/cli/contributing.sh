# contributing.sh -- CONTRIBUTING.md is true: the paths it names exist, and the recipes' lists hold for what is there.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
cd "$RIL_ROOT" || exit 1
# Words in backquotes that are paths: they have a slash or an ending, and no placeholder or blank.
paths=$(grep -o '`[^` ]*`' CONTRIBUTING.md | tr -d '`' | grep -E '/|^\.|\.md$|^(NEWS|LICENSE|Makefile)$' | grep -vE 'NAME|\*|^build/' | sort -u)
check "it names paths" test "$(echo "$paths" | wc -l)" -gt 50
for path in $paths; do check "CONTRIBUTING.md names $path, which does not exist" test -e "$path"; done
for target in $(grep -o '`make [^`]*`' CONTRIBUTING.md | tr -d '`' | tr ' ' '\n' | grep -E '^[a-z][a-z_.-]+$' | grep -vx make | sort -u); do
	check "CONTRIBUTING.md names make $target" grep -qE "^\.PHONY:.* ?$target( |$)" Makefile
done
for room in lib/*/; do check "CONTRIBUTING.md says what to run after touching ${room%/}" grep -qE "^\|.*\`${room%/}\`" CONTRIBUTING.md; done

# the recipes, held to what is there
has() { check "$2 has $1" grep -qF -- "$1" "$2"; }
for source in bin/ril-*.c; do
	tool=$(basename "$source" .c)
	check "man/$tool.1 is there" test -e "man/$tool.1"
	for file in man/ril.7 README.md; do has "$tool" "$file"; done
	check "a test runs $tool" grep -rqw -- "$tool" tests/cli tests/pipe
done
judges=$(sed -n 's/^\t{"\([a-z0-9-]*\)", .*ril_check_.*/\1/p' lib/score/judge/judge.c)
check "judges are found" test "$(echo "$judges" | wc -l)" -gt 10
for judge in $judges; do
	has "ril_check_${judge//-/_}(" lib/score/judge/judge.h
	check "man/ril-score.1 has $judge" grep -qE "(^|[^a-z-])${judge//-/(\\\\)?-}([^a-z-]|\$)" man/ril-score.1
	has "\"$judge\"" tests/unit/score_judges.c
done
operations=$(sed -n '/#define RIL_OPS(OP)/,/[^\\]$/p' lib/ops/ops.h | grep -o 'OP([a-z_0-9]*)' | tr -d '()' | sed 's/^OP//')
check "operations are found" test "$(echo "$operations" | wc -l)" -gt 20
for op in $operations; do
	check "lib/ops/cpu has $op" grep -rqE "ril_cpu_$op\(" lib/ops/cpu
	check "lib/ops/ops.h types $op" grep -qE "ril_op_$op\(" lib/ops/ops.h
	check "tests/ops calls $op" grep -rqE -- "->$op\(" tests/ops
done
check "LICENSE is the Apache License 2.0, unchanged" test "$(sha256sum <LICENSE)" = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30  -"
test_end
