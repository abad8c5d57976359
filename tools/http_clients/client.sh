# curl: see the package's docstring.
how=$1 url=$2 key=$3 body=$4
set -- -sS -m 2 -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -o /dev/null
look=
[ "$how" = warm ] && look="$url --next"
if said=$(curl "$@" ${look:+$url --next "$@"} -d "$body" -w '%{http_code}' "$url" 2>/dev/null); then
    echo "exit 0, $said"
else
    echo "exit $?"
fi
