"""Training: footage in, a weights file out."""
