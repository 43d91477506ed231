# page.jq -- the tables of page.md: for each setting what came out, why, and by families.  $groups: of these methods alone (and
# the baseline), $only: of this setting alone, $brief: one table, and no words.
include "figures";
$methods[0] as $m
| $all[] | select($only == "" or .setting == $only) | . as $x
| ([.accuracy[] | select(.setting | shown($m; $groups; $baseline))]) as $rows
| [$rows[].setting] as $names
| ([.figures[] | {key: (.setting + "\u0000" + .measure), value: .mean}] | from_entries) as $f
| def figure($method; $measure): $f[$method + "\u0000" + $measure];
  def both($method; $a; $b; $n; $between): (figure($method; $a) | fixed($n)) as $u | (figure($method; $b) | fixed($n)) as $v | if $u == "" then $v elif $v == "" then $u else $u + $between + $v end;
([$x.figures[] | select(.measure | startswith("pass@")) | .measure[5:] | tonumber] | max) as $k
| ([$x.figures[] | select(.measure | startswith("accuracy/")) | .measure[9:]] | reduce .[] as $k ([]; if index([$k]) then . else . + [$k] end)) as $families
| def difference: if .difference == null then "" else (.difference | signed(3)) + change(.d_low; .d_high) end;
  def chance: if .p_questions == null then "" else [.p_seeds, .p_questions] | map(if . == null then "" elif . < .0005 then "< 0.001" else fixed(3) end) | join(", ") end;
if $brief then dense(["", "seeds"] + $families + ["all", "beyond `\($baseline)`", "p: seeds, questions", "CIDEr", "pass@\($k)", "seconds"];
	[$rows[] | [(.setting | named($m; "method")), (.seeds | tostring)] + (.setting as $s | $families | map(. as $f | figure($s; "accuracy/" + $f) | fixed(2))) + [(.mean | fixed(3)) + span(.low; .high),
		difference, chance, (figure(.setting; "CIDEr") | fixed(2)), (figure(.setting; "pass@\($k)") | fixed(3)), (figure(.setting; "seconds") | fixed(1))]])
else
"", "## \(.setting)", "", ((.setting | about($settings[0]; "setting")) + "."),
($rows | max_by(.mean)) as $best
| ([$x.accuracy[] | select(.setting == $baseline)][0]) as $base
| ($rows | map(select(.setting != $baseline and .d_low != null)) | {above: map(select(.d_low > 0).setting), below: map(select(.d_high < 0).setting)}) as $sides
| "", ("Most right answers: `\($best.setting)`, \($best.mean | fixed(3))." +
   (if $base then " Better than `\($baseline)` by more than chance: \(if ($sides.above | length) > 0 then $sides.above | map("`" + . + "`") | join(", ") else "none" end). Worse: \(if ($sides.below | length) > 0 then $sides.below | map("`" + . + "`") | join(", ") else "none" end)." else "" end)),
dense(["", "seeds", "held-out accuracy", "beyond `\($baseline)`", "p: seeds, questions", "CIDEr", "BLEU-4", "pass@1, @\($k)", "pass@1 beyond `\($baseline)`", "different right answers", "steps", "seconds"];
	[$rows[] | [(.setting | named($m; "method")), (.seeds | tostring), (.mean | fixed(3)) + span(.low; .high),
		difference, chance,
		(figure(.setting; "CIDEr") | fixed(2)), (figure(.setting; "BLEU-4") | fixed(3)),
		both(.setting; "pass@1"; "pass@\($k)"; 3; ", "),
		(.setting as $s | first($x.figures[] | select(.measure == "pass@1" and .setting == $s)) // {} | if .difference == null then "" else (.difference | signed(3)) + (if .pairs > 1 then change(.d_low; .d_high) else "" end) end),
		(figure(.setting; "distinct right") | fixed(2)), (figure(.setting; "steps") | fixed(0)), (figure(.setting; "seconds") | fixed(1))]]),
dense(["why", "discriminator right: all, teachers'", "saturated", "z, student's less teachers'", "teachers' tokens", "KL", "entropy", "length", "zero-variance groups", "similarity reward: first, last", "answer reward: first, last"];
	[$names[] | . as $s | ["`\(.)`", both(.; "disc_accuracy"; "disc_teacher_accuracy"; 2; ", "), (figure(.; "disc_saturation") | fixed(2)), (figure(.; "disc_margin") | fixed(2)),
		(figure(.; "teacher_tokens") | fixed(2)), (figure(.; "kl") | fixed(3)), (figure(.; "entropy") | fixed(3)), (figure(.; "length") | fixed(1)),
		(figure(.; "zero_variance") | fixed(2)), both(.; "similarity_first"; "similarity"; 2; ", "), both(.; "answer_first"; "answer"; 2; ", ")]]
	| map(select(.[1:] | any(. != "")))),
dense(["accuracy"] + $families; if ($families | length) > 1 then [$names[] | . as $s | ["`\(.)`", ($families[] | . as $k | figure($s; "accuracy/" + $k) | fixed(2))]] else [] end) end
