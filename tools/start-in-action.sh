#!/usr/bin/env bash
# What action.yml does: installs the sandbox, starts it in the background, and tells the job about it.
# SANDBOX_VERSION and SANDBOX_OPTIONS are the action's inputs; the other variables are the runner's.
set -euo pipefail

home=$RUNNER_TEMP/payments-sandbox
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet "${SANDBOX_VERSION:+payments-sandbox==}${SANDBOX_VERSION:-$GITHUB_ACTION_PATH}"

# Nothing else of that environment gets onto the PATH of the job.
mkdir -p "$home/bin"
ln -sf "$home/venv/bin/payments-sandbox" "$home/bin/payments-sandbox"
echo "$home/bin" >> "$GITHUB_PATH"

rm -f "$home/ready.json"
# Options are words, as on a command line; none of them has blanks in it.
# shellcheck disable=SC2086
nohup "$home/bin/payments-sandbox" serve --port 0 --ready-file "$home/ready.json" $SANDBOX_OPTIONS \
    > "$home/serve.log" 2>&1 &
server=$!
until [[ -f $home/ready.json ]]; do
    if ! kill -0 "$server" 2> /dev/null || ((SECONDS > 300)); then
        echo "::error title=payments-sandbox does not start::$(tail -n 1 "$home/serve.log")"
        cat "$home/serve.log" >&2
        exit 1
    fi
    sleep 0.05
done

"$home/venv/bin/python" - "$home/ready.json" << 'END'
import json
import os
import sys

VARIABLES = {
    "base_url": "PAYMENTS_BASE_URL",
    "sandbox_url": "PAYMENTS_SANDBOX_URL",
    "api_key": "PAYMENTS_API_KEY",
    "webhook_secret": "PAYMENTS_WEBHOOK_SECRET",
    "control_token": "PAYMENTS_SANDBOX_CONTROL_TOKEN",
}
with open(sys.argv[1], encoding="utf-8") as file:
    facts = json.load(file)
with (
    open(os.environ["GITHUB_ENV"], "a", encoding="utf-8") as variables,
    open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as outputs,
):
    for fact, variable in VARIABLES.items():
        if fact in facts:
            print(f"{variable}={facts[fact]}", file=variables)
            print(f"{fact}={facts[fact]}", file=outputs)
END
