# join.sh -- shards and ril-join: the groups of the undivided stream, byte for byte, for several numbers of shards, with and
# without barriers; through the other tools, with sampling; through FIFOs; what is refused; where RIL_SHARD and --shard env look.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
set -u
cd "$T" || exit 1
M=$RIL_ROOT/share/models
unset RIL_SHARD OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE PMI_RANK PMI_SIZE SLURM_PROCID SLURM_STEP_NUM_TASKS
says() { check "says '$1': $(tail -n 2 "$T/err")" grep -qF -- "$1" "$T/err"; }
E() { ril-encode -q -m "$M/student" "$@" data/q.jsonl; }
ril-scenes -q -o data -n 30 --prefix q --seed 6
# divide N DIR OPTION...: the stream whole and in N shards
divide() {
	local n=$1 dir=$2 i; shift 2
	mkdir -p "$dir"
	for ((i = 0; i < n; i++)); do E --shard "$i/$n" "$@" -o "$dir/$i.ril" || return; done
}
same() { check "$1" ril-inspect --diff "$2" "$3"; }
# A stream's bytes between HEAD and END; without barriers nothing in them counts HEAD in.
body() {
	local size; size=$(od -An -tu8 -N8 "$1" | tr -d ' ')
	tail -c +$((8 + size + 4 + 1)) "$1" | head -c -128
}

