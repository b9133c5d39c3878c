"""Plants a reader's data in everything that a page may send, and looks for it in everything that comes out of a running stack.

Nothing of our own code is used: texts are searched as they are, percent-encoded, and in base64 at each of its three offsets.
What must be found (a campaign, a word of a title) shows that the search looks at the right places.
"""

import argparse
import base64
import itertools
import json
import os
import pathlib
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from streams import Reader, client, event_streams

# Made up for each run, so that an earlier one cannot help.
RUN = os.urandom(4).hex()
EMAIL = f"ana.{RUN}@mail-{RUN}.example"
LOGIN = f"login-{RUN}"
TOKEN = f"segredo{RUN}"
ADDRESS = f"2001:db8:{RUN[:4]}:{RUN[4:]}::5e1f"
VISITOR = os.urandom(16).hex()
GUESS = f"guess-{RUN}"
JWT = "eyJhbGciOiJIUzI1NiJ9." + base64.urlsafe_b64encode(json.dumps({"sub": RUN}).encode()).decode().rstrip("=") + ".c2lnbmF0dXJl" + RUN
AGENT = f"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/{RUN} Firefox/140.0"
CAMPAIGN, WORD = f"campanha-{RUN}", f"Manchete{RUN}"


def cpf():
    digits = [int(d) for d in f"{int(RUN, 16) % 10**9:09d}"]
    for count in (9, 10):
        digits.append(sum(d * (count + 1 - i) for i, d in enumerate(digits)) * 10 % 11 % 10)
    return "".join(map(str, digits))


CPF = cpf()
DOTTED = f"{CPF[:3]}.{CPF[3:6]}.{CPF[6:9]}-{CPF[9:]}"
PHONE = f"9{int(RUN, 16) % 10**8:08d}"
WRITTEN = f"(11) {PHONE[:5]}-{PHONE[5:]}"


def markers(secrets):
    """What must be nowhere, by name."""
    found = {
        "e-mail": EMAIL, "login": LOGIN, "token": TOKEN, "address": ADDRESS, "network": ADDRESS.rsplit("::")[0], "visitor without consent": VISITOR,
        "guess": GUESS, "JWT": JWT, "user agent": AGENT, "CPF": CPF, "written CPF": DOTTED, "telephone": PHONE, "written telephone": WRITTEN,
        "telephone with a dash": f"{PHONE[:5]}-{PHONE[5:]}",
    }
    return found | {f"secret {number}": secret for number, secret in enumerate(secrets) if len(secret) >= 8}


def forms(text):
    """How a text may stand in a file."""
    raw = text.encode()
    yield raw
    yield json.dumps(text)[1:-1].encode()
    yield urllib.parse.quote(text, safe="").encode()
    yield urllib.parse.quote(text, safe="").lower().encode()
    yield raw.hex().encode()
    for skip, alphabet in itertools.product(range(3), (base64.b64encode, base64.urlsafe_b64encode)):
        # The characters at both ends depend on what stands beside the text.
        encoded = alphabet(b"\0" * skip + raw)
        yield encoded[(0, 2, 3)[skip]:len(encoded) - 4]


def batch(number, **changes):
    now = int(time.time() * 1000)
    item = f"/perfil/{EMAIL}/{CPF}"
    quoted = urllib.parse.quote(EMAIL, safe="")
    body = {
        "v": 1, "portal": "g1", "pageview": f"{now:012x}" + os.urandom(10).hex(), "visitor": VISITOR, "user": LOGIN, "consent": "cookieless",
        "page": "article", "item": item, "sent_at_ms": now, "dropped": 0, "bot": False,
        "url": f"{SITE}/perfil/{quoted}/{CPF}?email={EMAIL}&token={TOKEN}&utm_campaign={CAMPAIGN}&utm_term={quoted}#{TOKEN}",
        "referrer": f"https://{LOGIN}:{TOKEN}@mail.example/{EMAIL}/{JWT}?q={TOKEN}&utm_term={DOTTED}",
        "meta": {"title": f"{WORD} {EMAIL} {WRITTEN}", "section": f"{DOTTED} {number}", "image": f"https://s.g1.example/{EMAIL}.x/j.jpg?u={CPF}"},
        "events": [
            {"seq": 0, "kind": "pageview", "at_ms": now},
            {"seq": 1, "kind": "click", "at_ms": now, "link": "outbound", "href": f"https://wa.me/55{11}{PHONE}?text={TOKEN}&token={TOKEN}"},
            {"seq": 2, "kind": "click", "at_ms": now, "link": "internal", "href": f"{SITE}/a?session={TOKEN}#{EMAIL}"},
            {"seq": 3, "kind": "impression", "at_ms": now, "rec_id": "9a1f03c2d4e5b6a7", "placement": EMAIL[:60], "items": [item, f"/x/{DOTTED}"]},
            {"seq": 4, "kind": "custom", "at_ms": now, "name": f"fone {WRITTEN}",
             "props": {"de": EMAIL, EMAIL: True, "cpf": int(CPF) if CPF[0] != "0" else CPF, "doc": DOTTED, "fone": f"11{PHONE}", "senha": TOKEN,
                       "jwt": JWT, "texto": f"token={TOKEN} de {EMAIL}"}},
        ],
    }
    body.update(changes)
    return body


