"""Printers of a graph, one a form: Relax."""
