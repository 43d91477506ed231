# beside.jq -- settings side by side: held-out accuracy of methods in settings and what that is beyond the baseline's, bold where it
# is above by more than chance.  What there is more of has the rows.  $only: settings, parted by commas; $groups: of these methods.
include "figures";
def cell: (.mean | fixed(3)) + (if .difference then " (\(.difference | signed(3)))" else "" end);
def marked: if . == null then "" elif (.d_low // 0) > 0 then "**\(cell)**" else cell end;
def of($setting; $method): first($all[] | select(.setting == $setting) | .accuracy[] | select(.setting == $method)) // null;
def seeds: if min == max then "\(min)" else "\(min) to \(max)" end;

$methods[0] as $m
| [$m[].method | select(shown($m; $groups; $baseline))] as $shown
| [($only / ",")[] | select(. as $s | any($shown[]; of($s; .)))] as $settings_there
| [$shown[] | select(. as $x | any($settings_there[]; of(.; $x)))] as $methods_there
| def seeds_of: [of(.; $methods_there[]).seeds // empty] | seeds;
if ($settings_there | length) > ($methods_there | length) then
	table(["", "seeds"] + [$methods_there[] | "`\(.)`"];
		[$settings_there[] as $s | [($s | named($settings[0]; "setting")), ($s | seeds_of)] + [$methods_there[] | of($s; .) | marked]])
else
	table([""] + [$settings_there[] | "`\(.)`, seeds: \(seeds_of)"];
		[$methods_there[] as $x | [$x | named($m; "method")] + [$settings_there[] | of(.; $x) | marked]])
end
