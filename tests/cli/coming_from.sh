# coming_from.sh -- ril-coming-from(7): every setting that it says is ours is an option of that tool, and every name that it says is TRL's is
# a field there (with trl and peft in $PYTHON).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
PATH=$RIL_ROOT/scripts:$PATH
cd "$T" || exit 1
page=$RIL_ROOT/man/ril-coming-from.7
# rows SECTION: theirs, a tab, ours
rows() {
	sed -e 's/\\:\|\\&//g; s/\\-/-/g; s/\\(aq//g' "$page" | awk -v section=".SS $1" '/^\.S[SH]/ { on = $0 == section }
		on && /^T\{/ { cell = ""; next } on && /^T\}\tT\{/ { theirs = cell; cell = ""; next } on && /^T\}$/ { print theirs "\t" cell; next }
		on && !/^\./ { cell = cell (cell == "" ? "" : " ") $0 }'
}
: >options
for tool in "$RIL_ROOT"/bin/ril-*.c; do tool=$(basename "$tool" .c); "$tool" --list-options | awk -F '\t' -v t="$tool" '{ if ($1 != "") print t, $1; if ($2 != "-") print t, "-" $2 }'; done >>options
ril-train --help | awk 'match($0, /^ +--?[a-z-]+/) { o = substr($0, RSTART, RLENGTH); gsub(/ /, "", o); print "ril-train", o } /^  --encode ARGS/ { gsub(/ARGS|,/, ""); for (i = 1; i <= NF; i++) if ($i ~ /^--/) print "ril-train", $i }' >>options
for section in TRL verl ms-swift; do
	rows $section >rows
	check "$section: $(wc -l <rows) rows" test "$(wc -l <rows)" -ge 29
	while IFS=$'\t' read -r theirs ours; do
		tool='' named=0
		for word in ${ours//[,;:]/ }; do
			case $word in
			ril-*) tool=$word; check "$section, $theirs: $tool is a tool" command -v "$tool" >/dev/null; named=1 ;;
			-*) check "$section, $theirs: $tool has $word" grep -qxF -e "$tool $word" options ;;
			esac
		done
		[ "$named" = 1 ] || check "$section, $theirs: says what it is: $ours" grep -qE '^(part of|never|always|last_round|of on-policy|token_truncate|sequence|false|zero1|the whole batch|token)' <<<"$ours"
	done <rows
done
objectives=$(ril-update --list-options | awk -F '\t' '$1 == "--objective" { print $4 }' | tr '|' '\n')
for name in dr-grpo dapo cispo gspo rloo reinforce++ reinforce++-baseline; do
	check "$name is an objective, and on the page" test "$(grep -cxF "$name" <<<"$objectives")$(sed 's/\\-/-/g' "$page" | grep -cF "$name" | sed 's/^[1-9][0-9]*/+/')" = 1+
done

python=${PYTHON:-python3}
"$python" -c 'import trl, peft' 2>/dev/null || skip_all "TRL's names: no trl in $python"
rows TRL | cut -f 1 | tr -d ' ' | tr , '\n' | grep . >names
"$python" - names >unknown 2>/dev/null <<'END'
import dataclasses, inspect, sys
import peft, trl
known = set(inspect.signature(trl.GRPOTrainer.__init__).parameters)
for kind in (trl.GRPOConfig, trl.ModelConfig, peft.LoraConfig): known |= {f.name for f in dataclasses.fields(kind)}
try: from trl.experimental.gkd import GKDConfig
except ImportError: from trl import GKDConfig
known |= {f.name for f in dataclasses.fields(GKDConfig)}
print(*[n for n in open(sys.argv[1]).read().split() if n not in known], sep="\n")
print("looked at", len(known) > 100)
END
check "TRL has them all: $(head -n -1 unknown | paste -sd ' ')" test "$(tr -d '\n' <unknown)" = "looked at True"
test_end
