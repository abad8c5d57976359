#!/bin/sh
# The shop that most people would write: it pays with curl, retries, and waits for the webhook.
set -e
cr=$(printf '\r')

if [ "$1" = webhook ]; then # reads a request on stdin, answers on stdout
    while read -r line && line=${line%"$cr"} && [ "$line" ]; do
        case $line in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
    done
    if head -c "$length" | grep -q '"type":"payment.completed"'; then touch "$2"; fi
    printf 'HTTP/1.0 204 No Content\r\n\r\n'
    exit
fi

order='{"amount": 4200, "currency": "EUR", "customer_id": "cust_ada", "description": "Order 17",
 "payment_method": {"type": "card", "card_number": "4242424242424242", "exp_month": 12,
 "exp_year": 2034, "cvc": "123"}}'

post() { # URL BODY
    curl -sf --max-time 1 "$1" -d "$2" -H 'Content-Type: application/json' \
        -H "Authorization: Bearer $PAYMENTS_API_KEY"
}

folder=$(mktemp -d)
mkfifo "$folder/port"
python3 -S "$(dirname "$0")/inetd.py" sh "$0" webhook "$folder/paid" > "$folder/port" &
trap "kill $!; rm -r $folder" EXIT
read -r port < "$folder/port"
post "$PAYMENTS_SANDBOX_URL/webhook_endpoints" "{\"url\": \"http://127.0.0.1:$port/\"}" > /dev/null

for _ in 1 2 3; do
    if answer=$(post "$PAYMENTS_BASE_URL/payments" "$order"); then
        echo "$answer" | python3 -S -c 'import json, sys; print(json.load(sys.stdin)["id"])'
        break
    elif [ $? = 28 ]; then
        echo 'The payment takes too long; you have not paid.'
        exit 1
    fi
done

for _ in $(seq 100); do
    if [ -e "$folder/paid" ]; then
        echo 'Order 17 is paid.'
        exit 0
    fi
    sleep .02
done
echo 'Order 17 is not paid.'
exit 1
