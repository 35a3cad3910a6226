"""The one exception of the lab: something it needs is missing or does not come."""


class LabError(Exception):
    """One sentence for a person: what is missing, and what to do."""