def call(method, path, body=None, **headers):
    """(status, answer as bytes, headers as text); the answer is an output like any other."""
    url = f"http://127.0.0.1:{PORT}{path}"
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    every = {"Origin": SITE, "Content-Type": "text/plain", "User-Agent": AGENT, "x-pulso-test-ip": ADDRESS, "CF-Connecting-IP": ADDRESS}
    every |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, every, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read(), str(response.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), str(refused.headers)


def provoke():
    """Everything that answers, asked well and badly. The answers; they may say to the sender what it sent, but not what others did."""
    good = [call("POST", "/pageview", batch(number)) for number in range(3)]
    assert [status for status, _, _ in good] == [202] * 3, good
    agreed = call("POST", "/pageview", batch(4, consent="full", visitor=os.urandom(16).hex()))
    private = call("POST", "/pageview", batch(5, consent="full"), Sec_GPC="1")
    assert (agreed[0], private[0]) == (202, 202), (agreed, private)
    whole = json.dumps(batch(6)).encode()
    refused = [
        call("POST", "/pageview", batch(7, portal="zz")), call("POST", "/pageview", batch(8, portal=EMAIL)), call("POST", "/pageview", whole[:-9]),
        call("POST", "/pageview", batch(9, sent_at_ms=EMAIL)), call("POST", "/pageview", batch(10, events=[])),
        call("POST", "/pageview", batch(11), Origin="https://evil.example"), call("POST", "/pageview", batch(12), Content_Type="text/html"),
        call("POST", "/pageview", f"user={LOGIN}&email={EMAIL}&cpf={CPF}&token={TOKEN}".encode()), call("POST", "/pageview", EMAIL.encode()),
        call("POST", "/pageview", batch(13, events=[{"seq": 0, "kind": EMAIL, "at_ms": CPF}])),
    ]
    assert all(400 <= status < 500 for status, _, _ in refused), [status for status, _, _ in refused]
    query = urllib.parse.urlencode({"portal": "g1", "item": f"/perfil/{EMAIL}", "visitor": VISITOR, "referrer": f"https://x.example/?q={TOKEN}"})
    asked = [
        call("GET", f"/recommendations?{query}"), call("GET", f"/similar?{query}"), call("GET", f"/recommendations?portal={TOKEN}"),
        call("GET", f"/{TOKEN}/{EMAIL}?token={TOKEN}"), call("GET", "/metrics", Authorization=f"Bearer {GUESS}"), call("GET", "/health"),
        call("PUT", f"/admin/portals/{TOKEN}/rules", b"{}", Authorization=f"Bearer {GUESS}"),
    ]
    # A refusal may quote to its sender what it sent.
    return [*good, agreed, private, asked[0], asked[1], asked[4], asked[5]]


def published():
    """What operators read."""
    bearer = {"Authorization": f"Bearer {SECRET}", "x_pulso_test_ip": "192.0.2.1"}
    yield "/metrics", call("GET", "/metrics", **bearer)[1]
    yield "/admin/bad", call("GET", f"/admin/bad?since_ms={BEGAN_MS}", **bearer)[1]
    for path in ["/figures", "/metrics", "/feedback?portal=g1", "/health"]:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 1}{path}", timeout=30) as response:
            yield f"backend {path}", response.read()


