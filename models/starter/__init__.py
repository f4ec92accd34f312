"""The starter models: small ones, trained from nothing on openly licensed pictures."""
