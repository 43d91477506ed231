# install.sh -- what `make install` installs is all there and works from its place, without the source tree; and the
# example filter builds against the installed headers and library alone.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
S=$RIL_ROOT/share/examples/sample.ril
unset MAKEFLAGS MFLAGS MAKELEVEL
# two places: as a packager installs, and as a user does
expect_exit 0 make -s -C "$RIL_ROOT" install MODE=release DESTDIR="$T/package" PREFIX=/opt/ril
expect_exit 0 make -s -C "$RIL_ROOT" install MODE=release DESTDIR= PREFIX="$T/user"
P=$T/user
# pkg-config files name where they will be, not where the packager put them
check "both have the same files" test "$(cd "$T/package/opt/ril" && find . | sort)" = "$(cd "$P" && find . | sort)"
check "the .pc file names PREFIX alone" grep -qx 'prefix=/opt/ril' "$T/package/opt/ril/lib/pkgconfig/ril-stream.pc"

# everything
source_tree=$RIL_ROOT; unset RIL_ROOT RIL_BIN
PATH=$P/bin:$(printf '%s' "$PATH" | tr : '\n' | grep -vxF "$source_tree/bin" | tr '\n' :)/usr/bin:/bin
cd "$T" || exit 1
for source in "$source_tree"/bin/ril-*.c; do
	tool=$(basename "$source" .c)
	check "$tool is installed" test "$(command -v "$tool")" = "$P/bin/$tool"
	expect_exit 0 "$tool" --version
	check "$tool's man page" test -s "$P/share/man/man1/$tool.1"
	check "$tool's completion is found by its name" test -e "$P/share/bash-completion/completions/$tool"
done
for page in ril-card.1 ril-plot.1 ril-report.1 ril-reproduce.1 ril-table.1 ril-train.1 ril-stream.5 ril.7; do
	check "man page $page" test -s "$P/share/man/man${page##*.}/$page"
done
for script in "$source_tree"/scripts/ril-*; do check "${script##*/} is installed" test -x "$P/bin/${script##*/}"; done
check "man pages name no folder of sources" bash -c "! grep -l '[$]RIL_ROOT' '$P'/share/man/man?/*"
for file in $(cat "$P"/share/man/man?/* | sed 's/\\-/-/g' | grep -o "$P/share/ril/[a-z0-9._/-]*[a-z0-9]" | sort -u); do
	check "$file, which a man page names, is there" test -e "$file"
done
check "a packager's pages name PREFIX alone" grep -q '=/opt/ril/share/ril/models' "$T/package/opt/ril/share/man/man7/ril.7"
check "completions load" . "$P/share/bash-completion/completions/ril-score"
check "and complete" test "$(complete -p ril-score | wc -l)" = 1
check "the licence is there" cmp -s "$source_tree/LICENSE" "$P/share/doc/ril/LICENSE"

# at work, with the installed models and prompts
M=$P/share/ril/models
expect_exit 0 ril-scenes -q -o data --prefix q -n 6 --seed 3
expect_exit 0 bash -c "set -o pipefail; ril-encode -q -m '$M/student' --image-root data --batch 3 data/q.jsonl |
	ril-rollout -q -m '$M/student' -n 2 --max-new-tokens 4 | ril-score -q -o scored.ril"
expect_exit 0 ril-inspect --check scored.ril
cat >config.json <<'END'
{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8,
 "num_attention_heads": 1, "num_hidden_layers": 1, "num_key_value_heads": 1, "vocab_size": 512, "hidden_act": "silu",
 "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 4096, "tie_word_embeddings": false,
 "torch_dtype": "float32"}
END
expect_exit 0 ril-init -q --config config.json --train-tokenizer config.json --vocab 290 -o judge
expect_exit 0 ril-score -q --judge llm:judge --judge-tokens 4 --judge-retries 0 -i scored.ril -o /dev/null # finds its prompt
expect_exit 0 ril-train --run runs/one --student "$M/student" --data data/q.jsonl --eval data/q.jsonl --objective dr-grpo --steps 1 --batch 3 -n 2 \
	--max-new-tokens 4
check "ril-train leaves a student" test -e runs/one/current/student/config.json
expect_exit 0 ril-table runs
check "ril-table has a row of it" grep -q one "$T/out"

# a filter in C
H=$P/include/ril
check "headers are installed" test -s "$H/stream/stream.h" -a -s "$H/base/mem.h" -a -s "$H/tensor/safetensors.h"
check "private ones are not" test -z "$(find "$H" -name '*_internal.h')"
check "the library needs no operations" bash -c "! nm -u '$P/lib/libril-stream.a' | grep -iE 'cblas|openblas|ril_op'"
built() { # built PREFIX OUTPUT FLAG...: builds the example in an empty folder, against what PREFIX has
	local pkg="$1/lib/pkgconfig" out=$2; shift 2
	mkdir -p "$T/alone" && cp "$P/share/ril/examples/ril-keep.c" "$T/alone" &&
		(cd "$T/alone" && PKG_CONFIG_PATH=$pkg && export PKG_CONFIG_PATH &&
			flags=$(pkg-config "$@" --cflags --libs ril-stream) && cc -Wall -Wextra -Werror ril-keep.c -o "$out" $flags)
}
if command -v pkg-config >/dev/null; then
	check "the filter builds" built "$P" "$T/keep"
	check "and from a package that was moved" built "$T/package/opt/ril" "$T/keep2" --define-prefix
	check "version" test "$(PKG_CONFIG_PATH=$P/lib/pkgconfig pkg-config --modversion ril-stream)" = "$(cat "$source_tree/VERSION")"
	for header in $(cd "$H" && find . -name '*.h' | sort); do
		check "$header compiles alone" bash -c "echo '#include \"${header#./}\"' | cc -I'$H' -I/usr/include/cjson -x c -fsyntax-only -"
	done
	groups() { ril-inspect --json "$1" | jq -s 'map(select(.kind == "group")) | length'; }
	for program in keep keep2; do
		expect_exit 0 bash -c "'$T/$program' reward.answer -1 2 <scored.ril >all.ril"
		expect_exit 0 bash -c "'$T/$program' reward.answer 2 3 <scored.ril >none.ril"
		expect_exit 0 ril-inspect --check all.ril
		expect_exit 0 ril-inspect --check none.ril
		check "$program keeps what lies in the range" test "$(groups all.ril)" = 6 -a "$(groups none.ril)" = 0
		check "$program stands in the lineage" bash -c "ril-inspect --head all.ril | grep -q ril-keep"
	done
	expect_exit 1 bash -c "'$T/keep' no.such.field 0 1 <scored.ril >x.ril"
	check "a field that is not there is named" grep -q 'ril-keep: .*no.such.field' "$T/err"
	expect_exit 3 bash -c "head -c 5000 scored.ril | '$T/keep' reward.answer 0 1 >x.ril"
else
	skip "pkg-config is not here"
fi
test_end
