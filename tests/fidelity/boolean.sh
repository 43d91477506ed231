# boolean.sh -- the judge `boolean` on two models' answers to MathVista's questions of yes and no, beside the released verdicts: it
# pays for nothing that they did not; what they paid beyond it are options' letters and refusals, which a distance in letters took
# for an option.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
for model in bard:101 gpt4:61; do
	released=$RIL_SHARED/data/score/mathvista/output_${model%:*}.json
	if [ ! -f "$released" ]; then skip "$released is not here"; continue; fi
	jq -c 'to_entries[] | .value | select((.answer == "Yes" or .answer == "No") and (.response | type) == "string") |
		{response, answer, released: (if .true_false then 1 else 0 end)}' "$released" >"$T/rows"
	ril-score --judge boolean --table "$T/rows" | jq .score | paste -d ' ' <(jq .released "$T/rows") - >"$T/both"
	check "${model%:*}: nothing is paid that was not" [ "$(grep -c '^0 1$' "$T/both")" = 0 ]
	check "${model%:*}: as released" [ "$(awk '$1 == $2' "$T/both" | wc -l) $(wc -l <"$T/both")" = "${model#*:} 113" ]
done
test_end
