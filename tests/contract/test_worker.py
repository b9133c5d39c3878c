"""Holds the running worker against edge/openapi.yaml: every answer has the shape the document promises, good and bad alike."""

import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import time
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORT = int(os.environ["PULSO_PORT"])
SECRET = os.environ["PULSO_ADMIN_SECRET"]
ORIGIN = f"http://g1.localhost:{PORT}"
MODEL = pathlib.Path(os.environ["PULSO_MODEL"])
DOCUMENT = yaml.safe_load((ROOT / "edge/openapi.yaml").read_text())


def batch(**changes):
    now = int(time.time() * 1000)
    good = {
        "v": 1, "portal": "g1", "pageview": f"{now:012x}" + os.urandom(10).hex(), "visitor": os.urandom(16).hex(),
        "consent": "full", "page": "article", "url": f"{ORIGIN}/contract", "item": "/contract", "referrer": "",
        "sent_at_ms": now, "dropped": 0, "bot": False, "events": [{"seq": 0, "kind": "pageview", "at_ms": now}],
    }
    good.update(changes)
    return {name: value for name, value in good.items() if value is not ...}


def call(method, path, body=None, origin=ORIGIN, content_type="text/plain", chunked=False, **headers):
    """One request; its answer is held against the document. (status, parsed body, headers)"""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    if origin is not None:
        headers["Origin"] = origin
    if content_type is not None and body is not None:
        headers["Content-Type"] = content_type
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    connection.request(method, path, iter([body]) if chunked else body, headers, encode_chunked=chunked)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    answer = json.loads(text) if text else None
    hold_to_document(method, path.split("?")[0], response.status, answer)
    return response.status, answer, response.headers


def hold_to_document(method, path, status, answer):
    for template, operations in DOCUMENT["paths"].items():
        parts, wanted = path.split("/"), template.split("/")
        if len(parts) == len(wanted) and all(w == p or w.startswith("{") for p, w in zip(parts, wanted)):
            operation = operations.get(method.lower())
            # A wrong method has no operation; what it answers is the common error.
            if operation is not None:
                responses = operation["responses"]
                assert str(status) in responses, f"{method} {path} answered {status}, openapi.yaml knows {list(responses)}"
                promised = resolve(responses[str(status)])
                if "content" in promised:
                    validate(answer, promised["content"]["application/json"]["schema"])
                else:
                    assert answer is None, f"{method} {path} {status} should have no body"
                return
    validate(answer, {"$ref": "#/components/schemas/ErrorBody"})


def resolve(node):
    if "$ref" in node:
        name = node["$ref"].split("/")
        node = DOCUMENT
        for part in name[1:]:
            node = node[part]
    return node


def validate(answer, schema):
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer)


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


