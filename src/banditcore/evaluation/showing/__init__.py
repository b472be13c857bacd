"""How an evaluation and a replay are shown: in words, as charts, as a page, in a notebook.

`digits` writes numbers as exactly as they are known, `answers` says in words what results mean, `figures` lays data
out, `charts` draws it, `page` puts it together, `notebook` makes results that show themselves.
"""
