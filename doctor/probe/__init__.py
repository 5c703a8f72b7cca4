"""The patient seen from outside: files and an isolated interpreter in, an ``Environment`` out."""
