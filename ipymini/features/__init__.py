"What cells gain beyond IPython's own."
