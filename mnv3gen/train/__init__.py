"""Training, fine-tuning and evaluation: recipes, data, the loop, what it leaves in a folder."""
