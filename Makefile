# The same as dev.py, for hands that type make.
.PHONY: compile test
compile:
	python3 dev.py compile
test:
	python3 dev.py test
