"""The compiler's own passes, one a file, in the order in which `pipeline.py` lists them."""
