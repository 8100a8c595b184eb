"""Networks as bneck tables: the language, its parser and printer, scaling, variants and the zoo."""