class Collect(unittest.TestCase):
    def refused(self, status, code, *args, **kwargs):
        got, answer, headers = call("POST", "/pageview", *args, **kwargs)
        self.assertEqual((got, answer["error"]["code"]), (status, code), answer)
        self.assertNotIn("panicked", json.dumps(answer))
        # The neighbour beside it is served.
        self.assertEqual(call("POST", "/pageview", batch())[0], 202)
        return answer, headers

    def test_a_good_batch_is_accepted_in_both_content_types(self):
        for content_type in ["text/plain", "text/plain;charset=UTF-8", "application/json"]:
            status, answer, headers = call("POST", "/pageview", batch(), content_type=content_type)
            self.assertEqual((status, answer), (202, {"accepted": 1, "rejected": []}))
            self.assertEqual(headers["Access-Control-Allow-Origin"], ORIGIN)
            self.assertIn("Origin", headers["Vary"])
            self.assertNotIn("Access-Control-Allow-Credentials", headers)

    def test_a_bad_event_does_not_spoil_its_siblings(self):
        events = batch()["events"] + [{"seq": 1, "kind": "engagement", "at_ms": 1795337000000, "engaged_ms": -1, "scroll_pct": 3}]
        status, answer, _ = call("POST", "/pageview", batch(events=events))
        self.assertEqual((status, answer), (202, {"accepted": 1, "rejected": [{"index": 1, "code": "bad_engaged_ms"}]}))

    def test_what_a_page_says_badly_costs_only_itself(self):
        meta = {"title": "T" * 2_000, "image": "javascript:alert(1)", "published_at_ms": 5}
        status, answer, _ = call("POST", "/pageview", batch(item="no path", meta=meta, page="website", referrer="android-app://x"))
        self.assertEqual((status, answer["accepted"], answer["rejected"]), (202, 1, []))
        self.assertEqual(sorted(answer["ignored"]), ["item", "meta.image", "meta.published_at_ms"])
        self.assertEqual(call("POST", "/pageview", batch(page=...))[1], {"accepted": 1, "rejected": []})

    def test_an_unknown_portal_is_named(self):
        answer, _ = self.refused(422, "unknown_portal", batch(portal="zz"))
        self.assertIn("zz", answer["error"]["message"])

    def test_the_origin_has_to_be_the_portals(self):
        self.refused(403, "missing_origin", batch(), origin=None)
        self.refused(403, "missing_origin", batch(), origin="null")
        self.refused(403, "origin_not_allowed", batch(), origin="https://evil.example")
        answer, headers = self.refused(403, "origin_not_allowed", batch(), origin=f"http://ge.localhost:{PORT}")
        self.assertEqual(headers["Access-Control-Allow-Origin"], f"http://ge.localhost:{PORT}", "its page may read why")
        _, headers = self.refused(403, "origin_not_allowed", batch(), origin="https://evil.example")
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_malformed_json_says_where(self):
        answer, _ = self.refused(400, "malformed_json", '{"v":1,')
        self.assertIn("line 1", answer["error"]["message"])
        self.refused(400, "malformed_json", b"\xff\xfe")
        self.refused(400, "malformed_json", "")
        self.refused(400, "malformed_json", "[" * 60_000)
        self.refused(400, "not_an_object", "[]")

    def test_wrong_types_and_missing_fields_are_named(self):
        for changes, code, word in [
            ({"portal": 7}, "bad_field", "portal"), ({"url": "javascript:alert(1)"}, "bad_field", "url"),
            ({"sent_at_ms": "now"}, "bad_field", "sent_at_ms"), ({"pageview": "x"}, "bad_field", "pageview"),
            ({"consent": "off"}, "bad_field", "consent"), ({"events": {}}, "bad_field", "events"),
            ({"pageview": ...}, "missing_field", "pageview"), ({"events": ...}, "missing_field", "events"),
            ({"url": ...}, "missing_field", "url"), ({"v": 9}, "unsupported_version", "9"),
            ({"events": []}, "no_events", "events"), ({"events": [{}]}, "no_valid_event", "missing_"),
        ]:
            with self.subTest(changes=str(changes)):
                answer, _ = self.refused(422, code, batch(**changes))
                self.assertIn(word, answer["error"]["message"])
        many = [{"seq": n, "kind": "pageview", "at_ms": 1795337000000} for n in range(101)]
        self.refused(422, "too_many_events", batch(events=many))

    def test_a_body_past_64_kib_is_refused_however_it_comes(self):
        # Blanks after the document are JSON too: the length alone decides.
        text = json.dumps(batch())
        self.assertEqual(call("POST", "/pageview", text + " " * (65_536 - len(text)))[0], 202)
        self.refused(413, "body_too_large", text + " " * (65_537 - len(text)))
        self.refused(413, "body_too_large", text + " " * 66_560, chunked=True)

    def test_content_types_of_forms_are_refused(self):
        for content_type in ["application/x-www-form-urlencoded", "image/png", None]:
            self.refused(415, "unsupported_media_type", batch(), content_type=content_type)

    def test_wrong_methods_say_what_is_allowed(self):
        for method in ["GET", "PUT", "DELETE"]:
            status, answer, headers = call(method, "/pageview")
            self.assertEqual((status, answer["error"]["code"]), (405, "method_not_allowed"))
            self.assertIn("POST", headers["Allow"])
        self.assertEqual(call("POST", "/recommendations", "{}")[0], 405)

    def test_a_preflight_is_answered_for_portals_only(self):
        preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        status, _, headers = call("OPTIONS", "/pageview", **preflight)
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, ORIGIN))
        _, _, headers = call("OPTIONS", "/pageview", origin="https://evil.example", **preflight)
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_a_panic_fails_its_own_request_only(self):
        def post(number):
            headers = {"x-pulso-test-panic": "1"} if number % 4 == 0 else {}
            return number % 4 == 0, call("POST", "/pageview", batch(), **headers)[0]

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(post, range(200)))
        self.assertEqual({status for panics, status in answers if panics}, {503})
        self.assertEqual({status for panics, status in answers if not panics}, {202})

    def test_unknown_paths_are_json_too(self):
        status, answer, _ = call("GET", "/no/such/path")
        self.assertEqual((status, answer["error"]["code"]), (404, "unknown_path"))


