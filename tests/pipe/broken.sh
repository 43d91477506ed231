# broken.sh -- pipelines that break: exit codes, who is named, and that nothing half done is published.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
S=$RIL_ROOT/share/examples/sample.ril
cd "$T" || exit 1

# codes COMMAND: runs a pipeline, leaves its exit codes in $codes and everything said in err.
codes() { codes=$(timeout 20 bash -c "{ $1; } 2>>err; echo \${PIPESTATUS[@]}" 2>>err | tail -n 1); }
says() { grep -qF -- "$1" err; }

: >err; codes "ril-rollout -m nowhere -n 2 <$S | ril-score | ril-inspect --check >/dev/null"
check "a stage without its model: $codes" test "$codes" = "1 1 1"
check "the last stage names the first" says "ril-inspect: stdin: ABORT from ril-rollout: nowhere"

: >err; codes "head -c 3000 $S | ril-score -q | ril-inspect --check >/dev/null"
check "input cut off: $codes" test "$codes" = "0 3 1"
check "who and why" says "ABORT from ril-score: stdin: after record 1: truncated"

: >err; codes "{ head -c 3000 $S; sleep .2; } | ril-score -q -o scored.ril"
check "cut off, to a file: $codes" test "$codes" = "0 3"
check "no file, no remains" test -z "$(find . -name 'scored.ril*')"

: >err; codes "ril-score -q <$S | head -c 100 >/dev/null; sleep .1; ril-score -q <$S >/dev/full"
check "a full device: $codes" test "$codes" = 1
check "it is named" says "No space left on device"

# The next stage dies while this one waits for input that does not come.
: >err; mkfifo in; sleep 20 >in & holder=$!
{ ril-score -q <in; echo $? >code; } 2>>err | sleep .1
for _ in $(seq 50); do [ -s code ] && break; sleep .1; done
check "a vanished reader ends the wait" test "$(cat code)" = 1
check "and is told" says "is gone"
kill "$holder"; wait "$holder" 2>/dev/null

# Killed in the middle: those after it see a cut, those before it a broken pipe; nobody hangs.
: >err; rm -f code; for _ in $(seq 40); do cat "$S"; done >many.ril
mkfifo feed joint; { cat many.ril; exec sleep 20; } >feed & feeder=$!
ril-score -q <feed >joint & stage=$!
{ ril-inspect --check <joint; echo $? >code; } >/dev/null 2>err &
sleep .3; kill -9 $stage; wait $stage 2>/dev/null
for _ in $(seq 50); do [ -s code ] && break; sleep .1; done
kill $feeder 2>/dev/null; wait $feeder 2>/dev/null
check "a killed stage: exit $(cat code)" test "$(cat code)" = 3

# Ended by a signal: no temporary file is left.
mkfifo slow; sleep 20 >slow & holder=$!
{ head -c 3000 "$S"; exec sleep 20; } >slow & feeder=$!
ril-score -q -o signalled.ril <slow & stage=$!
for _ in $(seq 50); do [ -n "$(find . -name 'signalled.ril*')" ] && break; sleep .1; done
check "a temporary file" test -n "$(find . -name 'signalled.ril*.tmp')"
kill -TERM $stage; wait $stage; rc=$?
check "ended by SIGTERM ($rc)" test $rc = 143
check "it is gone" test -z "$(find . -name 'signalled.ril*')"
kill $feeder $holder; wait $feeder $holder 2>/dev/null

# A failed tool leaves the old output alone.
printf old >kept.ril
head -c 3000 "$S" >cut.ril
expect_exit 3 ril-score -q -i cut.ril -o kept.ril
check "the old file is still there" test "$(cat kept.ril)" = old
expect_exit 0 ril-score -q -i "$S" -z -o kept.ril
expect_exit 0 ril-inspect --check kept.ril
check "gzip on demand" test "$(head -c 2 kept.ril | od -An -tx1 | tr -d ' ')" = 1f8b
test_end
