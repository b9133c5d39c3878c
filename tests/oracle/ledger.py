"""The generator's own book of what it sent."""

import json


def read_ledger(path):
    """{(pageview, seq): (portal, was accepted, row, event or None)}"""
    sent = {}
    with open(path) as ledger:
        for line in ledger:
            portal, pageview, seq, accepted, *more = line.rstrip("\n").split("\t")
            row, event = more if more else ("", "null")
            sent[pageview, int(seq)] = portal, int(accepted), row, json.loads(event)
    return sent


def accepted(sent):
    """{(pageview, seq): portal} of what got a 2xx."""
    return {event_id: portal for event_id, (portal, is_accepted, _, _) in sent.items() if is_accepted}


def event_ids(envelope):
    """The ids of an envelope's events."""
    return [(envelope["batch"]["pageview"], event["seq"]) for event in envelope["batch"]["events"]]
