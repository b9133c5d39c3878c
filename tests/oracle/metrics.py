"""Reads /metrics strictly by Prometheus' text format, and wants the metrics that are named after the addresses' --."""

import math
import re
import sys
import urllib.request

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (\S+)")
KINDS = {"counter", "gauge", "histogram", "summary", "untyped"}


def read(text):
    """{sample with its labels: value}"""
    assert text.endswith("\n"), "the last line has no end"
    kinds, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in KINDS and name not in kinds, line
            kinds[name] = kind
        elif not line.startswith("#"):
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            family = name if name in kinds else re.sub(r"_(bucket|sum|count)$", "", name)
            assert family in kinds, f"no TYPE: {line}"
            assert (name, labels) not in samples, f"twice: {line}"
            samples[name, labels] = float(value)
            assert kinds[family] == "gauge" or not samples[name, labels] < 0, line
    return samples


def main():
    cut = sys.argv.index("--")
    for url in sys.argv[1:cut]:
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers["Content-Type"]
            samples = read(answer.read().decode())
        for wanted in sys.argv[cut + 1:]:
            values = [value for (name, _), value in samples.items() if name == wanted]
            assert values and all(map(math.isfinite, values)), f"{url} has no {wanted}"
        behind = [f"{value:.0f}" for (name, _), value in samples.items() if name == "pulso_behind_milliseconds"]
        print(f"{url}: {len(samples)} samples, behind {' '.join(behind)} ms")


main()
