"""An HTML page is one file, with its title as heading."""

from payments_sandbox.core.html_page import html_page


def test_the_title_of_a_page_is_escaped_in_title_and_heading() -> None:
    page = html_page("<Ada> & Co", "td { color: red }\n", ["<p>one</p>", "<p>two</p>"])

    assert "<title>&lt;Ada&gt; &amp; Co</title>" in page
    assert "<h1>&lt;Ada&gt; &amp; Co</h1>\n<p>one</p>\n<p>two</p>\n</body></html>\n" in page
    assert "td { color: red }\n</style>" in page
