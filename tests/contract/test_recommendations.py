"""Holds the running worker against edge/openapi.yaml: the five lists, and the files that they are made from."""

import http.client
import json
import os
import pathlib
import time
import unittest

from door import PORT, SECRET, call

MODEL = pathlib.Path(os.environ["PULSO_MODEL"])


def publish(portal, name, content):
    """Through the admin door."""
    status, answer, _ = call("PUT", f"/admin/portals/{portal}/{name}", content, content_type="application/octet-stream", Authorization=f"Bearer {SECRET}")
    assert status == 200, answer


def ask(path):
    """Where a list of ge is from, and its items."""
    _, answer, _ = call("GET", f"{path}{'&' if '?' in path else '?'}portal=ge")
    return answer["source"], [item["item"] for item in answer["items"]]


def await_true(holds, patience_s=25):
    """What is published shows when the isolate has read it again."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"does not hold after {patience_s} s"
        time.sleep(0.2)


class Recommend(unittest.TestCase):
    """On ge, which is nobody's in this run: the backend publishes nothing over what this does."""

    DOORS = ["/recommendations", "/similar?item=/ge/0", "/trending", "/top-pages", "/latest"]
    ITEMS = [f"/ge/{n}" for n in range(10)]

    @classmethod
    def setUpClass(cls):
        publish("ge", "model", MODEL.read_bytes())
        await_true(lambda: ask("/trending")[0] == "trending")

    def tearDown(self):
        for name, nothing in [("rules", {"v": 1}), ("items", {"v": 1, "items": {}})]:
            publish("ge", name, nothing)
        await_true(lambda: ask("/top-pages?limit=50") == ("top_pages", self.ITEMS))

    def test_it_always_answers(self):
        for portal in ["g1", "ge"]:
            for door in self.DOORS:
                for query in ["", "limit=1", "limit=50", "item=/a&read=/b,/c", "section=rio", "exclude=/g1/,/ge/", "published_after=2100-01-01"]:
                    path = f"{door}{'&' if '?' in door else '?'}portal={portal}&{query}"
                    status, answer, _ = call("GET", path)
                    self.assertEqual(status, 200, answer)
                    self.assertTrue(answer["items"], f"{path} is empty")

    def test_each_list_is_what_it_says(self):
        self.assertEqual(ask("/recommendations?limit=4"), ("trending", self.ITEMS[:4]))
        self.assertEqual(ask("/trending?limit=5"), ("trending", self.ITEMS[:5]))
        self.assertEqual(ask("/top-pages"), ("top_pages", self.ITEMS))
        self.assertEqual(ask("/latest"), ("latest", self.ITEMS))
        self.assertEqual(ask("/similar?item=/ge/6&limit=2"), ("similar", ["/ge/7", "/ge/0"]))
        source, items = ask("/recommendations?item=/ge/6&limit=50")
        self.assertEqual((source, items[0], sorted(items)), ("personal", "/ge/7", [item for item in self.ITEMS if item != "/ge/6"]))
        found = call("GET", "/recommendations?portal=ge&item=/ge/6")[1]
        self.assertEqual((found["model_version"], found["items"][0]["why"]), ("made", "similar:/ge/6"))

    def test_the_current_page_and_read_pages_are_never_in_it(self):
        for door in ["/recommendations", "/similar", "/trending", "/top-pages", "/latest"]:
            _, items = ask(f"{door}?item=/ge/0&read=/ge/1,/ge/2&exclude=/ge/9&limit=50")
            self.assertEqual(sorted(items), self.ITEMS[3:9], door)
        self.assertEqual(ask(f"/recommendations?item=/ge/0&read={','.join(self.ITEMS)}"), ("built_in", ["/ge/"]))

    def test_editors_pin_and_block_without_a_deployment(self):
        publish("ge", "rules", {"v": 1, "pins": [{"item": "/ge/pinned", "position": 2}], "blocks": [{"item": "/ge/0"}]})
        expected = ["/ge/1", "/ge/pinned", "/ge/2"]
        await_true(lambda: ask("/recommendations?limit=3") == ("trending", expected))
        for door in self.DOORS[2:]:
            self.assertNotIn("/ge/0", ask(f"{door}?limit=50")[1])

    def test_the_portals_own_catalogue_wins_and_takes_articles_back(self):
        now = int(time.time() * 1000)
        own = {"url": "https://ge.example/1.ghtml", "title": "Dito pelo portal", "section": "futebol", "published_at_ms": now - 1_000}
        items = {"/ge/0": {"unpublished": True}, "/ge/1": own, "/ge/2": {**own, "expires_at_ms": now - 1}}
        publish("ge", "items", {"v": 1, "items": items})
        await_true(lambda: ask("/top-pages?limit=50")[1] == ["/ge/1", *self.ITEMS[3:]])
        self.assertEqual(ask("/recommendations?section=futebol"), ("trending", ["/ge/1"]))
        self.assertEqual(ask(f"/recommendations?published_after={now - 2_000}"), ("trending", ["/ge/1"]))
        found = call("GET", "/latest?portal=ge&limit=1")[1]["items"][0]
        self.assertEqual((found["url"], found["title"]), (own["url"], own["title"]))

    def test_only_what_is_nobodys_is_shared(self):
        def asked(query, origin=f"http://ge.localhost:{PORT}", door="/recommendations"):
            status, answer, headers = call("GET", f"{door}?portal=ge&{query}", origin=origin)
            self.assertEqual(status, 200)
            return answer["rec_id"], headers

        first, headers = asked("limit=7")
        self.assertEqual(headers["Cache-Control"], "public, max-age=15")
        # It is kept after it was answered.
        await_true(lambda: asked("limit=7")[0] == asked("limit=7")[0])
        kept = asked("limit=7")[0]
        for origin, allowed in [(f"http://g1.localhost:{PORT}", True), (f"http://ge.localhost:{PORT}", True), ("https://evil.example", False), (None, False)]:
            rec_id, headers = asked("limit=7", origin)
            self.assertEqual((rec_id, headers["Access-Control-Allow-Origin"]), (kept, origin if allowed else None), "headers are of the request")
            self.assertIn("Origin", headers["Vary"])
        self.assertNotEqual(asked("limit=7", door="/trending")[0], kept)
        for query in ["item=/ge/0", "read=/ge/0", f"visitor={'a' * 32}", "referrer=https://t.co/a"]:
            one, headers = asked(query)
            self.assertEqual(headers["Cache-Control"], "private, no-store", query)
            self.assertNotEqual(asked(query)[0], one, query)

    def test_readers_are_divided_between_two_parameter_sets(self):
        def in_b(query):
            return bool(int(call("GET", f"/recommendations?portal=ge&{query}")[1]["rec_id"], 16) & 8)

        visitors = [os.urandom(16).hex() for _ in range(40)]
        self.assertFalse(in_b("limit=9") or any(in_b(f"visitor={visitor}") for visitor in visitors))
        publish("ge", "rules", {"v": 1, "b_share_pct": 100})
        await_true(lambda: in_b(f"visitor={visitors[0]}"))
        self.assertTrue(in_b("limit=9"), "an answer of the other set is shared")
        publish("ge", "rules", {"v": 1, "b_share_pct": 50})
        await_true(lambda: not all(in_b(f"visitor={visitor}") for visitor in visitors))
        divided = [in_b(f"visitor={visitor}") for visitor in visitors]
        self.assertTrue(5 < sum(divided) < 35, divided)
        self.assertEqual([in_b(f"visitor={visitor}") for visitor in visitors], divided)
        _, _, headers = call("GET", "/recommendations?portal=ge")
        self.assertEqual(headers["Cache-Control"], "private, max-age=15")

    def test_bad_questions_are_answered_precisely(self):
        for query, status, code in [
            ("?portal=zz", 404, "unknown_portal"), ("", 422, "missing_field"), ("?portal=g1&limit=x", 422, "bad_field"),
            ("?portal=g1&published_after=yesterday", 422, "bad_field"), ("?portal=g1&visitor=me", 422, "bad_field"),
        ]:
            got, answer, _ = call("GET", f"/recommendations{query}")
            self.assertEqual((got, answer["error"]["code"]), (status, code))
        got, answer, _ = call("GET", "/similar?portal=g1")
        self.assertEqual((got, answer["error"]["code"]), (422, "missing_field"))


