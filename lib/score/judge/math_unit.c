/* math_unit.c -- units and other words behind a value, which are left out.
 *
 * Within prose only known units are; elsewhere any word that does not go on with the formula. */
#include "score/judge/math_internal.h"

#include <ctype.h>

static const char units[] = "|mm|cm|dm|km|nm|um|in|inch|inches|ft|feet|foot|yd|yard|yards|mi|mile|miles|mg|kg|lb|lbs|"
			    "oz|ml|mL|dl|cl|kl|ms|sec|secs|"
			    "second|seconds|min|mins|minute|minutes|hr|hrs|hour|hours|day|days|week|weeks|month|months|"
			    "year|years|mph|kph|kmh|"
			    "Hz|kHz|MHz|GHz|kW|MW|kJ|MJ|kN|Pa|kPa|mol|mmol|rad|radians|degrees|degree|deg|cents|cent|"
			    "dollars|dollar|USD|EUR|units|"
			    "unit|square|cubic|sq|cu|meter|meters|metre|metres|centimeter|centimeters|kilometer|"
			    "kilometers|gram|grams|liter|liters|"
			    "litre|litres|percent|squared|cubed|pm|am|";

/* Words behind a value that say something of it, or go on. */
static const char others[] =
	"|and|or|not|is|are|was|were|isn|wrong|incorrect|false|but|than|if|when|where|maybe|perhaps|"
	"possibly|because|since|so|then|plus|minus|times|over|pi|to|nor|"
	"sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|ln|log|lg|exp|sqrt|abs|";

/* A unit at s, behind a value: 0: none. */
size_t ril_math_unit(const struct ril_math_parse *p, const char *s, bool first)
{
	size_t n = ril_math_letters(s, p->end);
	if (s < p->end && *s == '"') {
		const char *shut = memchr(s + 1, '"', (size_t)(p->end - s) - 1);
		return shut ? (size_t)(shut + 1 - s) : 0;
	}
	if (n == 1) /* 5 m is a length, 5m five times m */
		return strchr("mgshLlVWNJKAFC", *s) && (!first || (s[-1] == ' ' && isdigit((unsigned char)s[-2]))) &&
				       (s + 1 == p->end || strchr("/^,.;)]} \n", s[1])) &&
				       !(first && s + 2 < p->end && s[1] == ' ' &&
					 (strchr("=<>+-*", s[2]) || isalpha((unsigned char)s[2])))
			       ? 1
			       : 0;
	if (n < 2 || ril_math_word_in(others, s, n))
		return 0;
	if (ril_math_word_in(units, s, n))
		return n;
	return !p->prose && (n > 3 || (n > 1 && s[-1] == ' ')) ? n : 0;
}

/* Units behind a value: cm^2, m/s, "dollars", miles per hour. */
void ril_math_skip_units(struct ril_math_parse *p)
{
	bool first = true;
	for (const char *s = p->at;; first = false) {
		while (s < p->end && (*s == ' ' || *s == '-'))
			s++;
		if (!first && s < p->end && (*s == '/' || *s == '*'))
			s++;
		while (s < p->end && *s == ' ')
			s++;
		size_t n = ril_math_unit(p, s, first);
		if (!n && !first && s + 4 < p->end && !strncmp(s, "per ", 4))
			n = 4 + ril_math_unit(p, s + 4, false);
		if (!n)
			return;
		s += n;
		if (s + 1 < p->end && *s == '^' && (isdigit((unsigned char)s[1]) || s[1] == '-' || s[1] == '{')) {
			const char *shut = s[1] == '{' ? memchr(s, '}', (size_t)(p->end - s)) : NULL;
			s += shut ? (size_t)(shut + 1 - s) : 2 + (s[1] == '-');
		}
		p->at = s;
	}
}
