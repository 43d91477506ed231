# evaluate.sh -- a model's greedy answers to held-out questions, judged: a line of eval.jsonl.
#
#   {"step", "time", "asked", "verdicts", "report"}
#
# verdicts has the verdict on every question in their order, so that runs can be compared question by question: a text of 0 and 1, a
# list where the judge gave others (null: undecided).  asked is a digest of the questions, which two runs have in common only if they
# were asked the same.  Needs pipefail.

# Of a stream of questions: keys, questions, answers, pictures by their digests.
digest_questions() { # digest_questions STREAM
	ril-inspect --json "$1" | jq -cS 'select(.kind == "group") | [.key, (.metadata | del(.["image.path"]))]' | sha256sum | cut -c 1-16
}
# Prints the line; what the tools say is on standard error.
evaluation() { # evaluation STEP MODEL STREAM LENGTH ASKED [ARGUMENT OF RIL-ROLLOUT]...
	local report verdicts rc
	report=$(mktemp) || return 1
	verdicts=$(ril-rollout -q -m "$2" -n 1 --greedy --max-new-tokens "$4" -i "$3" "${@:6}" |
		ril-score -q --report json -o /dev/fd/3 3>&1 >"$report" | ril-inspect --json --field reward.answer |
		jq -cn '[inputs | select(.key) | .value[0]] | if all(. == 0 or . == 1) then map(tostring) | add // "" else . end') &&
		jq -c --argjson s "$1" --arg asked "$5" --argjson verdicts "$verdicts" '{step: $s, time: now, $asked, $verdicts, report: .}' "$report"
	rc=$?
	rm -f "$report"
	return $rc
}
