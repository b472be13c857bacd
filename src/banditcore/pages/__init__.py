"""What all pages share: how charts look and are drawn, the style sheet, and the frame of a page.

Needs altair, jinja2 and vl-convert, which the extras `banditcore[dashboard]` and `banditcore[offline]` bring; `chart`
needs nothing.
"""
