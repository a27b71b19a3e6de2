"""schemathesis against /openapi.json of a running sidecar, within bounds: no 5xx, no answer that the document does not describe."""

import os
import subprocess
import sys

from stand import Stand

EXAMPLES = os.environ.get("EXAMPLES", "40")

with Stand() as stand:
    stand.deliver(3)
    stand.fail("known")
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", stand.url + "/openapi.json", "--max-examples", EXAMPLES,
        "--exclude-path", "/v1/events", "--phases", "examples,coverage,fuzzing",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance",
        "--seed", "7", "--request-timeout", "20", "--no-color",
    ]
    code = subprocess.run(command, check=False).returncode
    books = stand.books
    print(f"books after it: {books}")
sys.exit(code)
