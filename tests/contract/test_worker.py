"""Holds the running worker against edge/openapi.yaml: batches, scripts, and what operators ask."""

import base64
import concurrent.futures
import gzip
import hashlib
import http.client
import json
import os
import subprocess
import time
import unittest

from door import ORIGIN, PORT, ROOT, SECRET, call


def batch(**changes):
    now = int(time.time() * 1000)
    good = {
        "v": 1, "portal": "g1", "pageview": f"{now:012x}" + os.urandom(10).hex(), "visitor": os.urandom(16).hex(),
        "consent": "full", "page": "article", "url": f"{ORIGIN}/contract", "item": "/contract", "referrer": "",
        "sent_at_ms": now, "dropped": 0, "bot": False, "events": [{"seq": 0, "kind": "pageview", "at_ms": now}],
    }
    good.update(changes)
    return {name: value for name, value in good.items() if value is not ...}


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

    def test_what_says_that_it_is_huge_is_refused_before_it_comes(self):
        for length in [65_537, 1_048_576, 100_000_000, 2**32 + 1, 2**53, 10**30]:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
            connection.putrequest("POST", "/pageview")
            for name, value in [("Origin", ORIGIN), ("Content-Type", "text/plain"), ("Content-Length", str(length))]:
                connection.putheader(name, value)
            connection.endheaders(b'{"v":1')
            status = connection.getresponse().status
            connection.close()
            # What is no length any more the platform itself refuses.
            self.assertIn(status, [413] if length <= 2**53 else [400, 413], length)
        self.assertEqual(call("POST", "/pageview", batch())[0], 202)

    def test_megabytes_without_a_length_are_cut_off(self):
        def chunks(count):
            yield json.dumps(batch()).encode()
            for _ in range(count):
                yield b" " * 65_536
        for count in [1, 16, 400]:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
            try:
                connection.request("POST", "/pageview", chunks(count), {"Origin": ORIGIN, "Content-Type": "text/plain"}, encode_chunked=True)
                self.assertEqual(connection.getresponse().status, 413, count)
            except (BrokenPipeError, ConnectionResetError):
                # The answer was given before all of it was sent; who goes on sending need not see it.
                self.assertGreater(count, 1)
            finally:
                connection.close()
        self.assertEqual(call("POST", "/pageview", batch())[0], 202)

    def test_a_length_that_is_a_lie_costs_only_its_sender(self):
        text = json.dumps(batch()).encode()
        # Too short: the rest is no request. The worker sees a body that is cut.
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        connection.putrequest("POST", "/pageview")
        for name, value in [("Origin", ORIGIN), ("Content-Type", "text/plain"), ("Content-Length", str(len(text) - 5))]:
            connection.putheader(name, value)
        connection.endheaders(text)
        self.assertEqual(connection.getresponse().status, 400)
        connection.close()
        self.assertEqual(call("POST", "/pageview", batch())[0], 202)

    def test_compressed_bodies_are_refused_and_not_unpacked(self):
        bomb = gzip.compress(b" " * 60_000_000 + json.dumps(batch()).encode())
        self.assertLess(len(bomb), 65_536)
        for encoding in ["gzip", "br", "deflate"]:
            self.refused(415, "unsupported_media_type", bomb, **{"Content-Encoding": encoding})
        # Without the word it is no JSON.
        self.refused(400, "malformed_json", bomb)

    def test_bodies_that_are_made_to_hurt_are_refused_or_do_no_harm(self):
        now = int(time.time() * 1000)
        deep = json.dumps(batch())[:-1] + ',"later":' + "[" * 20_000 + "]" * 20_000 + "}"
        self.assertEqual(call("POST", "/pageview", deep)[0], 202)
        props = '{"a":' * 5_000 + "1" + "}" * 5_000
        event = f'{{"seq":1,"kind":"custom","at_ms":{now},"name":"x","props":{props}}}'
        status, answer, _ = call("POST", "/pageview", json.dumps(batch())[:-2] + f",{event}]}}")
        self.assertEqual((status, answer["rejected"]), (202, [{"index": 1, "code": "bad_props"}]))
        self.refused(400, "malformed_json", '{"v":1,' * 9_000)
        self.refused(400, "malformed_json", json.dumps(batch())[:-1] + ',"portal":"g1"}')
        for number in ["NaN", "Infinity"]:
            self.refused(400, "malformed_json", json.dumps(batch()).replace('"dropped": 0', f'"dropped": {number}'))
        self.refused(422, "bad_field", json.dumps(batch()).replace('"dropped": 0', '"dropped": 1e999'))

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


class Admin(unittest.TestCase):
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
        self.assertEqual(names, {"LIMIT_ADDRESS", "LIMIT_VISITOR", "LIMIT_GUESS", "STORE", "ARCHIVE", "ASSETS", "RETRY_0", "RETRY_1", "portals", "kinesis", "aws_credentials", "admin_secret"})

    def test_metrics_are_for_operators(self):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {SECRET}"})
        text = connection.getresponse().read().decode()
        connection.close()
        self.assertIn("\npulso_delivery_stored_total ", text)
        self.assertEqual(call("GET", "/metrics")[0], 401)


if __name__ == "__main__":
    unittest.main()
