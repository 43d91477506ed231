"""report_colours.py PAGE.CSS -- are the arms' colours told apart, by everybody?  Each must stand out from the ground (3 : 1, WCAG 2.2,
1.4.11), and any two be apart (Oklab) for people with and without protanopia, deuteranopia and tritanopia (Machado, Oliveira and
Fernandes 2009, severity 1).  Prints the least of both for each theme; exit 1 where one is too small."""
import math, re, sys

SIGHTS = {
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[.152286, 1.052583, -.204868], [.114503, .786281, .099216], [-.003882, -.048116, 1.051998]],
    "deuteranopia": [[.367322, .860646, -.227968], [.280085, .672501, .047413], [-.011820, .042940, .968881]],
    "tritanopia": [[1.255528, -.076749, -.178779], [-.078411, .930809, .147602], [.004733, .691367, .303900]],
}


def linear(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    values = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    return [v / 12.92 if v <= .04045 else ((v + .055) / 1.055) ** 2.4 for v in values]


def seen(colour, sight):
    return [min(1, max(0, sum(a * b for a, b in zip(row, linear(colour))))) for row in sight]


def oklab(rgb):
    r, g, b = rgb
    l = (.4122214708 * r + .5363325363 * g + .0514459929 * b) ** (1 / 3)
    m = (.2119034982 * r + .6806995451 * g + .1073969566 * b) ** (1 / 3)
    s = (.0883024619 * r + .2817188376 * g + .6299787005 * b) ** (1 / 3)
    return (.2104542553 * l + .793617785 * m - .0040720468 * s, 1.9779984951 * l - 2.428592205 * m + .4505937099 * s,
            .0259040371 * l + .7827717662 * m - .808675766 * s)


def contrast(a, b):
    low, high = sorted(sum(w * v for w, v in zip((.2126, .7152, .0722), linear(c))) for c in (a, b))
    return (high + .05) / (low + .05)


with open(sys.argv[1], encoding="utf-8") as f:
    themes = re.findall(r"--ground: (#\w+).*?((?:--c\d: #\w+;\s*){8})", f.read(), re.S)
bad = len(themes) != 2
for ground, row in themes:
    colours = re.findall(r"#\w+", row)
    least = min(contrast(c, ground) for c in colours)
    apart, sight, a, b = min((100 * math.dist(oklab(seen(a, m)), oklab(seen(b, m))), name, a, b)
                             for name, m in SIGHTS.items() for i, a in enumerate(colours) for b in colours[:i])
    print(f"on {ground}: contrast {least:.1f}, {apart:.1f} apart ({a}, {b}, {sight});", end=" ")
    bad |= len(set(colours)) != 8 or least < 3 or apart < 14
sys.exit(bad)
