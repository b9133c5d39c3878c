"""Events to interactions with DuckDB: what `cargo xtask bench backend` holds `backend transform` against."""

import argparse
import json
import pathlib

import duckdb

options = argparse.ArgumentParser()
options.add_argument("--input", required=True)
options.add_argument("--output", required=True)
options.add_argument("--threads", type=int, help="as many as DuckDB thinks fit when absent")
options = options.parse_args()

connection = duckdb.connect()
if options.threads:
    connection.execute(f"SET threads = {options.threads}")


def quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


text = pathlib.Path(__file__).with_suffix(".sql").read_text()
# COPY takes no parameter for the name of its file.
connection.execute(text.replace("$input", quoted(options.input)).replace("$output", quoted(options.output)))

sessions = connection.execute("SELECT count(*) FROM sessions").fetchone()[0]
by_kind = dict(connection.execute("SELECT kind, count(*) FROM interactions GROUP BY kind").fetchall())
print(json.dumps({"sessions": sessions, "interactions": sum(by_kind.values()), "interactions_by_kind": by_kind}))