class Scripts(unittest.TestCase):
    """What pages load: openapi.yaml says where, and this what."""

    def load(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, text, response.headers

    def test_an_alias_is_what_is_deployed(self):
        files = json.loads(self.load("/pulso.json")[1])["files"]
        for name in ["pulso.js", "recommendations.js"]:
            version = next(file for file in files if file.endswith("/" + name))
            status, text, headers = self.load(f"/{name}")
            pinned_status, pinned, pinned_headers = self.load(f"/v/{version}")
            self.assertEqual((status, pinned_status, text), (200, 200, pinned), name)
            self.assertIn("max-age=300", headers["Cache-Control"])
            self.assertIn("immutable", pinned_headers["Cache-Control"])
            for answer in [headers, pinned_headers]:
                self.assertEqual(answer["Access-Control-Allow-Origin"], "*")
                self.assertIn("text/javascript", answer["Content-Type"])
            self.assertEqual(self.load(f"/{name}", **{"If-None-Match": headers["ETag"]})[0], 304)

    def test_it_comes_in_brotli_with_the_hash_that_pages_pin(self):
        current = json.loads(self.load("/pulso.json")[1])
        status, plain, headers = self.load(current["path"])
        digest = base64.b64encode(hashlib.sha384(plain).digest()).decode()
        self.assertEqual((status, f"sha384-{digest}"), (200, current["integrity"]))
        self.assertIsNone(headers["Content-Encoding"])
        self.assertEqual(headers["Content-Type"], "text/javascript; charset=utf-8")
        # `wrangler dev` compresses anew for those who name gzip first.
        _, packed, headers = self.load(current["path"], **{"Accept-Encoding": "br"})
        self.assertEqual((headers["Content-Encoding"], headers["Vary"]), ("br", "Accept-Encoding"))
        self.assertLessEqual(len(packed), 3_000)
        unpack = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(0)))"
        node = str(ROOT / "node_modules/.bin/node")
        self.assertEqual(subprocess.run([node, "-e", unpack], input=packed, capture_output=True, check=True).stdout, plain)

    def test_other_names_have_no_alias(self):
        self.assertEqual([self.load(path)[0] for path in ["/fallback.js", "/current.json", "/recommendations.js/"]], [404, 404, 404])


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


class Admin(unittest.TestCase):
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

    def test_a_refused_body_can_be_looked_up(self):
        marker = os.urandom(8).hex()
        call("POST", "/pageview", batch(portal="zz", item=f"/{marker}"))
        headers = {"Authorization": f"Bearer {SECRET}"}
        deadline = time.monotonic() + 5
        found, after = [], ""
        while not found and time.monotonic() < deadline:
            _, page, _ = call("GET", f"/admin/bad?after={after}&limit=50", **headers)
            found = [body for body in page["bodies"] if marker in body["body"]]
            after = page["next"]
            time.sleep(0.1)
        self.assertEqual([body["code"] for body in found], ["unknown_portal"])
        later = int(time.time() * 1000) + 60_000
        self.assertEqual(call("GET", f"/admin/bad?since_ms={later}", **headers)[1]["bodies"], [])

    def test_health_names_every_part(self):
        status, answer, _ = call("GET", "/health")
        self.assertEqual((status, answer["status"]), (200, "ok"))
        names = {check["name"] for check in answer["checks"]}
        self.assertEqual(names, {"STORE", "ARCHIVE", "ASSETS", "RETRY_0", "RETRY_1", "portals", "kinesis", "aws_credentials", "admin_secret"})

    def test_metrics_are_for_operators(self):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {SECRET}"})
        text = connection.getresponse().read().decode()
        connection.close()
        self.assertIn("\npulso_delivery_stored_total ", text)
        self.assertEqual(call("GET", "/metrics")[0], 401)


if __name__ == "__main__":
    unittest.main()
