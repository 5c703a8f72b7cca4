"""Static import contracts: what importing a module would do, told from source files."""
