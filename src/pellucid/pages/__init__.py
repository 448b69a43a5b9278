"""Pages that stand on their own: what was asked, figures and tables, what they do not show, and the code."""

from pellucid.pages.of_explanations import page_of
from pellucid.pages.page import Page, Section

__all__ = ["Page", "Section", "page_of"]
