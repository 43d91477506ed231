#!/usr/bin/awk -f
# judge.awk -- a reward of one's own for ril-score, in awk: 1 where the response ends with a full stop, else 0.
#
#   ril-score --judge contains --term stops='cmd:mawk -W interactive -f judge.awk' --reward 'answer + 0.2*stops' scored.ril
#
# A request must be answered before the next one comes.  mawk, Debian's awk, would wait for more input without -W interactive; gawk and
# others do without that option.
#
# awk reads no JSON.  The request's last field is the response, a string that ends the line, `"}`: what stands before that, but for blanks
# and line breaks (\n), is its last character.  What is looked into further is better taken apart by jq:
#   jq -c --unbuffered '{id, score: (.response | test("\\.\\s*$"))}'
{
	match($0, /"id": [0-9]+/)
	id = substr($0, RSTART + 6, RLENGTH - 6)
	text = substr($0, 1, length($0) - 2)
	while (sub(/( |\\n|\\t|\\r)$/, "", text)) {}
	printf "{\"id\": %s, \"score\": %d}\n", id, text ~ /\.$/
	fflush()
}
