"""A small project on the app, as its users write one. ``tests.browser.serve`` runs it in a process of its own."""
