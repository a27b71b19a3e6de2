"""The examples of the HTTP API do what they say."""

import subprocess
import unittest

from stand import Stand


class ExampleTests(unittest.TestCase):
    def test_both_examples_enqueue_once_however_often_they_run(self):
        with Stand() as stand:
            for example in ("Examples/http/outbox.sh", "Examples/http/outbox.py"):
                before = stand.books["accepted"]
                for _ in range(2):
                    done = subprocess.run([example, stand.url], capture_output=True, text=True, check=True)
                    self.assertIn("on disk: ", done.stdout)
                self.assertEqual(stand.books["accepted"], before + 1, example)


if __name__ == "__main__":
    unittest.main(verbosity=2)
