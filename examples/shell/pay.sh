#!/bin/sh
# pay.sh CUSTOMER REFERENCE AMOUNT CURRENCY CARD
# Pays once, whatever becomes of a reply, and prints the payment's id and status.
# REFERENCE is what no two payments of the customer have in common, without quotes.
# Exit code: 0 it is made, 1 it is refused (the reason is printed), 2 nobody can tell.
set -u
customer=$1 reference=$2 amount=$3 currency=$4 card=$5

# The answer's body on one line, and its status on the next; nothing when it is lost.
ask() {
    curl -s --max-time 10 -w '\n%{http_code}\n' -H "Authorization: Bearer $PAYMENTS_API_KEY" \
        -H 'Content-Type: application/json' "$@"
}

field() { # NAME: the text of the field in each line of JSON that has it
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

# The API knows no idempotency keys. When a reply is lost the payment may have been made, and only
# the list can tell; it has no descriptions, so each candidate is looked at. Fails with 1 when there
# is no such payment, and with 2 when that cannot be told.
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

show() { # the id and status of a payment
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
        2) continue ;; # whoever has not looked must not pay again
        esac
    fi
    answer=$(ask "$PAYMENTS_BASE_URL/payments" -d "$body") || continue
    case $(echo "$answer" | tail -n 1) in
    201) echo "$answer" | grep -q '"id":' && echo "$answer" | show && exit 0 ;;
    4*) echo "$answer" | field code; exit 1 ;; # and what was lost before was looked for
    esac
done
find_payment || exit 2
