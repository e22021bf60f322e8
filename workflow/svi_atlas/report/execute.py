"""x"""


def execute(): ...
