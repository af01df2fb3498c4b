"""What a person can mend: a sentence for them, and no traceback on the command line."""


class UserError(ValueError):
    """A mistake in what was asked for, or in the files it was asked of: the value, the rule and the remedy."""
