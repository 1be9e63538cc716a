"""The verbs of the command that come with this package: `redelta dataset`, `redelta push` and `redelta pull`.

The command runs `redelta-VERB` for a verb that it does not have (docs/command.md), and these are such programs. They do
no work of their own: `redelta.dataset` and `redelta.store` do, and are imported only when the command line is right.
Options, messages, progress, records and exit statuses are those of the command.
"""
