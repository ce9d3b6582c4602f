"""Receipt printers: the document model, its rendering to ESC/POS, the printer's answers and its driver."""
