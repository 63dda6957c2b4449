"""The search: study files, optimizers, the loop, records, reports, export and the command line."""
