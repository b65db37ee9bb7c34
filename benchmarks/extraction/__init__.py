"""How well PDFs are read: prose (what is written), layouts (how it is set), measures, and one table."""
