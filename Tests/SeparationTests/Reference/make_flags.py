"""Writes demucs_flags.json: the flags of the reference command, as `demucs --help` shows them.

usage: make_flags.py DEMUCS > demucs_flags.json        (demucs==4.1.0 and what it imports; `make bench-peers` installs it)

Only names, values and choices are kept, not what the help says about them.
"""

import json
import os
import re
import subprocess
import sys

text = subprocess.run(
    [sys.argv[1], "--help"], env=os.environ | {"COLUMNS": "1000"}, check=True, capture_output=True, text=True
).stdout

flags = []
for line in text.splitlines():
    # An entry stands two columns in: names separated by commas, each with its value, then its prose.
    match = re.match(r"^  (-\S.*?)(?:  .*)?$", line)
    if not match:
        continue
    names, value = [], None
    for spelling in re.split(r", (?=-)", match[1]):
        name, _, rest = spelling.partition(" ")
        names.append(name)
        value = rest or value
    choices = value[1:-1].split(",") if value and value.startswith("{") else None
    flags.append({"names": names, "takesValue": value is not None, "choices": choices})

json.dump(flags, sys.stdout, indent=1)
print()
