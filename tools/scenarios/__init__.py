"""What users do with several providers, told step by step: demos show it, tests check it."""
