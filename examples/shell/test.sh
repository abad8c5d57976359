#!/bin/sh
# The tests of pay.sh. They need no jq: the sandbox answers on one line.
cd "$(dirname "$0")" || exit
: "${PAYMENTS_SANDBOX_URL:?Start the tests with: payments-sandbox run -- ./test.sh}"
failures=0

control() { # METHOD PATH [BODY]
    curl -sS -X "$1" "$PAYMENTS_SANDBOX_URL/$2" -H "Authorization: Bearer $PAYMENTS_API_KEY" \
        -H 'Content-Type: application/json' ${3:+-d "$3"}
}

expect() { # WHAT PATTERN TEXT
    # shellcheck disable=SC2254 # $2 is meant as a pattern
    case $3 in
    $2) echo "ok - $1" ;;
    *) echo "NOT ok - $1: expected $2, got $3"; failures=$((failures + 1)) ;;
    esac
}

expect 'a payment' 'pay_* completed' "$(sh pay.sh ada order-1 2500 USD 4111111111111111)"

expect 'a declined card' card_declined "$(sh pay.sh ada order-2 2500 USD 4000000000000002)"

control POST webhook_endpoints '{"url": "inbox:orders"}' > /dev/null
pending=$(sh pay.sh ada order-3 2500 USD 4000009900000012)
expect 'a payment that takes an hour' 'pay_* pending' "$pending"
control POST clock/advance '{"by": "1h"}' > /dev/null
expect 'it completes without waiting' '*"status":"completed"*' \
    "$(curl -sS "$PAYMENTS_BASE_URL/payments/${pending% *}" -H "Authorization: Bearer $PAYMENTS_API_KEY")"

expect 'its webhook arrives with a valid signature' "*payment.completed*${pending% *}*\"verified\":true*" \
    "$(control GET inbox/orders)"

control POST scenarios/active '"lost-reply"' > /dev/null
expect 'a lost reply' 'pay_* completed' "$(sh pay.sh ben order-4 2500 USD 4111111111111111)"
expect 'nobody was charged twice' '{"passed":true,*' "$(control GET report)"

exit "$((failures > 0))"
