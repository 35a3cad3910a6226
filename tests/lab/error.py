"""The exceptions of the lab: something it needs is missing or does not come."""


class LabError(Exception):
    """One sentence for a person: what is missing, and what to do."""


class NotHereError(LabError):
    """What this machine does not have or does not allow: a program, a mirror, namespaces.
    Where not all tests must run, those that need it are left out."""
