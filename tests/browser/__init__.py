"""What only a real browser can answer: Chromium for everything, Firefox as a second opinion."""
