"""Report -> text: facts become sentences and layouts here, and nowhere else.

Nothing in this room prints. ``text`` is for people, ``json`` is the contract with scripts, ``escape`` makes hostile
names harmless, ``page`` says how the reader wants the page.
"""
