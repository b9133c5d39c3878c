"""Holds the running worker against SECURITY.md: origins, headers, redirects, what errors and metrics tell, who may look deep."""

import http.client
import json
import os
import re
import socket
import unittest

from door import ORIGIN, PORT, SECRET, call
from test_worker import batch

DOORS = ["/recommendations", "/similar", "/trending", "/top-pages", "/latest"]
EVIL = "evil.example"
# Origins that are nobody's, in the ways in which comparisons go wrong. `G` is this machine's g1.
G = f"g1.localhost:{PORT}"
HOSTILE_ORIGINS = [
    "https://evil.example", "http://evil.example", f"http://evil.example:{PORT}", "null", "NULL", "Null", "", " ", "*", "http://*", "https://*",
    f"http://*.{G}", f"https://{G}", f"ftp://{G}", f"HTTP://{G}", f"http://{G}/", f"http://{G}/a", f"http://{G}?", f"http://{G}#", f"http://{G}@{EVIL}",
    f"http://{EVIL}@{G}", f"http://user:pw@{G}", f"http://{EVIL}#@{G}", f"http://{EVIL}?{G}", f"http://{EVIL}/{G}", f"http://{EVIL}\\{G}",
    f"http://{EVIL}\\.{G}", f"http://{EVIL}%00.{G}", f"http://{EVIL}%2f.{G}", f"http://evil{G}", f"http://evil-{G}", f"http://{G}.{EVIL}",
    "http://g1.localhost.evil.example", "http://g1.localhost@evil.example", "http://g1.localhostx:80", "http://xg1.localhost:80", "http://localhost",
    f"http://localhost:{PORT}", f"http://127.0.0.1:{PORT}", f"http://[::1]:{PORT}", "http://g1.localhost:", "http://g1.localhost:80:80",
    "file://", "data:text/html,x", "about:blank", "blob:null", "chrome-extension://abcdefghijklmnop", "moz-extension://0", "capacitor://localhost",
    "android-app://com.example", "//g1.localhost", "g1.localhost", f"http:/{G}", f"http//{G}", f"http://{G},http://{G}", f"http://{G} http://evil.example",
    f"http://{G};http://evil.example", f"http://\tevil.{G}", "http://g1.localhost:+80", "http://g1.localhost:99999",
]


