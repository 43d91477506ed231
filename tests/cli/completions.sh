# completions.sh -- bash completions know every tool's options and choices.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
check "they load" . "$RIL_ROOT/share/completions/ril.bash"
complete_words() { # complete_words TOOL WORD...: completes the last word
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	"_${1//-/_}" "$1"
	echo " ${COMPREPLY[*]} "
}
for source in "$RIL_ROOT"/bin/ril-*.c; do
	tool=$(basename "$source" .c)
	words=$(complete_words "$tool" --)
	missing=$("$tool" --list-options | cut -f 1 | while read -r o; do [[ $words == *" $o "* ]] || echo "$o"; done)
	check "$tool: $missing" test -z "$missing"
done
check "choices of an option" test "$(complete_words ril-update --objective dr)" = " dr-grpo "
check "file names elsewhere" test "$(cd "$RIL_ROOT" && complete_words ril-inspect READ)" = "$(cd "$RIL_ROOT" && echo " $(compgen -f READ) ")"
test_end
