"""The stored parts of a journal: put together, they are the journal."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_sandbox.cluster.journal_parts import JournalParts, entries_of
from payments_sandbox.core.slices import finish
from payments_sandbox.world.journal import KEPT, Entry, Journal
from tests.support.in_process import NOON

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from((1, 2, 7, 300, 999, 1_001))),
        st.tuples(
            st.sampled_from(("answer", "abandon", "clear", "take", "anew", "again")), st.just(0)
        ),
    ),
    max_size=25,
)


class Story:
    """A journal and its stored parts."""

    def __init__(self) -> None:
        self._journal = Journal(7)
        self._parts = JournalParts()
        self.kept: dict[str, bytes] = {}

    def tell(self, steps: list[tuple[str, int]]) -> None:
        """Add requests, answer or abandon some, and store parts now and then."""
        for what, count in steps:
            waiting = [each for each in self._journal.since(0) if each.duration_ms is None]
            if what == "add":
                for _ in range(count):
                    self._add()
            elif what == "answer":
                for each in waiting[::2]:
                    each.duration_ms = 2.5
            elif what == "abandon" and waiting:
                waiting[-1].abandon()
                waiting[-1].duration_ms = 3.5
            elif what == "clear":
                self._journal.clear()
            elif what == "again":  # by another node
                self._take()
                self._parts = JournalParts(self.kept)
            else:
                self._take(everything=what == "anew")

    def _add(self) -> None:
        entry = Entry(NOON, "list_payments", "GET", "/v3/payments", [(b"Host", b"here")])
        entry.body = b'{"a": [1]}' if self._journal.count % 2 else "no JSON"
        self._journal.add(entry)

    def _take(self, *, everything: bool = False) -> None:
        write = self._parts.taking(self._journal, everything=everything)
        if write is None:
            return
        if write.is_new:
            self.kept.clear()
        if write.name:
            assert write.name not in self.kept
            self.kept[write.name] = write.part
        for name in write.gone:
            del self.kept[name]

    def hold(self) -> None:
        """Assert that the stored parts equal the journal."""
        self._take()
        told = orjson.loads(orjson.dumps(finish(self._journal.snapshotting())["entries"]))
        assert entries_of(self.kept) == told
        assert sum(len(orjson.loads(part)[1]) for part in self.kept.values()) <= 4 * KEPT


@settings(max_examples=settings().max_examples // 2)  # each example is long
@given(steps=STEPS)
def test_the_stored_parts_of_a_journal_add_up_to_its_entries(steps: list[tuple[str, int]]) -> None:
    """Whichever node wrote them, and however many entries have fallen out of the ring."""
    story = Story()
    story.tell(steps)
    story.hold()


def test_parts_of_a_full_journal_are_removed_with_their_last_entries() -> None:
    """The stored parts do not grow without end."""
    story = Story()
    for _ in range(50):
        story.tell([("add", 300), ("answer", 0), ("take", 0)])
    assert len(story.kept) <= 5
    story.hold()
