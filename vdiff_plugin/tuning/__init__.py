"""Tuning: a bundled network learns the noise of the user's own footage, without a clean copy."""
