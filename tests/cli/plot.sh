# plot.sh -- ril-plot: the metric that it shows, letters in a terminal, a picture that follows runs as they go on.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
if ! command -v gnuplot >/dev/null; then skip_all "no gnuplot"; fi
step() { # step RUN N: its metrics and its evaluation
	echo "{\"step\":$2,\"kl\":0.0$2,\"student\":{\"answer\":0.$2,\"entropy\":1.$2}}" >>"$1/metrics.jsonl"
	echo "{\"step\":$2,\"report\":{\"accuracy\":0.$2,\"captions\":{\"CIDEr\":$((9 - $2))}}}" >>"$1/eval.jsonl"
}
mkdir -p runs/one
for n in 1 2 3; do step runs/one $n; done
title() { grep -o 'Held-out [A-Za-z.]*' "$1" | head -n 1; }
expect_exit 0 ril-plot runs; check "accuracy, as nothing else is said" test "$(title runs/curves.svg)" = "Held-out accuracy"
echo '{"settings":{"metric":"captions.CIDEr"}}' >runs/one/run.json
expect_exit 0 ril-plot runs a.svg; check "the run's metric" test "$(title a.svg)" = "Held-out captions.CIDEr"
check "its numbers: the axis reaches to 8" bash -c 'grep -q "> 8<" a.svg && ! grep -q "> 8<" runs/curves.svg'
expect_exit 0 ril-plot --metric accuracy runs b.svg; check "another one" test "$(title b.svg)" = "Held-out accuracy"
expect_exit 1 ril-plot --metric=nothing.here runs c.svg; check "none of that name: which there are" grep -q "'nothing.here'; there are accuracy, captions.CIDEr" err
check "and no picture" test ! -e c.svg
COLUMNS=90 expect_exit 0 ril-plot runs/one -
check "letters: a curve and its title" bash -c 'grep -q "Held-out captions.CIDEr" out && grep -q "\*\*\*A" out'
check "within the columns" test "$(wc -L <out)" -le 90
expect_exit 2 ril-plot; expect_exit 2 ril-plot runs x.jpg; expect_exit 2 ril-plot --every x runs; expect_exit 2 ril-plot --metric 'a b' runs
expect_exit 2 ril-plot --folow runs; expect_exit 2 ril-plot --metric; expect_exit 1 ril-plot nowhere; expect_exit 1 ril-plot --follow nowhere

# what is drawn: a run's colour in every panel, single evaluations as lines with their interval, spikes marked, no text on another
mkdir -p "many/it's \`touch ran\` #1" many/steady many/single
for n in $(seq 60); do
	for r in "it's \`touch ran\` #1" steady; do
		echo "{\"step\":$n,\"kl\":$(if [ "$n" = 40 ] && [ "$r" = steady ]; then echo 80; else echo 0.$((n % 7 + 1)); fi),\"student\":{\"answer\":0.$((n % 9)),\"similarity\":0.5,\"entropy\":1.$((n % 9))},\"teacher\":{\"answer\":0.8,\"similarity\":0.9,\"entropy\":1}}" >>"many/$r/metrics.jsonl"
		echo "{\"step\":$n,\"before\":{\"accuracy\":0.$((n % 3 + 6))},\"saturation\":0.01}" >>"many/$r/disc.jsonl"
	done
done
score() { echo "{\"step\":$1,\"report\":{\"accuracy\":$2,\"scores\":[{\"source\":\"student\",\"type\":\"all\",\"low\":$3,\"high\":$4}]}}"; }
{ score 0 0.4 0.35 0.45; score 60 0.6 0.55 0.65; } >many/steady/eval.jsonl
echo '{"step":60,"loss":1}' >many/single/metrics.jsonl; score 60 0.5 0.45 0.55 >many/single/eval.jsonl
expect_exit 0 ril-plot many m.svg
check "nothing in a name is run" test ! -e ran
check "but shown" grep -q "it&apos;s \`touch ran\` #1\|it's \`touch ran\` #1" m.svg
check "six panels with units" test "$(grep -oE '>(share right|mean a response|nats a token|share of responses)<|> ?(share right|mean a response|nats a token|share of responses)' m.svg | wc -l)" = 6
check "a spike that would make all else flat is told" grep -q 'marks on top: up to 80' m.svg
check "intervals, of the single evaluation too" test "$(grep -c "fill-opacity='0.15'\|fill-opacity = '0.15'\|fill-opacity:0.15" m.svg)" -ge 2
expect_exit 0 ril-plot many m.png; check "a picture of points" bash -c 'head -c 4 m.png | grep -q PNG'
if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then
	expect_exit 0 timeout 100 python3 "$RIL_ROOT/tests/cli/plot_browser.py" m.svg
	passed=$((passed + $(grep -c '^ok ' out)))
else skip "no browser (chromium-driver): texts were not measured"; fi

# while runs go on: before the first metrics there is nothing; half a line does no harm
mkdir later
ril-plot --follow --every 0.1 later l.svg >said 2>&1 & pid=$!
sleep .3; check "nothing yet" test ! -e l.svg
seen() { local i; for i in $(seq 100); do [ -e l.svg ] && grep -q "> $1<" l.svg && return; sleep .1; done; return 1; }
mkdir later/run; step later/run 1; step later/run 2
check "the first steps" seen 2
printf '{"step":' >>later/run/metrics.jsonl; sleep .3
check "it goes on" kill -0 $pid
sed -i '$d' later/run/metrics.jsonl; for n in 3 4 5 6; do step later/run $n; done
check "further steps" seen 6
kill $pid; wait $pid; rc=$?
check "ends well when it is told to: $rc $(cat said)" test $rc = 0
check "says once where the picture is" test "$(cat said)" = l.svg
test_end
