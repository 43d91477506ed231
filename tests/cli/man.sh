# man.sh -- man pages and tools agree, and the pages' examples run.
exec "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/scripts/check-man"
