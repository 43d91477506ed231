# options.sh -- no option without a line in its tool's page, an example in the pages, and a test that uses it; examples that are not
# run name no option that there is not.  An option of all tools needs one example and one test with any of them; what every
# program has (help, version, quiet, and the list that this reads) needs none.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
PATH=$RIL_ROOT/scripts:$PATH
cd "$T" || exit 1
trivial='--help --version --quiet --list-options'

# plain PAGE: its text without roff
plain() { sed -e 's/\\f[BIRP]//g; s/^\\&//; s/\\(aq/'"'"'/g; s/\\-/-/g; s/\\e/\\/g; s/\\&//g' "$1"; }
# blocks PAGE: a line for each example: "run" or "shown", a tab, its lines with continuations joined and \r between them
blocks() {
	plain "$1" | awk '/^\.\\" test$/ { kind = "run"; next } /^\.EX/ { on = 1; text = ""; next }
		/^\.EE/ { print (kind ? kind : "shown") "\t" text; on = 0; kind = ""; next }
		on { gsub(/\t/, " "); more = sub(/\\$/, ""); text = text $0 (more || /\|[ \t]*$/ ? " " : "\r") }'
}
# words: of lines, a line each, those that name a tool or an option
words() { grep -oE -- '(^|[^A-Za-z0-9_-])(--?[A-Za-z][A-Za-z0-9-]*|ril-[a-z]+)' | sed 's/^[^a-z-]//' | sort -u; }
# pairs: of such words, every tool with every option
pairs() { awk '/^ril-/ { tool[$0] } /^-/ { option[$0] } END { for (t in tool) for (o in option) print t "\t" o }'; }
# options TOOL: name (or -), letter (or -)
options() {
	if [ -e "$RIL_ROOT/bin/$1.c" ]; then "$1" --list-options | awk -F '\t' '{ print ($1 == "" ? "-" : $1) "\t" $2 }'
	else "$1" --help | awk 'match($0, /^ *(usage: .*)?(-[A-Za-z],? )?\[?--?[a-z]/) { line = $0; letter = "-"
		while (match(line, /(^|[ [,])--?[a-zA-Z][a-z0-9-]*/)) { o = substr(line, RSTART, RLENGTH); sub(/^[ [,]/, "", o); line = substr(line, RSTART + RLENGTH)
			if (o ~ /^--/) { print o "\t" letter; letter = "-" } else if (length(o) == 2) letter = substr(o, 2) } }' | sort -u -k 1,1; fi
}

for page in "$RIL_ROOT"/man/*.[1-9]; do blocks "$page"; done >blocks
while IFS= read -r block; do cut -f 2- <<<"$block" | words | pairs; done <blocks | sort -u >examples
find "$RIL_ROOT/tests" -name '*.sh' -o -name '*.py' -o -name '*.c' | grep -v '/cli/options.sh$' >files
while read -r file; do grep -v '^[[:space:]]*#' "$file" | words | pairs; done <files | sort -u >tests
for page in "$RIL_ROOT"/man/ril-*.1; do
	tool=$(basename "$page" .1)
	options "$tool" | sed "s/^/$tool\t/"
done >options
check "there are options: $(wc -l <options)" test "$(wc -l <options)" -gt 500
awk -F '\t' '$1 == "ril-update" || $1 == "ril-log" { n[$2 "\t" $3]++ } END { for (o in n) if (n[o] == 2) print o }' options | grep -E '^--(device|compute|batch-invariant|seed|threads|verbose)' >common
check "some of them are of all tools" test "$(wc -l <common)" -eq 6

# has FILE TOOL NAME LETTER: the pair is there, by its name or its letter
has() { grep -qxF -e "$2	$3" -e "$2	-$4" "$1"; }
while IFS=$'\t' read -r tool name letter; do
	case " $trivial " in *" $name "*) continue ;; esac
	grep -qxF -e "$name	$letter" common && continue
	[ "$name" = - ] || check "$tool(1) tells $name" grep -qE -- "(^|[^a-z-])$name([^a-z0-9-]|$)" <(plain "$RIL_ROOT/man/$tool.1")
	check "an example of $tool with $name -$letter" has examples "$tool" "$name" "$letter"
	check "a test of $tool with $name -$letter" has tests "$tool" "$name" "$letter"
done <options
while IFS=$'\t' read -r name letter; do
	check "an example with $name" grep -qE "	($name|-$letter)$" examples
	check "a test of $name" grep -qE "	($name|-$letter)$" tests
done <common

# examples that are shown and not run
grep '^shown' blocks | cut -f 2- | tr '\r|;&<>()' '\n' | sed 's/^ *//' | grep '^ril-' >commands
check "there are such examples" test -s commands
while read -r tool rest; do
	for word in $(grep -oE -- '(^| )--[a-z][a-z0-9-]*' <<<"$rest"); do
		check "$tool has $word, as an example has it" grep -qE "^$tool	(${word}|--${word#--no-})	" options
	done
done < <(sed "s/'[^']*'//g; s/\"[^\"]*\"//g" commands)
test_end
