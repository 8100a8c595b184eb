"""Search spaces: which networks there are to choose from."""
