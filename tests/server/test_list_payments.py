"""Tests LIST PAYMENTS: every filter alone and combined, paging, and invalid parameters."""

from itertools import chain, product

import pytest

from tests.support.http import Api, Control, Json, ask, envelope, invalid, listed, paid, refunded
from tests.support.tables import for_each

PATH = "/v3/payments"

CARDS = {
    "completed": "4111111111111111",
    "failed": "4000000000000002",
    "pending": "4000009900000038",
}
STATUSES = (None, "completed", "failed", "pending")
CUSTOMERS = (None, "cust_a", "cust_b", "cust_nobody")
TIMES = (None, "2030-01-15T10:30:00Z", "2030-01-15T10:31:00Z", "2031-01-01")

LIMIT = "/limit: expected an integer from 1 to 100."
STATUS = "/status: expected one of pending, completed, failed."
CURSOR = (
    "/starting_after: expected a payment id: pay_ followed by letters and digits,"
    " at most 64 characters."
)
CUSTOMER = "/customer_id: expected a string of 1 to 255 characters."
INSTANT = (
    "/created_after: expected an ISO 8601 date, or date and time with Z or an offset,"
    " such as 2025-01-15T10:30:00Z."
)
DOCUMENTED = "expected one of limit, starting_after, customer_id, status, created_after."

REFUSED = {
    "limit=0": LIMIT,
    "limit=101": LIMIT,
    "limit=-1": LIMIT,
    "limit=1.0": LIMIT,
    "limit=abc": LIMIT,
    "limit=": LIMIT,
    "limit=%2B5": LIMIT,
    "limit=005": LIMIT,
    "limit=1e1": LIMIT,
    "limit=%D9%A5": LIMIT,
    "limit=99999999999999999999": LIMIT,
    "limit=5;status=failed": LIMIT,
    "limit": LIMIT,
    "status=": STATUS,
    "status=COMPLETED": STATUS,
    "status=refunded": STATUS,
    "customer_id=": CUSTOMER,
    "starting_after=": CURSOR,
    "starting_after=xyz789": CURSOR,
    "starting_after=ref_abc456": CURSOR,
    "starting_after=pay_xyz789": (
        "/starting_after: expected the id of a payment, such as the next_cursor of the previous"
        " page."
    ),
    "created_after=": INSTANT,
    "created_after=yesterday": INSTANT,
    "created_after=1900000000": INSTANT,
    "created_after=2030-01-15T10:30:00": INSTANT,
    "created_after=2030-1-5": INSTANT,
    "created_after=2030-01-15T10:30:00+01:00": (f"{INSTANT[:-1]} (a '+' in a URL is written %2B)."),
    "created_after=2030-02-30": "/created_after: expected a date and time that exist.",
    "created_after=3000-01-01": "/created_after: expected a date up to 2999.",
    "limit=5&limit=6": "/limit: is given twice.",
    "status=failed&status=failed": "/status: is given twice.",
    "Limit=5": "/Limit: is not a documented parameter; did you mean 'limit'?",
    "created_befor=x": (
        "/created_befor: is not a documented parameter; did you mean 'created_after'?"
    ),
    "page=2": f"/page: is not a documented parameter; {DOCUMENTED}",
    "limit[]=5": "/limit[]: is not a documented parameter; did you mean 'limit'?",
    "=": f"/: is not a documented parameter; {DOCUMENTED}",
    "page=2&status=x&limit=0": (
        f"{LIMIT[:-1]}; {STATUS[:-1]}; /page: is not a documented parameter; {DOCUMENTED}"
    ),
}


async def made(api: Api, **changes: Json) -> str:
    """Make a payment; return its id, whatever its create answered."""
    status = 400 if changes.get("card_number") == CARDS["failed"] else 201
    await paid(api, status, **changes)
    return (await listed(api, limit=1))[0]


async def mixture(api: Api, control: Control) -> list[dict[str, str]]:
    """Make eighteen payments of two customers and nobody, in three statuses, a minute apart."""
    payments = []
    for at in ("2030-01-15T10:30:00Z", "2030-01-15T10:31:00Z"):
        await control("advance_clock", {"to": at})
        for status, customer in product(CARDS, (None, "cust_a", "cust_b")):
            payment_id = await made(api, card_number=CARDS[status], customer_id=customer)
            payments.append(
                {"id": payment_id, "status": status, "customer": customer or "", "at": at}
            )
    return payments[::-1]


async def walked(api: Api, **query: str | int) -> list[list[str]]:
    """Return the ids of every page, following the cursor to its end."""
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await ask(api, "GET", PATH, params={**query, **cursor})
        pages.append([item["id"] for item in page["data"]])
        assert page["has_more"] == (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return pages
        assert page["next_cursor"] == pages[-1][-1]
        cursor = {"starting_after": page["next_cursor"]}


async def test_the_list_of_a_new_world_is_empty(api: Api) -> None:
    assert await ask(api, "GET", PATH) == {"data": [], "has_more": False, "next_cursor": None}


async def test_listed_payments_have_five_keys_and_the_newest_is_first(api: Api) -> None:
    """Neither customer, card nor description."""
    first, second = await paid(api), await paid(api, amount=1, currency="JPY")
    summaries = [
        {key: each[key] for key in ("id", "status", "amount", "currency", "created_at")}
        for each in (second, first)
    ]
    assert await ask(api, "GET", PATH) == {
        "data": summaries,
        "has_more": False,
        "next_cursor": None,
    }


async def test_list_filters_select_the_same_in_every_combination_and_on_every_page(
    api: Api, control: Control
) -> None:
    payments = await mixture(api, control)
    for status, customer, after in product(STATUSES, CUSTOMERS, TIMES):
        query = {"status": status, "customer_id": customer, "created_after": after}
        given = {name: value for name, value in query.items() if value is not None}
        wanted = [
            each["id"]
            for each in payments
            if status in (None, each["status"])
            and customer in (None, each["customer"])
            and (after is None or each["at"] > after)
        ]
        pages = await walked(api, limit=4, **given)
        assert list(chain(*pages)) == wanted, given
        assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1), given


