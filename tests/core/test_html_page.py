"""A page is one file, with its title on top."""

from payments_sandbox.core.html_page import html_page


def test_a_page_has_its_title_twice_and_as_text() -> None:
    page = html_page("<Ada> & Co", "td { color: red }\n", ["<p>one</p>", "<p>two</p>"])

    assert "<title>&lt;Ada&gt; &amp; Co</title>" in page
    assert "<h1>&lt;Ada&gt; &amp; Co</h1>\n<p>one</p>\n<p>two</p>\n</body></html>\n" in page
    assert "td { color: red }\n</style>" in page