def streamed():
    kinesis = client(AWS)
    names = list(event_streams().values()) + [name.replace("-events", "-interactions") for name in event_streams().values()]
    for name in names:
        yield f"stream {name}", json.dumps(Reader(kinesis, name).read(), ensure_ascii=False).encode()


def kept(folder):
    """Every file of the run but those that hold secrets because they are given there: logs, KV, R2, the backend's state.
    Databases are read through SQLite too, for a write-ahead log may split a text."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name in ("dev.vars", "wrangler.toml", "admin-secret") or "ministack" in file.parts[-2:-1] or "target" in file.parts[len(folder.parts):]:
            continue
        content = file.read_bytes()
        if file.name == "worker.log":
            # What `wrangler dev` itself prints of each request is printed nowhere else.
            content = b"\n".join(line for line in content.split(b"\n") if not line.startswith(b"[wrangler:info] "))
        yield str(file.relative_to(folder)), content
        if file.suffix == ".sqlite":
            yield f"{file.relative_to(folder)}, dumped", dumped(file)


def dumped(file):
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        return "\n".join(connection.iterdump()).encode()
    except sqlite3.Error:
        return b""


def search(outputs, wanted):
    """[(marker, output, its surroundings)]"""
    found = []
    for name, text in wanted.items():
        patterns = {form for form in forms(text) if len(form) >= 8}
        for where, content in outputs:
            at = next((at for at in map(content.find, patterns) if at >= 0), None)
            if at is not None:
                found.append((name, where, content[max(0, at - 60):at + 60]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="the run's folder, with logs/ and worker/")
    parser.add_argument("--secret", action="append", default=[], help="what the environment holds, besides the admin's")
    folder, secrets = (options := parser.parse_args()).folder, [SECRET, *options.secret]

    # An isolate keeps sixty refused bodies a minute, and whoever came before may have used them up.
    time.sleep(60.5 - time.time() % 60)
    answers = provoke()
    bad, stream = 10, 5
    deadline = time.time() + 30
    while True:
        outputs = [*published(), *streamed(), *kept(folder)]
        outputs += [(f"answer {number}", body + headers.encode()) for number, (_, body, headers) in enumerate(answers)]
        in_streams = b"".join(content for where, content in outputs if where.startswith("stream")).count(CAMPAIGN.encode())
        in_bad = next(content for where, content in outputs if where == "/admin/bad").count(b'"key"')
        if in_streams >= stream and in_bad >= bad or time.time() > deadline:
            break
        time.sleep(0.5)
    # The search looks where something is.
    assert in_streams >= stream, f"{in_streams} of {stream} batches are in the streams"
    assert in_bad >= bad, f"{in_bad} of {bad} refused bodies are kept"
    present = {where for _, where, _ in search(outputs, {"campaign": CAMPAIGN, "word": WORD})}
    for place in ["/admin/bad", "stream pulso-g1-events"]:
        assert place in present, f"{place} was not looked at, only {sorted(present)}"
    assert any("r2" in place for place in present), f"R2 was not looked at, only {sorted(present)}"
    assert any(where.startswith("logs/worker.log") for where, _ in outputs), "the worker's log was not looked at"

    wanted = markers(secrets)
    # Each marker, in each form, would be found in a log.
    for form in {form for text in wanted.values() for form in forms(text) if len(form) >= 8}:
        assert search([("planted", b"a log, " + form + b", and more")], wanted), form
    found = search(outputs, wanted)
    for name, where, around in found:
        print(f"{name} is in {where}: …{around!r}…")
    size = sum(len(content) for _, content in outputs)
    print(f"{len(outputs)} outputs, {size} bytes, {len(wanted)} markers in six forms: {len(found)} found")
    sys.exit(1 if found else 0)


PORT = int(os.environ["PULSO_PORT"])
SECRET = os.environ["PULSO_ADMIN_SECRET"]
AWS = os.environ["PULSO_AWS_URL"]
SITE = f"http://g1.localhost:{PORT}"
BEGAN_MS = int(time.time() * 1000)

if __name__ == "__main__":
    main()