# ---- divided and joined ----
E --with-answers -o flat.ril
E --shuffle --seed 4 --batch 7 --epochs 2 --save-every 3 -o steps.ril
for n in 1 2 3 7; do
	check "$n shards" divide $n flat.$n --with-answers
	expect_exit 0 ril-join flat.$n/*.ril -o flat.$n.ril
	says "$n shards: 30 groups, 0 steps; 0 questions missing"
	same "$n shards joined" flat.ril flat.$n.ril
	check "$n shards: the same bytes" cmp <(body flat.ril) <(body flat.$n.ril)
	for by in key place; do
		check "$n shards by $by with barriers" divide $n "steps.$n.$by" --shuffle --seed 4 --batch 7 --epochs 2 --save-every 3 --shard-by $by
		expect_exit 0 ril-join -q -z $(ls steps.$n.$by/*.ril | sort -r) -o steps.$n.$by.ril
		same "$n shards by $by joined" steps.ril steps.$n.$by.ril
	done
done
check "by place the shards of a step are of one size" test "$(ril-inspect --json steps.7.place/3.ril | jq -c 'select(.kind == "step").metadata.groups' | sort | uniq -c | sed 's/^ *//')" = '9 "1"'
# a question's shard depends on its key alone, by the rule of ril-encode(1)
keys() { ril-inspect --json "$1" | jq -r 'select(.kind == "group").key' | sort -u; }
for i in 0 1 2; do keys steps.3.key/$i.ril >$i.keys; check "shard $i of another order" cmp $i.keys <(keys flat.3/$i.ril); done
check "by the key's SHA-256" test -z "$(for i in 0 1 2; do while read -r key; do
	h=$((16#$(printf %s "$key" | sha256sum | cut -c 9-16))) top=$((16#$(printf %s "$key" | sha256sum | cut -c 1-8)))
	echo "$i $(((top % 3 * (4294967296 % 3) + h) % 3))"; done <$i.keys; done | awk '$1 != $2')"
check "a mark stays in no joined stream" test "$(ril-inspect --json flat.3.ril | grep -c '"shard')" = 0

# more shards than questions: empty ones pass through every tool
head -n 3 data/q.jsonl >data/few.jsonl
few() { ril-encode -q -m "$M/student" --batch 2 "$@" data/few.jsonl; }
through() { ril-rollout -q -m "$M/student" -n 2 --max-new-tokens 6 | ril-score -q; }
few | through >few.ril
for i in 0 1 2 3 4 5 6; do few --shard $i/7 | through >few.$i.ril; done
check "some shards are empty" test "$(for f in few.?.ril; do ril-inspect --json "$f" | grep -c '"kind":"group"'; done | grep -cx 0)" -ge 4
expect_exit 0 ril-join -q few.?.ril -o few.joined.ril
check "with empty shards" cmp <(ril-inspect --field resp.ids few.ril) <(ril-inspect --field resp.ids few.joined.ril)

# conversations, whose turns are groups that share a place; a run that goes on; several segments
for k in {1..9}; do jq -nc --arg k "$k" '{id: "c\($k)", messages: [range(if ($k | tonumber) % 2 == 0 then 1 else 3 end) | {role: "user", content: "And \(.)?"}, {role: "assistant", content: "\(.)."}]}'; done >talk.jsonl
talk() { ril-encode -q -m "$M/student" --turns all --batch 4 "$@" talk.jsonl; }
talk -o talk.ril
for i in 0 1 2; do talk --shard $i/3 -o talk.$i.ril; done
expect_exit 0 ril-join -q talk.[0-2].ril -o talk.joined.ril
same "conversations" talk.ril talk.joined.ril
E --batch 7 --epochs 2 --start-step 3 -o rest.ril
check "a run that goes on, divided" divide 2 rest --batch 7 --epochs 2 --start-step 3
expect_exit 0 ril-join -q rest/*.ril -o rest.joined.ril
same "a run that goes on" rest.ril rest.joined.ril
cat flat.ril rest.ril >two.ril
check "divided in other ways" divide 2 flat.2b --with-answers
for i in 0 1; do cat flat.2b/$i.ril rest/$i.ril >two.$i.ril; done
expect_exit 0 ril-join -q two.0.ril two.1.ril -o two.joined.ril
same "two segments" two.ril two.joined.ril

# ---- through the other tools ----
# Responses that never end keep a batch's rows together: at nine rows and more a row's bytes depend on no other.
cp -r "$M/student" m; chmod -R u+w m
jq --slurpfile c m/config.json '.eos_token_id = $c[0].image_token_id' m/generation_config.json >g && mv g m/generation_config.json
ril-encode -q -m "$M/student" --batch 7 data/q.jsonl | ril-teach -q -m "$M/teacher-a" -m "$M/teacher-b" -n 2 --tokenizer "$M/student" \
	--image-root data --max-new-tokens 12 --save cache.jsonl -o /dev/null
pipeline() {
	ril-rollout -q -m m -n 10 --max-new-tokens 5 --seed 2 | ril-teach -q --cache cache.jsonl -n 2 --tokenizer "$M/student" --max-new-tokens 12 --allow-missing |
		ril-discriminate -q --init-from "$M/student" | ril-score -q --reward 'similarity + answer'
}
pipe() { ril-encode -q -m m --batch 7 --shuffle --seed 2 "$@" data/q.jsonl | pipeline; }
pipe >pipe.ril
for n in 2 3; do
	for ((i = 0; i < n; i++)); do pipe --shard $i/$n >pipe.$n.$i.ril; done
	expect_exit 0 ril-join -q pipe.$n.?.ril -o pipe.$n.ril
	same "rollout, teach, discriminate, score in $n shards" pipe.ril pipe.$n.ril
done
# Ordinary responses: the same tokens, verdicts and rewards; log-probabilities to what a few rows may differ.
ended() { ril-encode -q -m "$M/student" --batch 7 "$@" data/q.jsonl | ril-rollout -q -m "$M/student" -n 3 --max-new-tokens 20 --seed 2 | ril-score -q; }
ended >ended.ril
for i in 0 1 2; do ended --shard $i/3 >ended.$i.ril; done
expect_exit 0 ril-join -q ended.[0-2].ril -o ended.joined.ril
ril-inspect --diff ended.ril ended.joined.ril >differ 2>err || :
check "nothing but log-probabilities differs, and they by no more than 1e-5: $(head -n 3 differ)" awk -F"'resp.logp': [0-9]* of [0-9]* differ by up to |; first" 'NF != 3 || $2 > 1e-5 {bad = 1} END {exit bad}' differ

# With --batch-invariant nothing does, for a student's answers, a teacher's and the discriminator, in float and in BF16.
for compute in f32 bf16; do
	B=(-q --batch-invariant --compute $compute)
	invariant() {
		ril-encode "${B[@]}" -m "$M/student" --batch 7 "$@" data/few7.jsonl | ril-rollout "${B[@]}" -m "$M/student" -n 3 --max-new-tokens 20 --seed 2 |
			ril-teach "${B[@]}" -m "$M/teacher-b" -n 2 --tokenizer "$M/student" --image-root data | ril-discriminate "${B[@]}" --init-from "$M/student" |
			ril-score "${B[@]}"
	}
	head -n 14 data/q.jsonl >data/few7.jsonl
	invariant >invariant.ril
	for i in 0 1 2; do invariant --shard $i/3 >invariant.$i.ril; done
	expect_exit 0 ril-join -q invariant.[0-2].ril -o invariant.joined.ril
	same "whichever are at hand, $compute" invariant.ril invariant.joined.ril
done

# ---- side by side, through FIFOs that hold less than a shard ----
mkfifo f.0 f.1 f.2
for i in 0 1 2; do E --shard $i/3 --batch 3 --with-pixels --epochs 4 -o f.$i & done
expect_exit 0 timeout 60 bash -c 'ril-join -q f.2 f.0 f.1 | ril-inspect --check'
wait
E --batch 3 --with-pixels --epochs 4 -o fifo.ril
check "through pipes" ril-inspect --diff fifo.ril <(ril-join -q <(E --shard 0/2 --batch 3 --with-pixels --epochs 4) <(E --shard 1/2 --batch 3 --with-pixels --epochs 4))
expect_exit 1 timeout 60 bash -c 'ril-join -q <(ril-encode -q -m "$1" --shard 0/2 data/q.jsonl 2>/dev/null) <(ril-encode -q -m "$1" --shard 1/2 data/q.jsonl 2>/dev/null | ril-rollout -q -m nowhere -n 2 2>/dev/null)' . "$M/student" >joined
says 'ABORT from ril-rollout: '

# ---- what is refused ----
J() { ril-join -q -o refused.ril "$@"; }
A=flat.3
expect_exit 1 J $A/0.ril $A/2.ril; says 'shard 1/3 is missing'
expect_exit 1 J $A/0.ril $A/1.ril $A/2.ril $A/1.ril; says "shard 1/3 comes twice: $A/1.ril and $A/1.ril"
expect_exit 1 J $A/0.ril $A/1.ril flat.7/2.ril; says "$A/0.ril is one of 3 shards, flat.7/2.ril one of 7"
expect_exit 1 J $A/0.ril flat.ril; says 'flat.ril is no shard'
E --seed 9 --with-answers --shard 2/3 -o foreign.ril
expect_exit 1 J $A/0.ril $A/1.ril foreign.ril; says 'shards of different runs'
E --with-answers --count 9 --shard 2/3 -o short.ril
expect_exit 1 J $A/0.ril $A/1.ril short.ril; says "differ in 'shard.places'"
E --with-answers --shard-by place --shard 2/3 -o otherwise.ril
expect_exit 1 J $A/0.ril $A/1.ril otherwise.ril; says "differ in 'shard.by'"
ril-rollout -q -m "$M/student" -n 1 --replace --max-new-tokens 2 -i $A/2.ril -o further.ril
expect_exit 1 J $A/0.ril $A/1.ril further.ril; says 'went through different tools'
head -c -20 $A/2.ril >cut.ril; expect_exit 3 J $A/0.ril $A/1.ril cut.ril; says 'cut.ril: '
head -c 9000 $A/2.ril >cut.ril; expect_exit 3 J $A/0.ril $A/1.ril cut.ril; says 'cut.ril: '
check "nothing was published" test ! -e refused.ril
expect_exit 1 J nowhere.ril; says 'nowhere.ril'
expect_exit 2 ril-join -q; says 'shards are needed'
# a shard whose groups were picked over
cc "$RIL_ROOT/share/examples/ril-pick.c" -o ril-pick -lcjson -lz
for i in 0 1 2; do ./ril-pick count <$A/$i.ril >picked.$i.ril; done
expect_exit 1 J picked.[0-2].ril; says 'missing after place'; says '(--partial'
expect_exit 0 ril-join --partial picked.[0-2].ril -o picked.ril
check "what is missing is counted: $(cat err)" grep -qF "$(($(ril-inspect --json flat.ril | grep -c '"kind":"group"') - $(ril-inspect --json picked.ril | grep -c '"kind":"group"'))) questions missing" err
same "picked before or behind" <(./ril-pick count <flat.ril) picked.ril
# groups of another shard's, and barriers that are not there
forge() { # forge FROM MARKS TO: the groups of one shard under another's HEAD
	python3 - "$@" <<'P'
import json, struct, sys, zlib
def frames(path):
    s = open(path, "rb").read()
    while s:
        n = struct.unpack("<Q", s[:8])[0]; head = json.loads(s[8:8 + n]); meta = head.pop("__metadata__")
        end = 8 + n + max((t["data_offsets"][1] for t in head.values()), default=0)
        yield meta, s[:end + 4]; s = s[end + 4:]
out, crc, groups = b"", 0, 0
for meta, raw in frames(sys.argv[1]):
    if meta["ril"].startswith("head"):
        raw = next(frames(sys.argv[2]))[1]
    if meta["ril"].startswith("end"):
        meta["crc"] = "%08x" % crc
        h = json.dumps({"__metadata__": meta}).encode(); h += b" " * (-len(h) % 8)
        raw = struct.pack("<Q", len(h)) + h; raw += struct.pack("<I", zlib.crc32(raw))
    crc = zlib.crc32(raw[-4:], crc); out += raw
open(sys.argv[3], "wb").write(out)
P
}
if command -v python3 >/dev/null; then
	forge $A/0.ril $A/1.ril forged.ril
	expect_exit 1 J $A/0.ril forged.ril $A/2.ril; says 'belongs to another shard than 1/3'
else skip "no python3 to forge a shard"; fi
check "stopped early" bash -c 'for i in 0 1; do ril-encode -q -m "$1" --batch 5 --steps 4 --shard $i/2 -o s.$i.ril data/q.jsonl; done' . "$M/student"
check "and in the middle" bash -c 'ril-encode -q -m "$1" --batch 5 --steps 4 --save-every 1 --shard 1/2 -o saved.ril data/q.jsonl' . "$M/student"
expect_exit 1 J s.0.ril saved.ril; says 'differ in whether step 1 asks for a checkpoint'

# ---- where the shard is found ----
which_of() { ril-inspect --json "$1" | jq -r 'select(.kind == "head").metadata.shard'; }
finds() { local want=$1; shift; expect_exit 0 env "$@" ril-encode -m "$M/student" -o found.ril data/q.jsonl; check "$*: $want" test "$(which_of found.ril)" = "$want"; }
looks() { local want=$1; shift; expect_exit 0 env "$@" ril-encode -m "$M/student" --shard env -o found.ril data/q.jsonl; check "$*, asked: $want" test "$(which_of found.ril)" = "$want"; }
finds 1/4 RIL_SHARD=1/4; says 'shard 1/4, as RIL_SHARD says'
finds null OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 SLURM_PROCID=0 SLURM_NTASKS=8
finds 1/2 RIL_SHARD=env OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2
looks 1/2 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=3; says 'as Open MPI says'
looks 2/3 PMI_RANK=2 PMI_SIZE=3
looks 2/5 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=5
looks 3/4 RIL_SHARD=3/4 PMI_RANK=2 PMI_SIZE=3
expect_exit 0 env RIL_SHARD=3/4 ril-encode -q -m "$M/student" --shard 0/2 -o found.ril data/q.jsonl
check "the option wins" test "$(which_of found.ril)" = 0/2
expect_exit 2 env SLURM_PROCID=0 SLURM_NTASKS=8 ril-encode -q -m "$M/student" --shard env data/q.jsonl; says 'no launcher says'
expect_exit 0 env RIL_SHARD=0/2 "$RIL_ROOT/scripts/ril-train" -q --run run --student "$M/student" --objective dr-grpo --data data/q.jsonl --image-root data \
	--eval data/few.jsonl --batch 8 --steps 1 -n 2 --max-new-tokens 4 --save-every 1 --record
check "a run is of a shard, its evaluation is not" test "$(ril-inspect --json run/record/step-1.ril | jq -r 'select(.kind == "head").metadata.shard') $(which_of run/eval.ril)" = "0/2 null"
for bad in 4/4 -1/4 1 1/0 a/b 1/2/3 1/99999 '' ' 1/2'; do expect_exit 2 E --shard "$bad" -o x.ril; says 'is no shard'; done
expect_exit 2 env RIL_SHARD=5/4 ril-encode -q -m "$M/student" -o x.ril data/q.jsonl; says "RIL_SHARD: '5/4' is no shard"
expect_exit 2 E --shard-by place -o x.ril; says '--shard-by goes with --shard'
test_end
