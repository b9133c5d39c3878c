"""Compares two files of interactions row by row, whatever their order; prints what differs as one JSON document.

`network` and `context` are not compared: both are the envelope's own words, copied without a rule that a second hand could read otherwise;
the test `every_kind_says_its_network_and_a_view_its_surroundings` of backend/src/transform holds them. Nor are cards: when one is sent
again has its tests there too."""

import json
import sys

FIELDS = ("portal", "visitor", "session", "item", "kind", "weight", "at_ms", "trust")


def read(path: str) -> dict[str, tuple]:
    found: dict[str, tuple] = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["id"] in found:
                sys.exit(f"{path} has {row['id']} twice")
            found[row["id"]] = tuple(round(row[field], 6) if field == "weight" else row[field] for field in FIELDS)
    return found


left, right = read(sys.argv[1]), read(sys.argv[2])
both = left.keys() & right.keys()
different = [name for name in both if left[name] != right[name]]
only_left, only_right = left.keys() - right.keys(), right.keys() - left.keys()
examples = [f"{name}: {left[name]} and {right[name]}" for name in sorted(different)[:3]]
examples += sorted(only_left)[:3] + sorted(only_right)[:3]
print(json.dumps({
    "same": len(both) - len(different), "only_left": len(only_left), "only_right": len(only_right),
    "different": len(different), "examples": examples,
}))