async def test_the_status_filter_uses_the_current_status(api: Api, control: Control) -> None:
    payment_id = await made(api, card_number=CARDS["pending"])
    await control("complete_payment", payment_id=payment_id)
    pending, completed = await listed(api, status="pending"), await listed(api, status="completed")
    assert (pending, completed) == ([], [payment_id])


async def test_a_refunded_payment_stays_completed(api: Api) -> None:
    payment_id = await made(api)
    await refunded(api, payment_id)
    assert await listed(api, status="completed") == [payment_id]


async def test_a_page_has_10_payments_by_default_and_100_at_most(api: Api) -> None:
    ids = [await made(api) for _ in range(12)][::-1]
    page = await ask(api, "GET", PATH)
    assert ([item["id"] for item in page["data"]], page["has_more"], page["next_cursor"]) == (
        ids[:10], True, ids[9],
    )  # fmt: skip
    assert await walked(api, limit=100) == [ids]


async def test_a_full_last_page_has_no_cursor(api: Api) -> None:
    """And no empty page follows."""
    ids = [await made(api) for _ in range(4)][::-1]
    assert await walked(api, limit=2) == [ids[:2], ids[2:]]


async def test_a_cursor_at_the_end_gets_an_empty_page(api: Api) -> None:
    oldest = await made(api)
    page = await ask(api, "GET", PATH, params={"starting_after": oldest})
    assert page == {"data": [], "has_more": False, "next_cursor": None}


async def test_payments_made_while_paging_do_not_shift_the_following_pages(api: Api) -> None:
    ids = [await made(api) for _ in range(6)][::-1]
    seen: list[str] = []
    cursor: dict[str, str | int] = {}
    for _ in range(3):
        seen += await listed(api, limit=2, **cursor)
        cursor = {"starting_after": seen[-1]}
        await made(api)
    assert seen == ids


async def test_a_cursor_does_not_have_to_match_the_filter(api: Api) -> None:
    """It is a position in time, even if its payment has settled meanwhile."""
    oldest = await made(api)
    cursor = await made(api, card_number=CARDS["pending"], customer_id="cust_b")
    await made(api)
    assert await listed(api, status="completed", starting_after=cursor) == [oldest]


async def test_a_payment_of_another_world_is_rejected_as_a_cursor(api: Api) -> None:
    foreign = (await paid(api, key="sk_test_other"))["id"]
    details = REFUSED["starting_after=pay_xyz789"]
    assert await ask(api, "GET", f"{PATH}?starting_after={foreign}", 400) == invalid(details)


@pytest.mark.parametrize(
    ("created_after", "found"),
    [
        ("2030-01-15T10:29:59Z", True),
        ("2030-01-15T10:29:59.999Z", True),
        ("2030-01-15T10:30:00Z", False),
        ("2030-01-15T10:30:00.500Z", False),
        ("2030-01-15T10:30Z", False),
        ("2030-01-15T11:29:59%2B01:00", True),
        ("2030-01-15T11:30:00%2B0100", False),
        ("2030-01-15T02:29:59-08:00", True),
        ("2030-01-15t10:29:59z", True),
        ("2030-01-15", True),
        ("2030-01-16", False),
        ("1970-01-01", True),
    ],
)
async def test_created_after_excludes_payments_of_the_same_second(
    api: Api, created_after: str, *, found: bool
) -> None:
    """Offsets are respected; a date is its midnight."""
    payment_id = await made(api)
    page = await ask(api, "GET", f"{PATH}?created_after={created_after}")
    assert [item["id"] for item in page["data"]] == [payment_id] * found


async def test_a_payment_half_a_second_later_is_not_created_after(
    api: Api, control: Control
) -> None:
    """Both have the same whole second."""
    first = await paid(api)
    await control("advance_clock", {"by": "500ms"})
    await made(api)
    assert await listed(api, created_after=first["created_at"]) == []
    await control("advance_clock", {"by": "500ms"})
    third = await made(api)
    assert await listed(api, created_after=first["created_at"]) == [third]


@for_each(("query", "details"), REFUSED.items())
async def test_an_invalid_list_parameter_is_rejected_with_its_json_pointer(
    api: Api, query: str, details: str
) -> None:
    """And with what is expected."""
    assert await ask(api, "GET", f"{PATH}?{query}", 400) == invalid(details)


async def test_a_card_number_as_a_parameter_name_is_masked_in_the_error(api: Api) -> None:
    refusal = await ask(api, "GET", f"{PATH}?4111111111111111=1", 400)
    details = f"/****************: is not a documented parameter; {DOCUMENTED}"
    assert refusal == envelope("invalid_request", details)


@pytest.mark.parametrize("query", ["?", "?&", "?&&limit=10&"])
async def test_empty_pairs_in_a_query_are_ignored(api: Api, query: str) -> None:
    """Sloppy URL builders leave them behind."""
    await ask(api, "GET", f"{PATH}{query}")
