#!/bin/sh
# The same shop, repaired: it pays with pay.sh, which looks before it pays again, and acts only on signed
# webhooks. Exit code: 0 it is paid, 1 it is not, 4 nobody can tell and a person has to look.
cr=$(printf '\r')

is_genuine() { # whether $body was signed with our secret, and recently (Standard Webhooks)
    case $sent in '' | *[!0-9]*) return 1 ;; esac
    age=$(($(date +%s) - sent))
    [ "$age" -lt 300 ] && [ "$age" -gt -300 ] || return 1
    key=$(printf %s "${PAYMENTS_WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
    own=$(printf %s "$id.$sent.$body" |
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
    case " $signature " in *" v1,$own "*) ;; *) return 1 ;; esac
}

if [ "${1-}" = webhook ]; then # reads a request on stdin, answers on stdout
    while read -r line && line=${line%"$cr"} && [ "$line" ]; do
        value=${line#*: }
        case $(echo "${line%%:*}" | tr '[:upper:]' '[:lower:]') in
        content-length) length=$value ;;
        webhook-id) id=$value ;;
        webhook-timestamp) sent=$value ;;
        webhook-signature) signature=$value ;;
        esac
    done
    body=$(head -c "$length")
    if is_genuine; then
        echo "$body" | grep -q '"type":"payment.completed"' && touch "$2"
        printf 'HTTP/1.0 204 No Content\r\n\r\n'
    else
        printf 'HTTP/1.0 400 Bad Request\r\n\r\n'
    fi
    exit
fi

here=$(dirname "$0")
folder=$(mktemp -d)
mkfifo "$folder/port"
python3 -S "$here/inetd.py" sh "$0" webhook "$folder/paid" > "$folder/port" &
trap "kill $!; rm -r $folder" EXIT
read -r port < "$folder/port"
curl -s --max-time 1 -o /dev/null "$PAYMENTS_SANDBOX_URL/webhook_endpoints" \
    -d "{\"url\": \"http://127.0.0.1:$port/\"}" -H 'Content-Type: application/json' \
    -H "Authorization: Bearer $PAYMENTS_API_KEY"

PAUSES='0 .02 .05 .1' sh "$here/../shell/pay.sh" cust_ada 'Order 17' 4200 EUR 4242424242424242
case $? in
0) ;;
1) exit 1 ;;
*) exit 4 ;;
esac
for _ in $(seq 25); do # the API has already confirmed it
    [ ! -e "$folder/paid" ] || break
    sleep .02
done
echo 'Order 17 is paid.'
