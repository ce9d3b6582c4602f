"""From a receipt to paper: documents (pure), and the spool that knows what may be printed twice and what may not."""
