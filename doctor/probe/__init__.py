"""The patient seen from outside: files and an isolated interpreter in, an ``Environment`` out.

What is wrong is never an exception but a ``Problem`` with one of these codes.

Of the environment: ``config-missing``, ``config-unreadable``, ``config-without-home`` (pyvenv.cfg);
``executable-broken`` (one interpreter of the environment does not start, another one does); ``prefix-mismatch`` (the
interpreter runs as another environment, named in the detail); ``other-python-directory`` (packages in ``lib/pythonX.Y``
of a version that is not the interpreter's); ``site-packages-missing``; ``directory-unreadable``; ``pth-unreadable``;
``pth-undecodable`` (ends an ordinary start); ``zip-unreadable``; ``egg-link-unreadable``, ``egg-link-not-on-path``;
``editable-unreadable``, ``editable-opaque`` (a finder's table is not known); ``pythonhome-set``.

Of a distribution: ``metadata-unreadable``, ``name-missing``, ``version-missing``, ``record-missing``,
``requires-unreadable``, ``entry-points-unreadable``, ``wheel-unreadable``, ``direct-url-unreadable``,
``file-unreadable``.

Leftovers: ``interrupted-uninstall``, ``metadata-missing``, ``cache-only``.
"""
