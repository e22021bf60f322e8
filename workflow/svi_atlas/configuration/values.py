"""The kinds of values that configuration files hold, strict: `true` is no integer, "3" no number."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

T = TypeVar("T")


class FileModel(BaseModel):
    """Part of a file that the user writes: unknown keys are refused, nothing is converted."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        regex_engine="python-re",
    )

    renamed: ClassVar[dict[str, str]] = {}
    """Keys of earlier releases, as dotted paths from the top of the file, and their new names."""


class _NotNull:
    """Takes the null away from `T | None`: the key may be left out, but not be given as null."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        nullable = handler(source)
        inner: CoreSchema = nullable["schema"]
        return inner


class _NoEntryTwice:
    """Refuses a list in which two entries are equal."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(_unique, handler(source))

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(core_schema) | {"uniqueItems": True}


def _unique(entries: list[T]) -> list[T]:
    if len(set(entries)) < len(entries):
        raise PydanticCustomError("not_unique", "must not list an entry twice")
    return entries


def _truth(value: Any) -> Any:
    """The command line hands over words: `snakemake --config strict=true`."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


IfGiven = Annotated[T | None, _NotNull()]
Unique = Annotated[list[T], _NoEntryTwice()]
UniqueFilled = Annotated[list[T], Field(min_length=1), _NoEntryTwice()]
TruthValue = Annotated[bool, BeforeValidator(_truth)]
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Count = Annotated[int, Field(ge=1)]
NumDraws = Annotated[int, Field(ge=100)]
NumSnapshots = Annotated[int, Field(ge=20)]
Seed = Annotated[int, Field(ge=0, le=4294967295)]
Seeds = Count | UniqueFilled[Seed]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