def raw(head, body=b""):
    """A request as it stands, byte for byte; (status, headers, body)."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as connection:
        connection.sendall(head.encode("latin-1") + b"\r\n\r\n" + body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, dict(response.getheaders()), response.read()


def plain(method, path, body=None, **headers):
    # Not from where the other tests come: whoever asks for what only operators may, several times, is stopped.
    headers = {"X-Pulso-Test-Ip": "198.51.100.9", **headers}
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode("utf-8", "replace")
    connection.close()
    return response.status, text, response.headers


class Origins(unittest.TestCase):
    def test_fifty_hostile_origins_are_not_reflected(self):
        self.assertGreaterEqual(len(set(HOSTILE_ORIGINS)), 50)
        body = json.dumps(batch())
        for origin in HOSTILE_ORIGINS:
            with self.subTest(origin=origin):
                headers = {"Origin": origin}
                answers = [plain("GET", "/trending?portal=g1", **headers), plain("OPTIONS", "/pageview", **headers)]
                posted = plain("POST", "/pageview", body, **headers, **{"Content-Type": "text/plain"})
                self.assertEqual(posted[0], 403, posted[1])
                for _, _, answered in [*answers, posted]:
                    self.assertIsNone(answered["Access-Control-Allow-Origin"])
                    self.assertIsNone(answered["Access-Control-Allow-Credentials"])
                    self.assertIn("Origin", answered["Vary"] or "")
        # And the portal's own still is, in the same ways.
        for status, _, answered in [plain("GET", "/trending?portal=g1", Origin=ORIGIN), plain("OPTIONS", "/pageview", Origin=ORIGIN)]:
            self.assertEqual((answered["Access-Control-Allow-Origin"], answered["Access-Control-Allow-Credentials"]), (ORIGIN, None))


class Headers(unittest.TestCase):
    SPLIT = "%0d%0aX-Evil:%201%0d%0a%0d%0a%3Cscript%3E"

    def test_nothing_that_is_asked_becomes_a_header(self):
        asked = [f"{door}?portal=g1&item=/{self.SPLIT}&section={self.SPLIT}&limit=3" for door in DOORS]
        asked += [f"/recommendations?portal={self.SPLIT}", f"/{self.SPLIT}", f"/admin/portals/{self.SPLIT}/rules", f"/v/0a1b2c3d/{self.SPLIT}.js"]
        for path in asked:
            with self.subTest(path=path):
                status, text, headers = plain("GET", path, Origin=ORIGIN)
                self.assertIsNone(headers["X-Evil"])
                self.assertIn("application/json", headers["Content-Type"])
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                json.loads(text)

    def test_a_header_that_is_split_is_not_passed_on(self):
        head = f"GET /trending?portal=g1 HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\nOrigin: {ORIGIN}\x0bX-Evil: 1"
        status, headers, _ = raw(head)
        self.assertFalse({"x-evil", "access-control-allow-origin"} & {name.lower() for name in headers}, headers)

    def test_what_a_page_says_is_quoted_in_errors_as_text(self):
        status, answer, headers = call("POST", "/pageview", batch(), origin="https://evil.example/\"\\<script>")
        self.assertEqual((status, answer["error"]["code"]), (403, "origin_not_allowed"))
        self.assertEqual(headers["Content-Type"], "application/json")


class Redirects(unittest.TestCase):
    def test_no_door_leads_anywhere(self):
        wishes = "&".join(f"{name}=https://{EVIL}/" for name in ["url", "u", "next", "redirect", "return", "to", "href", "item", "referrer"])
        paths = [f"{door}?portal=g1&{wishes}" for door in [*DOORS, "/pageview", "/health", "/metrics", "/pulso.js"]]
        paths += [f"//{EVIL}", f"//{EVIL}/", f"//{EVIL}/..", f"/\\{EVIL}", f"/%5c{EVIL}/", f"/https://{EVIL}", "/r", "/redirect", "/click", f"/%2f%2f{EVIL}/%2e%2e"]
        for path in paths:
            for method in ["GET", "POST"]:
                with self.subTest(path=path, method=method):
                    status, _, headers = plain(method, path)
                    place = headers["Location"] or ""
                    self.assertFalse(300 <= status < 400 and EVIL in place.split("?")[0] and not place.startswith(f"/{EVIL}"), f"{status} {place}")


class Errors(unittest.TestCase):
    def test_errors_tell_a_code_and_nothing_of_the_inside(self):
        inside = re.compile(r"panicked|\.rs\b|src/|0x[0-9a-f]{6}|wasm|serde|stack|at line \d+ column \d+.*at line|kinesis\.|127\.0\.0\.1:\d+/[a-z_]*amz", re.IGNORECASE)
        asked = [
            ("POST", "/pageview", "{"), ("POST", "/pageview", '{"v":1}'), ("POST", "/pageview", json.dumps(batch(portal="zz"))),
            ("POST", "/pageview", json.dumps(batch(events=[{"seq": 0, "kind": "custom", "at_ms": 1, "name": "x", "props": {"a": {"b": 1}}}]))),
            ("GET", "/recommendations?portal=zz", None), ("GET", "/recommendations?portal=g1&visitor=me", None), ("GET", "/similar?portal=g1", None),
            ("GET", "/recommendations?portal=g1&limit=x", None), ("DELETE", "/pageview", None), ("GET", "/admin/bad", None), ("GET", "/nothing", None),
            ("PUT", "/admin/portals/g1/rules", "{}"), ("PATCH", "/health", None), ("GET", "/v/00000000/pulso.js", None),
        ]
        for method, path, body in asked:
            with self.subTest(path=path, body=body):
                status, text, _ = plain(method, path, body, Origin=ORIGIN, **({"Content-Type": "text/plain"} if body else {}))
                self.assertGreaterEqual(status, 400)
                error = json.loads(text)["error"]
                self.assertRegex(error["code"], r"^[a-z_]+$")
                self.assertIsNone(inside.search(text), text)


class Operators(unittest.TestCase):
    # Few: wrong secrets are limited, too.
    def test_wrong_secrets_are_401_with_a_stable_code(self):
        for authorization in ["Bearer ", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}", f"Basic {SECRET}"]:
            with self.subTest(authorization=authorization):
                status, answer, headers = call("GET", "/admin/bad", Authorization=authorization, **{"X-Pulso-Test-Ip": "198.51.100.10"})
                self.assertEqual((status, answer["error"]["code"], headers["WWW-Authenticate"]), (401, "unauthorized", "Bearer"))

    def test_a_deep_look_is_for_operators_and_tells_no_secret(self):
        self.assertEqual(call("GET", "/health?deep=1", **{"X-Pulso-Test-Ip": "198.51.100.11"})[0], 401)
        status, answer, _ = call("GET", "/health?deep=1", Authorization=f"Bearer {SECRET}")
        self.assertEqual((status, answer["status"]), (200, "ok"), answer)
        names = {check["name"] for check in answer["checks"]}
        wanted = {"aws_access_key", "stream pulso-g1-events", "stream pulso-ge-events", "STORE answers", "ARCHIVE answers", "ASSETS answers"}
        self.assertLessEqual(wanted, names)
        self.assertNotIn(SECRET, json.dumps(answer))

    def test_metrics_have_a_fixed_set_of_names(self):
        def series():
            _, text, _ = plain("GET", "/metrics", Authorization=f"Bearer {SECRET}")
            return {line.split(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}

        before = series()
        for _ in range(30):
            marker = os.urandom(6).hex()
            plain("POST", "/pageview", json.dumps(batch(portal=marker)), Origin=f"https://{marker}.example", **{"Content-Type": "text/plain", "User-Agent": marker})
            plain("GET", f"/trending?portal={marker}&{marker}={marker}", Origin=ORIGIN, **{"User-Agent": marker})
            plain("GET", f"/{marker}")
        after = series()
        # Isolates are several, and each begins anew: what one knows the other may not.
        self.assertTrue(before and len(after) < 60 and all(re.fullmatch(r'[a-z_]+(\{[a-z_]+="[a-z0-9_.-]{1,32}"(,[a-z_]+="[a-z0-9_.-]{1,32}")*\})?', name) for name in after), after)
        self.assertEqual(before, after)


class SharedAnswers(unittest.TestCase):
    def test_no_header_is_in_a_shared_answer_or_its_key(self):
        first = plain("GET", "/trending?portal=ge&limit=2", Origin=ORIGIN)[1]
        for headers in [{"X-Forwarded-Host": EVIL}, {"X-Forwarded-Proto": "javascript"}, {"X-Original-URL": f"/{EVIL}"}, {"Forwarded": f"host={EVIL}"}]:
            _, text, answered = plain("GET", "/trending?portal=ge&limit=2", Origin=ORIGIN, **headers)
            self.assertNotIn(EVIL, text + str(answered))
            self.assertEqual(items(first), items(text))


def items(text):
    return [item["item"] for item in json.loads(text)["items"]]


if __name__ == "__main__":
    unittest.main()
