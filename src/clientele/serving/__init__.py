"""The look-up service: customers by pseudonym, and a score for events (docs/serving.md).

It reads what is published and nothing else: no database of the home, no key of the vault. FastAPI and uvicorn
come with the extra ``clientele[serve]``.
"""

__all__: list[str] = []
