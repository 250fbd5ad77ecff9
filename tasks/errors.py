"""What a person or another system must put right."""


class SourceError(RuntimeError):
    """A source did not give its rows; the message says what was expected, what was found and what to do."""


class SourceUnavailable(SourceError):
    """The source does not answer, which may pass: worth a retry."""


class SourceUnreadable(SourceError):
    """The source answers with something else than expected: a retry would find the same."""


class BatchRefusedError(ValueError):
    """A batch is bad as a whole; nothing of it is stored and the next run takes it again."""


class LostVersionError(LookupError):
    """A version of a table cannot be read any more: its log or its files are gone."""
