"""Shared by the command and interoperability tests: running commands, reading the formats, making sample data."""
