"""Measuring summaries: documents with human summaries, several systems side by side, one table."""
