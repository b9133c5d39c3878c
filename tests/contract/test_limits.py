"""What one sender may ask of the running worker. In development only who says where it comes from is limited."""

import concurrent.futures
import os
import time
import unittest

from door import ORIGIN, SECRET, call
from test_worker import batch


def sender(number):
    """A sender of this run's own: what an earlier run was refused must not count."""
    return f"2001:db8:{os.urandom(2).hex()}:{number}::1"


def in_one_window(seconds, act):
    """Counts are kept in windows: what lies in two of them is done again."""
    for _ in range(5):
        time.sleep(seconds - time.time() % seconds + 0.05)
        began = time.time() // seconds
        done = act()
        if time.time() // seconds == began:
            return done
    raise AssertionError(f"this machine did not get it done within {seconds} s")


class Limits(unittest.TestCase):
    def test_one_visitor_is_stopped_and_others_beside_it_are_not(self):
        here = {"x-pulso-test-ip": sender(1)}

        def flood():
            visitor = os.urandom(16).hex()
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                posts = [pool.submit(call, "POST", "/pageview", batch(visitor=visitor), **here) for _ in range(240)]
            return visitor, [post.result() for post in posts]

        visitor, answers = in_one_window(10, flood)
        statuses = [status for status, _, _ in answers]
        # 20 that this isolate lets through unasked, and the 200 of the binding.
        self.assertEqual((statuses.count(202), statuses.count(429)), (220, 20))
        answers.sort(key=lambda answer: answer[0])
        _, answer, headers = answers[-1]
        self.assertEqual((answer["error"]["code"], headers["Retry-After"]), ("rate_limited", "10"))
        # A page reads why, and when to come back.
        self.assertEqual(headers["Access-Control-Allow-Origin"], ORIGIN)
        self.assertIn("Retry-After", headers["Access-Control-Expose-Headers"])
        self.assertEqual(call("POST", "/pageview", batch(), **here)[0], 202)
        self.assertEqual(call("POST", "/pageview", batch(visitor=visitor))[0], 202, "in development only who says so comes from afar")

    def test_who_guesses_at_the_secret_is_stopped_and_the_right_one_from_elsewhere_is_not(self):
        here = {"x-pulso-test-ip": sender(2)}
        if time.time() % 60 > 50:
            time.sleep(11)
        guesses = [call("GET", "/metrics", Authorization=f"Bearer wrong-{n}", **here)[0] for n in range(8)]
        self.assertEqual(guesses, [401] * 6 + [429] * 2)
        status, answer, headers = call("GET", "/admin/bad", Authorization=f"Bearer {SECRET}", **here)
        self.assertEqual((status, answer["error"]["code"], headers["Retry-After"]), (429, "rate_limited", "60"))
        elsewhere = {"x-pulso-test-ip": sender(3)}
        self.assertEqual(call("GET", "/admin/bad", Authorization=f"Bearer {SECRET}", **elsewhere)[0], 200)

    def test_health_knows_the_limits_bindings(self):
        _, answer, _ = call("GET", "/health")
        bound = {check["name"]: check["ok"] for check in answer["checks"]}
        for name in ["LIMIT_ADDRESS", "LIMIT_VISITOR", "LIMIT_GUESS"]:
            self.assertTrue(bound[name], name)


if __name__ == "__main__":
    unittest.main()
