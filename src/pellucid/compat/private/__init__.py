"""What Captum keeps to itself and its clients call all the same: written from what each does, one subject a file."""

__all__: list[str] = []
