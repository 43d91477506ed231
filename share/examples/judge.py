#!/usr/bin/env python3
"""judge.py -- a reward of one's own for `ril-score --judge cmd:` or `--term NAME=cmd:`, in Python.

    ril-score --judge contains --term brief=cmd:judge.py --reward 'answer + 0.2*brief' scored.ril

Reads a request in JSON on each line of standard input and answers each with a line, in order and at once: 1 for a response of at most
eight words, falling to 0 at sixteen.  A response without words cannot be judged (null)."""

import json
import sys

for line in sys.stdin:
    request = json.loads(line)
    words = len(request["response"].split())
    score = min(1.0, max(0.0, (16 - words) / 8)) if words else None
    print(json.dumps({"id": request["id"], "score": score}), flush=True)
