# table.sh -- share/kernels.md names the kernels that there are; where they were compiled, `make kernels-table` would write it
# as it is, and fails where a kernel, a launch or a cost is missing.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}
program=$B/tests/simt/kernels logs=$B/lib/ops/cuda
if [ ! -x "$program" ]; then
	skip_all "no emulated GPU in this build: it needs g++, and is in release alone"
fi
cd "$RIL_ROOT" || exit 1
named() { sed -n '/^## What the compiler/,$s/^| `\([^`]*\)`.*/\1/p' "$1" | sort; }
launched() { RIL_SIMT_TRACE=1 "$program" | sed -n 's/^kernel\t\([^\t]*\)\t.*/\1/p' | sed 's/ril_//g' | sort -u; }
table() { scripts/kernels-table "$program" "$T"/logs/*.log >"$T/out" 2>"$T/err"; }
refused() { ! table && grep -q "$1" "$T/err" && [ ! -s "$T/out" ]; }
same() { diff "$1" "$2" >&2; }

launched >"$T/launched"
named share/kernels.md >"$T/named"
check "the table has kernels" test "$(wc -l <"$T/named")" -gt 100
check "the kernels that are launched are the table's (make kernels-table)" same "$T/named" "$T/launched"

NVCC=${NVCC:-$(PATH=$PATH:/usr/local/cuda/bin:/opt/cuda/bin command -v nvcc)}
export NVCC
mkdir "$T/logs"
[ ! -e "$B/with-cuda" ] || cp "$logs"/*.log "$T/logs"
if [ -z "$NVCC" ] || ! grep -q "'sm_86'" "$T/logs/sums.log" 2>/dev/null; then
	skip_all "kernels were not compiled, or not for all GPUs of the table"
fi
check "ptxas and the emulated GPU name the same kernels" table
named "$T/out" >"$T/made"
check "they are the table's (make kernels-table)" same "$T/named" "$T/made"
if [ "$(sed -n 's/.*nvcc \([0-9.]*\) .*/\1/p' share/kernels.md)" = "$(sed -n 's/.*nvcc \([0-9.]*\) .*/\1/p' "$T/out")" ]; then
	check "the table is what make kernels-table writes" same share/kernels.md "$T/out"
else
	skip "the table was made with another toolkit: its numbers are not compared"
fi

mv "$T/logs/sums.log" "$T/sums"
check "a kernel that was not compiled is missed" refused "add_parts_kernel is launched, and ptxas has not compiled it"
sed 's/16add_parts_kernel/16not_known_kernel/' "$T/sums" >"$T/logs/sums.log"
check "a kernel that is never launched is missed" refused "not_known_kernel (sums.cu) is compiled, and .* never launches it"
sed "/'sm_86'/,/Compile time/d" "$T/sums" >"$T/logs/sums.log"
check "a GPU it was not compiled for is missed" refused "add_parts_kernel was not compiled for sm_86"
sed 's/ 0 bytes spill stores/ 8 bytes spill stores/' "$T/sums" >"$T/logs/sums.log"
check "a spill is refused" refused "add_parts_kernel spills on sm_80"
check "and fails the build" bash -c '! scripts/kernels --spills "$1" 2>"$2" && grep -q "add_parts_kernel.* for sm_80 spills: 8 bytes stored, 0 loaded" "$2"' - "$T/logs/sums.log" "$T/err"
cp "$T/sums" "$T/logs"
real=$program program=$T/program
printf '#!/bin/sh\n"%s" | grep -v "^cost.axpy_kernel"\n' "$real" >"$program"
chmod +x "$program"
check "a cost that is not stated is missed" refused "the operation axpy: the cost of axpy_kernel is not stated"
printf '#!/bin/sh\n"%s" | grep -v "^kernel.axpy_kernel"\n' "$real" >"$program"
check "a cost without a launch is refused" refused "the operation axpy: a cost of axpy_kernel, which it does not launch"
printf '#!/bin/sh\n"%s" | head -n 30\n' "$real" >"$program"
check "half a trace is refused" refused "the logs or the trace are empty"
printf '#!/bin/sh\n"%s"\nexit 3\n' "$real" >"$program"
check "a program that fails is said" refused "program fails"
test_end
