# figures.jq -- figures as readers read them, tables of Markdown, and which methods are in one: what page.jq and beside.jq share.
def fixed($n): if . == null or isnan then "" else
	(if . < 0 then "-" else "" end) as $sign | fabs * pow(10; $n) | round | tostring
	| if $n == 0 then . else ("0" * ([$n + 1 - length, 0] | max) // "") + . | .[:-$n] + "." + .[-$n:] end | $sign + . end;
def signed($n): if . == null then "" elif . >= 0 then "+" + fixed($n) else fixed($n) end;
def span($low; $high): if $low == null then "" else " (\($low | fixed(3)) to \($high | fixed(3)))" end;
def change($low; $high): if $low == null then "" else " (\($low | signed(3)) to \($high | signed(3)))" end;
def line: "| " + join(" | ") + " |";
def rule: "|" + (map("---") | join("|")) + "|";
def table($head; $rows): if ($rows | length) == 0 then empty else "", ($head | line), ($head | rule), ($rows[] | line) end;
# leaves out columns that no row has
def dense($head; $rows): [range($head | length) as $i | select($i == 0 or any($rows[]; .[$i] != "")) | $i] as $keep
	| table([$keep[] as $i | $head[$i]]; [$rows[] | . as $r | [$keep[] as $i | $r[$i]]]);
# Is a method one of these, or of these groups (parted by blanks; none: all), or what the others are compared with?
def shown($methods; $wanted; $baseline): . as $name | ($wanted / " " | map(select(. != ""))) as $list
	| ($list | length) == 0 or IN($baseline, $list[]) or any($methods[]; .method == $name and any(.group / "," | .[]; IN($list[])));
# What a line of a table says of itself: $key is the column that its name is in.
def about($lines; $key): . as $name | first($lines[] | select(.[$key] == $name) | .about) // "";
def named($lines; $key): about($lines; $key) + " (`\(.)`)";
