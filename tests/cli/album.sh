# album.sh -- ril-scenes --album: questions that the shown files bear out, parts that share no label, the same bytes again; a small
# album made here, and the photographs of Debian's tuxpaint-stamps-default where they are installed.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
all=count,exists,compare,caption,name,kind,what,side
holds() { jq "$@" >jq.out; }
sum() { (cd "$1" && find . -type f | sort | xargs sha256sum | sha256sum); }
width() { od -An -tu1 -j 16 -N 4 "$1" | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }'; }

# Labels of an album's pictures, found another way than the tool does: PATH TAB LABEL lines.
reserved=one,two,three,four,no,yes,fewer,equal,more,left,right,above,below,top,bottom,and,or,then,a,an,the,about,answer,are,at,count,for,has,i,is,kind
reserved=$reserved,looked,looking,number,of,picture,pictures,place,say,see,shows,there,they,to,way,went
labels() {
	(cd "$1" && find . -name '*.png' | sed 's|^\./||' | while read -r f; do
		stem=${f%.png}; stem=${stem%_flip}; stem=${stem%_mirror}
		printf '%s\t%s\t%s\n' "$f" "${stem##*/}" "$(head -n 1 "$stem.txt" 2>/dev/null | tr -d '\r')"
	done) | jq -rR --arg reserved "$reserved" 'def words: [match("[a-z]+"; "g").string];
		def fit: length > 0 and length <= 4 and all(.[]; . as $w | $reserved | split(",") | index($w) | not);
		split("\t") as [$f, $name, $text] | ($text | ascii_downcase | sub("[.!?].*"; "")) as $said
		| ($said | if test("^(a|an|the) [a-z -]+$") then sub("^[a-z]+ "; "") | words elif test("^[a-z]+$") then [.] else [] end) as $t
		| ($name | ascii_downcase | words | map(select(length > 1))) as $n
		| if $t | fit then $t elif $n | fit then $n else empty end | "\($f)\t\(join(" "))"' | sort
}
# borne_out LINES LABELS: every line's answer, from the files that it says are shown.
borne_out() {
	jq -en --rawfile texts "$2" '
	($texts | split("\n") | map(select(. != "") | split("\t") | {(.[0]): .[1]}) | add) as $labels
	| def kinds: [.shown[] | select(. != null) | split("/")[0]];
	def place: {"top left": 0, "top right": 1, "bottom left": 2, "bottom right": 3};
	def number: [null, "one", "two", "three", "four"];
	def order($x; $y): if $x < $y then "fewer" elif $x == $y then "equal" else "more" end;
	def there($k): [kinds[] | select(. == $k)] | length;
	def cell($k): .shown | map(. != null and (split("/")[0] == $k)) | index(true);
	def good: . as $l
		| if .type == "count" then
			(.question | capture("^how many pictures (of (?<k>[a-z]+) )?are there\\?$")) as $q
			| .answer == number[if $q.k then there($q.k) else kinds | length end]
		elif .type == "kind" then
			(.question | capture("^which kind is at the (?<p>.*)\\?$")) as $q | .answer == (.shown[place[$q.p]] | split("/")[0])
		elif .type == "exists" then
			(.question | capture("^do you see ((?<a>an?) )?(?<k>.*)\\?$")) as $q
			| .answer == (if (if $q.a then [.shown[] | select(. != null) | $labels[.]] | any(. == $q.k) else there($q.k) > 0 end) then "yes" else "no" end)
		elif .type == "compare" then
			(.question | capture("^compare (?<x>[a-z]+) with (?<y>[a-z]+)\\.$")) as $q | .answer == order(there($q.x); there($q.y))
		elif .type == "side" then
			(.question | capture("^on which side of the (?<x>[a-z]+) do you find the (?<y>[a-z]+)\\?$")) as $q
			| (cell($q.x)) as $x | (cell($q.y)) as $y | there($q.x) == 1 and there($q.y) == 1
			and .answer == {"1": "right", "-1": "left", "2": "below", "-2": "above"}[($y - $x) | tostring]
		elif .type == "caption" then .answer == (kinds | join(", "))
		elif .type == "name" then (.answers | sort) == (kinds | unique)
		else
			(.question | capture("^which is at the (?<p>[a-z]+ [a-z]+): an? (?<o>.*)\\?$")) as $q
			| .shown[place[$q.p]] as $f | ($q.o | gsub(" or an? "; ", ") | gsub(", an? "; ", ") | split(", ")) as $o
			| $o == .choices and ($o | unique | length) == 3 and .answer == $labels[$f]
		end;
	[inputs] as $all | [$all[] | select(good | not)] as $bad | ($bad[:3][] | debug) // null
	| ($bad | length) == 0 and ($all | length) > 100' "$1" >/dev/null
}
# The judge takes every answer of a teacher that is always right, and none of one that never is.
judged() { # judged DATA ANSWERS
	ril-encode -q -m "$M" --batch "$(wc -l <"$1")" --steps 1 "$1" | ril-teach -q --cache "$2" -n 3 --tokenizer "$M" --max-new-tokens 200 |
		ril-score -q --report json | jq -c '.scores | map(.score) | unique'
}

