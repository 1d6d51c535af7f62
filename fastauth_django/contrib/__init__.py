"""What other packages ask for, one module for each. Only ``apps.py`` imports them, if the project has it."""
