#!/bin/sh
# pay.sh CUSTOMER REFERENCE AMOUNT CURRENCY CARD
# Pays exactly once, even if replies are lost, and prints the payment's id and status.
# REFERENCE must be unique among the payments of the customer, and contain no quotes.
# Exit code: 0 the payment is made, 1 it is rejected (the reason is printed), 2 unknown.
set -u
customer=$1 reference=$2 amount=$3 currency=$4 card=$5

# Prints the answer's body on one line and its status on the next; nothing if it is lost.
ask() {
    curl -s --max-time 10 -w '\n%{http_code}\n' -H "Authorization: Bearer $PAYMENTS_API_KEY" \
        -H 'Content-Type: application/json' "$@"
}

field() { # NAME: prints the text of this field for each line of JSON that has it
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

# The API has no idempotency keys. If a reply is lost, the payment may have been made, and only the
# list of payments can tell. The list has no descriptions, so this retrieves each candidate. Returns 1
# if there is no such payment, and 2 if the API does not say.
find_payment() {
    cursor=
    while :; do
        page=$(ask -f -G "$PAYMENTS_BASE_URL/payments" -d "customer_id=$customer" -d limit=100 \
            ${cursor:+-d "starting_after=$cursor"}) || return 2
        case $page in *'"has_more":'*) ;; *) return 2 ;; esac
        for id in $(echo "$page" | tr '{' '\n' | grep -v '"status":"failed"' | field id); do
            payment=$(ask -f "$PAYMENTS_BASE_URL/payments/$id") || return 2
            case $payment in *"\"description\":\"$reference\""*)
                echo "$payment" | show
                return 0 ;;
            esac
        done
        cursor=$(echo "$page" | field next_cursor)
        [ -n "$cursor" ] || return 1
    done
}

show() { # prints the id and status of a payment
    read -r json
    echo "$(echo "$json" | field id) $(echo "$json" | field status)"
}

body=$(cat <<END
{"amount": $amount, "currency": "$currency", "customer_id": "$customer", "description": "$reference",
 "payment_method": {"type": "card", "card_number": "$card", "exp_month": 12, "exp_year": 2099, "cvc": "123"}}
END
)
for pause in ${PAUSES:-0 1 2 4}; do
    sleep "$pause"
    if [ "$pause" != 0 ]; then
        find_payment
        case $? in
        0) exit 0 ;;
        2) continue ;; # never pay again without having looked
        esac
    fi
    answer=$(ask "$PAYMENTS_BASE_URL/payments" -d "$body") || continue
    case $(echo "$answer" | tail -n 1) in
    201) echo "$answer" | grep -q '"id":' && echo "$answer" | show && exit 0 ;;
    4*) echo "$answer" | field code; exit 1 ;; # lost attempts before this one have been looked for
    esac
done
find_payment || exit 2