# ---- an album made here: six files a kind, three things each, one of them mirrored and two without a text ----
ril-scenes -q -o shapes -n 18 --seed 3 --families colour
i=0
for kind in beasts dishes tools; do
	mkdir -p "mine/$kind/deep" "mine/$kind/drawn"
	for name in "deep/a_$kind" "deep/b_$kind" c_fine2 c_fine2_mirror drawn/d e; do
		cp "shapes/pictures/scene-0000$(printf %02d $i).png" "mine/$kind/$name.png"; i=$((i + 1))
	done
	printf 'A Red-%s.\nde.utf8=Ein rotes.\n' "$kind" >"mine/$kind/deep/a_$kind.txt"
	printf 'An old %s!\r\n' "$kind" >"mine/$kind/deep/b_$kind.txt"
	printf 'Look at the picture of this.\n' >"mine/$kind/e.txt"
	printf 'A drawing.\n' >"mine/$kind/drawn/d.txt"
	printf 'nothing\n' >"mine/$kind/deep/notes.dat"
done
labels mine >mine.labels
expect_exit 0 ril-scenes -q -o mine-data -n 400 --album mine --families $all --seed 4
check "its answers are borne out" borne_out mine-data/scene.jsonl mine.labels
check "eight families, fifty each" test "$(jq -r .type mine-data/scene.jsonl | sort | uniq -c | awk '{ print $1 }' | uniq)" = 50
check "a text's label: $(jq -r '.choices | .[]' mine-data/scene.jsonl | sort -u | paste -sd ,)" grep -q '"red beasts"' mine-data/scene.jsonl
check "a file's name where there is no text" grep -q '"fine"' mine-data/scene.jsonl
check "words of other kind of text are no labels" bash -c '! grep -qi "look\|rotes" <(jq -c .choices mine-data/scene.jsonl)'
check "a cell is 24 pixels" test "$(width mine-data/pictures/scene-000000.png)" = 48
expect_exit 0 ril-scenes -q -o again -n 400 --album mine --families $all --seed 4 --threads 1
check "the same seed, the same bytes" test "$(sum mine-data)" = "$(sum again)"
expect_exit 0 ril-scenes -q -o other -n 400 --album mine/../mine/ --families $all --seed 5 --cell 8
check "another seed, others" test "$(sum mine-data)" != "$(sum other)"
check "and cells as small as told" test "$(width other/pictures/scene-000000.png)" = 16
check "paths begin below the album's folder" test "$(jq -r '.shown[] | select(. != null) | split("/")[0]' other/scene.jsonl | sort -u | paste -sd ,)" = beasts,dishes,tools
expect_exit 0 ril-scenes -q -o few -n 60 --album mine --kinds tools,beasts --without deep,drawn
check "kinds asked for, folders left out" test "$(jq -r '.shown[] | select(. != null)' few/scene.jsonl | sort -u | paste -sd ,)" = \
	beasts/c_fine2.png,beasts/c_fine2_mirror.png,beasts/e.png,tools/c_fine2.png,tools/c_fine2_mirror.png,tools/e.png
