"""The rulebook: what is known about packages, as TOML files read strictly into values.

``load.load_rulebook`` reads, ``match`` says what holds in an environment, ``trial`` proves rules by their own
examples. No package is named in code here.
"""
