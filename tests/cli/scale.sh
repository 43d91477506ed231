# scale.sh -- ril-scale: its table against the formulas by hand, the limits that any model has, a plan's bytes, measured rows, the
# picture, and what it refuses.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
set -u
cd "$T" || exit 1
PATH="$RIL_ROOT/scripts:$PATH"
if ! command -v python3 >/dev/null; then skip_all "no python3"; fi
says() { check "says '$1': $(tail -n 1 "$T/err")" grep -qF -- "$1" "$T/err"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN {d = a - b; exit !(d * d <= 1e-9 * b * b + 1e-24)}'; }
# field NAME ROW FILE: of a table's row, the first after the names being 1
field() { awk -F'\t' -v f="$1" -v r="$2" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == f) c = i} NR == r + 1 {print $c}' "$3"; }
is() { local got; got=$(field "$2" "$3" out); check "$1: $got, not $4" near "$got" "$4"; }
by_hand() { awk "BEGIN {printf \"%.12g\", $1}"; }
S() { ril-scale --gradients 8e6 --weights 4e6 --group .01 --fixed .002 --optimizer .004 --batch 64 --bandwidth 2 --latency 10 "$@"; }

# ---- by hand: 8 ranks, of one node; seconds, bytes ----
expect_exit 0 S --ranks 1,8 --no-overlap --bucket 100
is "one rank" step_s 1 "$(by_hand '.002 + .64 + .004')"
is "which sends nothing" sent_bytes 1 0
rs='7 * (10e-6 + 1e6 / 2e9)' ag='7 * (10e-6 + .5e6 / 2e9)'
is "zero-1" step_s 2 "$(by_hand ".002 + .08 + .0005 + $rs + $ag")"
is "what it sends" sent_bytes 2 "$(by_hand '7 / 8 * 12e6')"
is "all of it exposed" exposed_s 2 "$(field exchange_s 2 out)"
expect_exit 0 S --ranks 8 --no-overlap --bucket 100 --layout replicated
is "replicated" step_s 1 "$(by_hand ".002 + .08 + .004 + 2 * $rs")"
expect_exit 0 S --ranks 8 --no-overlap --bucket 100 --layout zero-3 --read 6e6
is "zero-3" step_s 1 "$(by_hand ".002 + .08 + .0005 + $rs + 2 * 7 * (10e-6 + .75e6 / 2e9)")"
is "what it sends" sent_bytes 1 "$(by_hand '7 / 8 * (8e6 + 2 * 6e6)')"
expect_exit 0 S --ranks 16 --per-node 4 --node-bandwidth 4 --node-latency 30 --no-overlap --bucket 100
is "four nodes" exchange_s 1 "$(by_hand '3 * (10e-6 + 2e6 / 2e9) + 3 * (30e-6 + 2e6 / 4 / 1e9) + 3 * (10e-6 + 1e6 / 2e9) + 3 * (30e-6 + 1e6 / 4 / 1e9)')"

for n in 4 8 16; do # two, one and half a processor each
	expect_exit 0 S --ranks 8 --no-overlap --bucket 100 --processors $n
	is "8 ranks on $n processors" step_s 1 "$(by_hand "(.002 + .08 + .0005) * ($n < 8 ? 8 / $n : 1) + $rs + $ag")"
done
expect_exit 0 S --ranks 16 --per-node 4 --no-overlap --bucket 100 --processors 2
is "of each node" compute_s 1 "$(by_hand '2 * (.002 + .04)')"

# ---- limits ----
expect_exit 0 S --ranks 1,2,4,8,16,64 --bandwidth 1e9 --latency 0 --fixed 0 --layout zero-2
check "a free network scales in proportion" awk -F'\t' 'NR > 1 && ($14 < .999999 || $14 > 1.000001) {bad = 1} END {exit bad}' out
expect_exit 0 S --ranks 2,4,8,16,32,64 --bandwidth .2,2 --bucket 1; cp out overlapped
expect_exit 0 S --ranks 2,4,8,16,32,64 --bandwidth .2,2 --bucket 1 --no-overlap
check "overlap helps, and is no more than the longer of both" awk -F'\t' '
	NR == FNR {step[FNR] = $12; exposed[FNR] = $10; next} FNR > 1 {n++; if (!(step[FNR] < $12 && exposed[FNR] > 0 && step[FNR] >= $9)) bad = 1} END {exit bad || n != 12}' overlapped out
expect_exit 0 S --ranks 8 --weak --batch 8
is "weak scaling: the batch is each rank's" groups_per_s 1 "$(by_hand "64 / $(field step_s 1 out)")"
expect_exit 0 S --ranks 8 --by key; key=$(field groups 1 out)
expect_exit 0 S --ranks 8 --by key --seed 1
check "by key the largest share is larger: $key" awk -v k="$key" -v s="$(field groups 1 out)" 'BEGIN {exit !(k > 11.5 && k < 12.8 && s != k && s > k - .3 && s < k + .3)}'

# ---- a plan, and what was measured ----
ril-update --plan -m "$RIL_ROOT/share/models/student" --ranks 5 --device-memory 1G >plan
for layout in replicated zero-1 zero-2 zero-3; do
	expect_exit 0 ril-scale --plan plan --group .01 --ranks 5 --layout $layout
	check "as many bytes as planned, $layout" near "$(awk -v l=$layout '$1 == l {print $3}' plan)" "$(field sent_bytes 1 out)"
done
printf 'ranks\tbatch\tseconds\n1\t64\t0.7\n2\t64\t0.4\n2\t32\t0.25\n' >measured.tsv
expect_exit 0 S --ranks 1,2,4 --batch 32,64 --measured measured.tsv
check "measured rows stand beside" test "$(cut -f 1,2,16 out | tail -n +2 | tr '\t\n' ' ;')" = "1 32 ;2 32 0.25;4 32 ;1 64 0.7;2 64 0.4;4 64 ;"
if command -v gnuplot >/dev/null; then
	expect_exit 0 S --ranks 1,2,4 --batch 64 --bandwidth 1,4 --measured measured.tsv --svg scale.svg -o scale.tsv
	check "a picture" grep -q 'measured, 4 GB/s' scale.svg
	check "and the table" cmp <(S --ranks 1,2,4 --batch 64 --bandwidth 1,4 --measured measured.tsv) scale.tsv
else skip "no gnuplot"; fi

# ---- what is refused ----
expect_exit 2 ril-scale --group 1; says 'either --plan, or --gradients and --weights'
expect_exit 2 S --plan plan
expect_exit 2 S --ranks 0; expect_exit 2 S --ranks 1,x; expect_exit 2 S --bandwidth -1; expect_exit 2 S --backward 1.1
expect_exit 2 S --ranks 12 --per-node 8; says 'do not fill whole nodes'
expect_exit 2 S --processors -1; says 'less than none'
expect_exit 2 S --svg x.gif; says 'neither .svg nor .png'
expect_exit 1 ril-scale --plan nowhere --group 1; says 'nowhere'
ril-update --plan -m "$RIL_ROOT/share/models/student" --ranks 1 >alone
expect_exit 1 ril-scale --plan alone --group 1; says 'alone: not the plan of two ranks or more'
printf 'ranks\tseconds\n2\tmuch\n' >bad.tsv; expect_exit 1 S --measured bad.tsv; says 'bad.tsv: line 2: not numbers'
printf 'a\tb\n' >bad.tsv; expect_exit 1 S --measured bad.tsv; says 'no columns named ranks and seconds'
test_end
