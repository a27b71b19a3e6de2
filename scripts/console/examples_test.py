"""The examples of the HTTP API do what they say."""

import http.server
import json
import subprocess
import threading
import unittest

from stand import Stand

# Those that hand operations over.
POSTING = ("Examples/http/outbox.sh", "Examples/http/outbox.py", "Examples/Sidecar/client.sh", "Examples/Sidecar/client.py")
# Those that post again by themselves.
PATIENT = POSTING[1:]


class Sidecar(http.server.ThreadingHTTPServer):
    """Stands in for one: answers the first posts with these statuses, and all others with 202; one that is asked why says `explain`."""

    def __init__(self, *statuses, explain=200):
        self.statuses, self.explain, self.posts = list(statuses), explain, 0
        super().__init__(("127.0.0.1", 0), Answers)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def run(self, example):
        return subprocess.run([example, f"http://127.0.0.1:{self.server_port}"], capture_output=True, text=True, timeout=60)


class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 202
        receipt = {"id": "n1", "seq": 1, "status": "pending", "outcome": "accepted"}
        self.say(status, receipt if status == 202 else {"status": status, "detail": "the test says so"})

    def do_GET(self):
        if not self.path.endswith("/explain"):
            return self.say(200, {"operations": []})
        told = {"id": "n1", "claimable": True} if self.server.explain == 200 else {"detail": "no operation n1: it expired"}
        return self.say(self.server.explain, told)

    def say(self, status, body):
        text = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


class ExampleTests(unittest.TestCase):
    def test_both_examples_enqueue_once_however_often_they_run(self):
        with Stand() as stand:
            for example in ("Examples/http/outbox.sh", "Examples/http/outbox.py"):
                before = stand.books["accepted"]
                for _ in range(2):
                    done = subprocess.run([example, stand.url], capture_output=True, text=True, check=True)
                    self.assertIn("on disk: ", done.stdout)
                self.assertEqual(stand.books["accepted"], before + 1, example)

    def test_they_post_again_after_a_429_and_a_503(self):
        for example in PATIENT:
            with Sidecar(429, 503) as sidecar:
                done = sidecar.run(example)
                self.assertEqual(done.returncode, 0, (example, done.stderr))
                self.assertGreaterEqual(sidecar.posts, 3, example)

    def test_what_is_wrong_is_not_posted_again(self):
        for example in POSTING:
            with Sidecar(400, 400) as sidecar:
                done = sidecar.run(example)
                self.assertNotEqual(done.returncode, 0, example)
                self.assertEqual(sidecar.posts, 1, example)

    def test_the_shell_says_delivered_only_of_what_was(self):
        with Sidecar(explain=404) as sidecar:
            done = sidecar.run("Examples/http/outbox.sh")
            self.assertIn("it expired", done.stdout)
            self.assertNotIn("delivered", done.stdout)
        with Sidecar(explain=500) as sidecar:
            done = sidecar.run("Examples/http/outbox.sh")
            self.assertNotEqual(done.returncode, 0)
            self.assertNotIn("delivered", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
