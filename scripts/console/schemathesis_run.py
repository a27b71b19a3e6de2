"""/openapi.json of a running sidecar against the schema of OpenAPI 3.1, then schemathesis against the sidecar, within bounds: no 5xx, no
answer that the document does not describe, and no operation of the document that is only ever refused."""

import json
import os
import subprocess
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

from stand import Stand, operation

EXAMPLES = os.environ.get("EXAMPLES", "40")
# How many 2xx each operation has to have given, at least. What is enqueued is what the API is for.
LEAST = {"POST /v1/operations": 40}
LEAST_OF_OTHERS = 3
FAILED = [f"known-{n}" for n in range(12)]


def run(stand, phases, mode):
    """One run of schemathesis. Returns its exit code and its answers: {operation: {status: count}}."""
    answers = os.path.join(stand.directory, "answers.json")
    failed = [f"bad-{room}" for room in FAILED]
    waiting = [o["id"] for o in stand.call("GET", "/v1/operations?status=pending&limit=200")["operations"]]
    known = {
        "POST /v1/operations/{id}/retry": failed, "DELETE /v1/operations/{id}": waiting,
        "GET /v1/operations/{id}": waiting + failed, "GET /v1/operations/{id}/explain": waiting + failed,
    }
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", stand.url + "/openapi.json", "--max-examples", EXAMPLES,
        "--exclude-path", "/v1/events", "--phases", phases, "--mode", mode,
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance",
        "--seed", "7", "--request-timeout", "20", "--no-color",
    ]
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="schemathesis_hooks", ANSWERS_FILE=answers, KNOWN_IDS=json.dumps(known))
    code = subprocess.run(command, check=False, env=environment).returncode
    try:
        with open(answers) as file:
            return code, json.load(file)
    except FileNotFoundError:
        return code or 1, {}
    finally:
        if os.path.exists(answers):
            os.remove(answers)


def main():
    with Stand() as stand:
        defects = [error.message for error in OpenAPIV31SpecValidator(stand.call("GET", "/openapi.json")).iter_errors()]
        if defects:
            sys.exit(f"/openapi.json is no OpenAPI 3.1: {defects}")
        stand.deliver(3)
        stand.fail(*FAILED)
        # What is enqueued from here on stays, so that it can be shown, explained and cancelled.
        stand.mode(mode="status", status=503)
        stand.enqueue(*(operation(f"waits-{n}", id=f"waits-{n}") for n in range(100)))
        codes, total = [], {}
        # First what the document says is right, then also what it does not say.
        for phases, mode in (("examples,fuzzing,stateful", "positive"), ("coverage,fuzzing", "all")):
            code, answers = run(stand, phases, mode)
            codes.append(code)
            for name, statuses in answers.items():
                for status, count in statuses.items():
                    total.setdefault(name, {}).setdefault(int(status), 0)
                    total[name][int(status)] += count
        print(f"books after it: {stand.books}")
        paths = stand.call("GET", "/openapi.json")["paths"]
    # The document itself is asked for by schemathesis before anything else.
    operations = [
        f"{method.upper()} {path}" for path, item in paths.items() for method in item
        if method != "parameters" and path not in ("/v1/events", "/openapi.json")
    ]
    refused = []
    for name in operations:
        statuses = total.get(name, {})
        good, least = sum(n for status, n in statuses.items() if 200 <= status < 300), LEAST.get(name, LEAST_OF_OTHERS)
        print(f"{name}: {good} of {sum(statuses.values())} answers are 2xx (at least {least}); {dict(sorted(statuses.items()))}")
        if good < least:
            refused.append(name)
    if refused:
        print(f"too few 2xx: {', '.join(refused)}", file=sys.stderr)
    sys.exit(1 if any(codes) or refused else 0)


if __name__ == "__main__":
    main()
