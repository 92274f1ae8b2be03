"""Networks written in YAML: the grammar, its modules, and networks made of them."""
