#!/bin/sh
# A shop that most people would write: it pays with curl, and tries again when that fails.
body='{"amount": 4200, "currency": "EUR", "customer_id": "cust_ada", "description": "Order 17",
 "payment_method": {"type": "card", "card_number": "4242424242424242", "exp_month": 12,
 "exp_year": 2034, "cvc": "123"}}'
for _ in 1 2 3; do
    curl -sf --max-time 2 "$PAYMENTS_BASE_URL/payments" -d "$body" \
        -H "Authorization: Bearer $PAYMENTS_API_KEY" -H 'Content-Type: application/json' && exit 0
    [ $? = 28 ] && break # it takes too long
done
echo 'Order 17 is not paid.'
exit 1
