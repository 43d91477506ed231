"""The parts of ril-report, lowest first; a part uses those above it.

text.py      numbers and texts as HTML shows them, tables
runs.py      a run's files; runs that are seeds of one another are an arm
compared.py  means, intervals and tests over seeds and questions, by ril-compare
points.py    curves as lists of points: means, windows, bands, what is left of a long one
chart.py     a picture of curves, and the same in words and numbers
curves.py    which curves a page has
results.py   what was held out: tables of arms
gallery.py   recorded steps: questions, answers, rewards
about.py     times, settings, lineage
page.css, page.js   its look, and what moves"""
