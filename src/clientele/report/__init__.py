"""Pages for people, made from published files alone.

`render` gives one page as a text, `write` puts both languages beside the marts. Every figure on a page is the
answer of a query to one mart, which stands beside it in the page, so that anybody can ask again.
"""

from clientele.report.page import LANGUAGES, PAGES, render, write

__all__ = ["LANGUAGES", "PAGES", "render", "write"]