class Files(unittest.TestCase):
    def put(self, path, body, secret=SECRET):
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        status, answer, _ = call("PUT", path, body, content_type="application/json", **headers)
        return status, answer and answer.get("error", {}).get("code")

    def test_only_the_secret_opens_it(self):
        model = MODEL.read_bytes()
        for secret in [None, "", "wrong", SECRET + "x", SECRET[:-1]]:
            self.assertEqual(self.put("/admin/portals/ge/model", model, secret), (401, "unauthorized"))
        self.assertEqual(call("GET", "/admin/portals/ge/rules")[0], 401)

    def test_what_is_not_what_it_has_to_be_is_refused(self):
        model = MODEL.read_bytes()
        later = model[:8] + b"\x02" + model[9:]
        for name, body, status, code in [
            ("model", b"{", 422, "bad_model"), ("model", model[:-1], 422, "bad_model"), ("model", later, 422, "unsupported_version"),
            ("model", model[:200] + bytes([model[200] ^ 1]) + model[201:], 422, "bad_model"),
            ("cards", "{", 400, "malformed_json"), ("cards", '{"v":1}', 422, "bad_field"), ("cards", '{"v":2,"cards":{}}', 422, "unsupported_version"),
            ("items", '{"v":1,"items":{"/a":{"url":"javascript:alert(1)","title":"a"}}}', 422, "bad_field"),
            ("rules", '{"v":1,"pin":[]}', 422, "bad_field"), ("rules", '{"v":1,"blocks":[{"prefix":"/ge/"}]}', 422, "bad_field"),
            ("rules", " " * 1_048_577, 413, "body_too_large"),
        ]:
            self.assertEqual(self.put(f"/admin/portals/ge/{name}", body), (status, code), f"{name} {body[:40]!r}")
        self.assertEqual(self.put("/admin/portals/zz/model", "{}"), (404, "unknown_portal"))
        self.assertEqual(self.put("/admin/portals/ge/nothing", "{}"), (404, "unknown_path"))

    def test_what_is_published_can_be_read_back(self):
        def read(name):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
            connection.request("GET", f"/admin/portals/g1/{name}", headers={"Authorization": f"Bearer {SECRET}"})
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, body, answer.headers["Content-Type"]

        self.assertEqual(json.loads(read("items")[1])["error"]["code"], "not_published")
        self.assertEqual(call("GET", "/admin/portals/g1/items", Authorization=f"Bearer {SECRET}")[0], 404)
        rules = b'{"v":1, "section_max": 50}'
        publish("g1", "rules", rules)
        self.assertEqual(read("rules"), (200, rules, "application/json"))


if __name__ == "__main__":
    unittest.main()