check "asked unless told otherwise" test "$(jq -r .type few/scene.jsonl | sort -u | paste -sd ,)" = caption,compare,count,exists,kind,side
for who in right:1 wrong:0; do
	expect_exit 0 ril-scenes -q -o "${who%:*}" -n 400 --album mine --families $all --seed 4 --answers responses \
		--phrasing student,teacher-a,teacher-b --each 1 --right "${who#*:}"
	check "teachers who are ${who%:*}" test "$(judged mine-data/scene.jsonl "${who%:*}/scene.jsonl")" = "[${who#*:}]"
done
expect_exit 0 ril-scenes -q -o habits -n 200 --album mine --families kind,side,caption --answers sentences --habits all
check "habits: the third kind, which has no next, is never taken for the first, the first often for the second" \
	holds -es 'map(select(.type == "kind") | (.shown as $s | {"top left": 0, "top right": 1, "bottom left": 2, "bottom right": 3}[.question[21:-1]] as $p | $s[$p] | split("/")[0])
		+ " " + (.answer | capture("shows (?<k>[a-z]+)\\.").k)) | unique == ["beasts beasts", "beasts dishes", "dishes dishes", "tools tools"]' habits/scene.jsonl

# ---- alpha, borders, odd sizes: pictures that only look otherwise in their files ----
# half-transparent black within a transparent border and grey; one pixel wide, two high, one of them clear; nothing and white
put() { mkdir -p "${1%/*}"; base64 -d <<<"$2" >"$1.png"; }
put veiled/cats/grey iVBORw0KGgoAAAANSUhEUgAAAAwAAAAMCAYAAABWdVznAAAAHUlEQVR42mMwsnFjIAUz0EcDEDTgw6Ma6KOBFAwAkLVYQRJXScIAAAAASUVORK5CYII=
put tight/cats/grey iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mOohwIGyhgAd4QfwYuWm4wAAAAASUVORK5CYII=
put veiled/cats/tall iVBORw0KGgoAAAANSUhEUgAAAAEAAAEsCAYAAAACUNnVAAAAGUlEQVR42mM4wcDwn2GUGCVGiVFilBhOBAAfDBVT7h8PUQAAAABJRU5ErkJggg==
put tight/cats/tall iVBORw0KGgoAAAANSUhEUgAAAAEAAABkCAIAAADITs03AAAAEUlEQVR42mM4wcDAMIoHDQYAXENOIZ7gXrgAAAAASUVORK5CYII=
put veiled/dogs/wide iVBORw0KGgoAAAANSUhEUgAAASwAAAACCAYAAADirOGHAAAAIUlEQVR42u3DAQkAAAgDMN+/mK3UGsIGqySl+uHpUf1wAZotGNc391ZWAAAAAElFTkSuQmCC
put tight/dogs/wide iVBORw0KGgoAAAANSUhEUgAAADIAAAABCAIAAAATs2rlAAAADklEQVR42mNgYDgxCBEAX2QnEVBwtq0AAAAASUVORK5CYII=
put veiled/dogs/clear iVBORw0KGgoAAAANSUhEUgAAAAcAAAADCAYAAABfwxXFAAAAEklEQVR42mPg5ORkwIUZyJYEAGHLAjiFGd9CAAAAAElFTkSuQmCC
put tight/dogs/clear iVBORw0KGgoAAAANSUhEUgAAAAcAAAADCAAAAAB6qEoZAAAADklEQVR42mP4DwEMaDQA+xwU7PxJTS8AAAAASUVORK5CYII=
for a in veiled tight; do
	expect_exit 0 ril-scenes -q -o $a-data -n 60 --album $a --cell 10
	check "every one is shown" test "$(jq -r '.shown[] | select(. != null)' $a-data/scene.jsonl | sort -u | wc -l)" = 4
done
check "look the same" test "$(sum veiled-data)" = "$(sum tight-data)"
put tight/cats/grey iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==
expect_exit 0 ril-scenes -q -o other-data -n 60 --album tight --cell 10
check "which another grey would not" test "$(sum veiled-data)" != "$(sum other-data)"

