#!/bin/sh
# The same shop, repaired: see pay.sh. Exit code: 0 it is paid, 1 it is not, 4 nobody can tell.
PAUSES='0 .02 .05 .1' sh "$(dirname "$0")/../shell/pay.sh" cust_ada 'Order 17' 4200 EUR 4242424242424242
case $? in
2) exit 4 ;;
*) exit $? ;;
esac
