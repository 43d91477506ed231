# handwriting.sh -- share/recipes/handwriting: an album of the digits in a file like scikit-learn's, whole or not at all, that ril-scenes
# asks about.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
cd "$T" || exit 1
command -v python3 >/dev/null || skip_all "handwriting: no python3"
handwriting() { HOME=$T "$RIL_ROOT/share/recipes/handwriting" "$@"; }
# made FILE LINES: digits in turn, their ink a ramp
made() {
	awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) { line = ""; for (k = 0; k < 64; k++) line = line (k + i) % 17 ".0,"; print line i % 10 ".0" } }' | gzip >"$1"
}
made digits.csv.gz 200
expect_exit 0 handwriting album digits.csv.gz
check "ten kinds" test "$(ls album | paste -sd ' ')" = "eights fives fours nines ones sevens sixes threes twos zeros"
check "a picture a line" test "$(find album -name '*.png' | wc -l)" = 200
check "by its digit" test -e album/sevens/0017.png
check "more ink is darker, none is white" test "$(python3 - album/zeros/0000.png <<'P'
import struct, sys, zlib
b = open(sys.argv[1], "rb").read()
at = b.index(b"IDAT")
rows = zlib.decompress(b[at + 4:at + 4 + struct.unpack(">I", b[at - 4:at])[0]])
grey = [x for i in range(0, len(rows), 9) for x in rows[i + 1:i + 9]]
print(struct.unpack(">II", b[16:24]), grey[:17] == [255 - min(255, 16 * k) for k in range(17)], len(grey))
P
)" = "(8, 8) True 64"
expect_exit 0 ril-scenes -q -o made -n 40 --seed 3 --album album --part train
expect_exit 0 ril-scenes -q -o made -n 40 --seed 3 --album album --part held-out --prefix held-out
check "questions about kinds" grep -q 'sevens' made/scene.jsonl
expect_exit 0 handwriting again digits.csv.gz
check "the same every time" diff -r album again
made short.gz 3; { zcat short.gz; echo 1,2,3; } | gzip >odd.gz
expect_exit 1 handwriting bad odd.gz; check "a line that is none is named" grep -q 'odd.gz: line 4: not 64 numbers' "$T/err"
check "and nothing is left" test -z "$(ls -d bad* 2>/dev/null)"
expect_exit 1 handwriting bad none.gz; check "no such file" grep -q "no sklearn.*python3-sklearn" "$T/err"
expect_exit 2 handwriting
test_end