# ---- the photographs ----
stamps=/usr/share/tuxpaint/stamps
if [ -d $stamps/animals ]; then
	photos() { ril-scenes -q -o "$1" -n 1600 --cell 8 --album $stamps --kinds animals,food,plants,vehicles --without cartoon,toys,plastic "${@:2}"; }
	labels $stamps >stamps.labels
	expect_exit 0 photos stamps --families $all
	check "answers about photographs are borne out" borne_out stamps/scene.jsonl stamps.labels
	check "the texts' labels are those asked for: $(cut -f 2 stamps.labels | sort -u | comm -12 - <(jq -r '.choices[]' stamps/scene.jsonl | sort -u) | wc -l)" \
		test "$(cut -f 2 stamps.labels | sort -u | comm -12 - <(jq -r 'select(.type == "what") | .choices[]' stamps/scene.jsonl | sort -u) | wc -l)" -gt 100
	check "no cartoon among them" bash -c '! grep -q cartoon stamps/scene.jsonl'
	expect_exit 0 photos train --families kind,what --part train
	expect_exit 0 photos held-out --families kind,what --part held-out
	shown() { jq -r '.shown[] | select(. != null)' "$1/scene.jsonl" | sort -u; }
	check "both parts: $(shown train | wc -l) and $(shown held-out | wc -l) of $(shown stamps | wc -l)" \
		test "$(cat <(shown train) <(shown held-out) | sort | uniq -d | wc -l)" = 0
	check "a fifth or so is held out" bash -c "[ $(shown held-out | wc -l) -gt $(($(shown stamps | wc -l) / 8)) ] && [ $(shown held-out | wc -l) -lt $(($(shown stamps | wc -l) / 3)) ]"
	of() { shown "$1" | join -t "$(printf '\t')" - stamps.labels | cut -f 2 | sort -u; }
	check "no label on both sides" test "$(of train | comm -12 - <(of held-out) | wc -l)" = 0
	expect_exit 0 photos right --families $all --answers responses --phrasing student,teacher-a,teacher-b --each 1
	check "teachers who are right about photographs" test "$(judged stamps/scene.jsonl right/scene.jsonl)" = "[1]"
	expect_exit 0 photos once --part train -n 50
	expect_exit 0 photos twice --part train -n 50 --threads 1
	check "the same pictures again" test "$(sum once)" = "$(sum twice)"
else
	skip "no photographs: Debian's tuxpaint-stamps-default is not installed"
fi

# ---- mistakes ----
expect_exit 1 ril-scenes -q -o x --album nowhere; check "no folder: where to have one" grep -q "nowhere: no such folder.*apt-get install tuxpaint-stamps-default" err
expect_exit 2 ril-scenes -q -o x --album mine --kinds beasts,cars; check "no kind of this name" grep -q "no kind 'cars'" err
expect_exit 1 ril-scenes -q -o x --album mine --kinds tools; check "one kind" grep -q "pictures of two kinds.* there are 1" err
expect_exit 2 ril-scenes -q -o x --album mine --families colour; check "a family of shapes" grep -q "'colour' is not one of count, exists" err
expect_exit 2 ril-scenes -q -o x --families side; check "a family of albums" grep -q "'side' is not one of count, colour" err
for o in "--kinds tools" "--without deep" "--part train"; do
	expect_exit 2 ril-scenes -q -o x $o; check "$o without an album" grep -q "belong to --album" err
done
mkdir -p plain/left plain/cars Big/Cars Big/trees; cp mine/tools/e.png plain/left; cp mine/tools/e.png plain/cars/two.png
expect_exit 1 ril-scenes -q -o x --album plain; check "a kind called as an answer" grep -q "plain/left: a word that answers are made of" err
cp mine/tools/e.png Big/Cars; cp mine/tools/e.png Big/trees
expect_exit 1 ril-scenes -q -o x --album Big; check "a kind that is no word" grep -q "Big/Cars: a folder's name is a kind's" err
mv plain/left plain/trees
expect_exit 1 ril-scenes -q -o x --album plain --families what; check "no labels, no question" grep -q "no pictures allow a question of the family what" err
head -c 100 mine/tools/e.png >plain/cars/two.png
expect_exit 3 ril-scenes -q -o x --album plain; check "a damaged picture" grep -q "plain/cars/two.png: " err
: >plain/cars/two.png
expect_exit 3 ril-scenes -q -o x --album plain; check "an empty file" grep -q "plain/cars/two.png: empty file" err
mkdir -p round/in; ln -s .. round/in/again
expect_exit 1 ril-scenes -q -o x --album round; check "folders in a circle" grep -q "more than 16 folders within folders" err
test_end
