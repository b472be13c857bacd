"""The page: what experiments are worth, for people. Read-only; needs the extra `banditcore[dashboard]`.

`words` says in sentences what a report holds, `figures` lays data out, `charts` draws it, `page` puts it together,
`app` answers requests for it, `auth` decides who may ask, `serving` runs it.
"""
