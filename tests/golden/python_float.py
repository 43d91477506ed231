"""Strings and what Python's float() makes of them, a JSON list a line: the text, and the number in hexadecimal or null.

    python3 tests/golden/python_float.py 700 >tests/golden/python_float.jsonl

Random ones after the first, fixed ones.  Digits are Unicode 3.2's, which every library at hand knows."""
import json
import random
import sys
import unicodedata

old = unicodedata.ucd_3_2_0
digits = [chr(c) for c in range(0x110000) if old.category(chr(c)) == "Nd" == unicodedata.category(chr(c))]
spaces = [chr(c) for c in range(0x110000) if chr(c).isspace()]
odd = ["\u200b", "\ufeff", "\x7f", "\u2212", "\u066b", "\uff0e", "\uff0c", "\u00b2", "\u2460", "\u4e09", "\u0131", "\u017f",
       "\u00bd", "%", ",", "x", "p", "L", "f", "n", "a", "'", "$", "\u0301", "\U0001f600"]
fixed = ["", " ", "1", "1.", ".5", ".", "+", "-", "+-1", "--1", "1e5", "1E+05", "1e", "1e+", "e1", ".e1", "1e5.0", "0x10", "0x1p3",
         "0b1", "0o7", "1_000", "1__0", "_1", "1_", "1_.0", "1._0", "1e1_0", "1e_1", "1_e1", "1_000.5_0", "+_1", "inf", "-INF",
         "+Infinity", "infinit", "infinity_", "in_f", "nan", "NaN", "-nan", "nan(1)", "nan_1", "1d", "1f", "1L", "1j", "True", "None", "1 000",
         "1,000", "5%", "$5", "\u0663", "\uff15", "\uff11\uff12.\uff15", "\u0661_\u0662", "1\u0663", "\uff0d1", "\u22121", "\u00b9",
         "\U0001d7d8\U0001d7d9\U0001d7e2\U0001d7ff", "\x1c1", "1\x1f", "\x851\u2003", "\u200b1", "1\n2", "1e999", "-1e999",
         "1e-999", "0e99999999999999999", "1e-99999999999999999", "-0", "-0.0", "4.9e-324", "2.4703282292062327e-324",
         "1.7976931348623157e308", "1.7976931348623159e308", "9007199254740993", "0.1", "123456789012345678901234567890",
         "0" * 600 + "1", "1" + "0" * 308, "0." + "0" * 320 + "1", "1." + "0" * 520 + "1", "9" * 700]


def draw(r):
    if r.random() < .25:
        word = r.choice(["inf", "infinity", "nan", "Infinity", "NAN", "iNf", "INFINITY"])
        core = r.choice(["", "+", "-"]) + word
    else:
        script = r.choice(digits) if r.random() < .5 else "0"
        zero = ord(script) - unicodedata.decimal(script)
        some = lambda: "".join(chr(zero + r.randrange(10)) if r.random() < .8 else r.choice("0123456789") for _ in range(r.randrange(5)))
        part = lambda: "_".join(some() for _ in range(1 if r.random() < .8 else 2))
        core = r.choice(["", "+", "-"]) + part()
        core += "." + part() if r.random() < .5 else ""
        core += r.choice("eE") + r.choice(["", "+", "-"]) + part() if r.random() < .4 else ""
    core = "".join(r.choice(spaces) for _ in range(r.randrange(3))) + core if r.random() < .3 else core
    core += "".join(r.choice(spaces) for _ in range(r.randrange(3))) if r.random() < .3 else ""
    if r.random() < .3:
        at = r.randrange(len(core) + 1)
        core = core[:at] + r.choice(odd + spaces + ["_", ".", "-", "e"]) + core[at + (r.random() < .5):]
    return core


def main():
    r = random.Random(7)
    for s in fixed + digits + ["7" + c for c in spaces] + [draw(r) for _ in range(int(sys.argv[1]))]:
        try:
            value = float(s).hex()
        except ValueError:
            value = None
        if "\0" not in s:
            print(json.dumps([s, value], ensure_ascii=False))


main()
