#!/usr/bin/env python3
"""Stands in for wrangler where there is no account: notes each call, and does to a local worker what Cloudflare would do to a deployed one.

`deploy` names the version that the worker says it is; `secret bulk` changes the secrets of the local stack; `rollback` is only noted.
What a call was given on its standard input is noted by the names in it, never by their values.
"""

import json
import os
import pathlib
import sys
import urllib.error
import urllib.request

FOLDER = pathlib.Path(os.environ["PULSO_REHEARSAL"])
URL = os.environ["PULSO_REHEARSAL_URL"]


def health():
    try:
        return json.load(urllib.request.urlopen(f"{URL}/health", timeout=20))
    except urllib.error.HTTPError as error:
        return json.load(error)


def change(secrets):
    file = FOLDER / "dev.vars"
    held = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    for name, value in secrets.items():
        if value is None:
            held.pop(name, None)
        else:
            held[name] = value
    file.write_text("".join(f"{name}={value}\n" for name, value in held.items()))
    configuration = FOLDER / "wrangler.toml"
    configuration.write_text(configuration.read_text())


def main():
    arguments = sys.argv[1:]
    given = json.loads(sys.stdin.read() or "{}")
    with (FOLDER / "wrangler-calls").open("a") as calls:
        calls.write(" ".join(arguments + [f"{name}{'' if value else '-'}" for name, value in given.items()]) + "\n")
    if arguments[0] == "deploy":
        print(f"Uploaded pulso\nCurrent Version ID: {health()['deployment']}")
    elif arguments[:2] == ["secret", "bulk"]:
        change(given)
    elif arguments[0] != "rollback":
        sys.exit(f"nobody plays {arguments}")


main()
