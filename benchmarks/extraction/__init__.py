"""A benchmark of reading PDFs: prose (what is written), layouts (how it is set), measures, and the table of them all."""
