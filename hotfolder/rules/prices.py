"""What a paid call costs, as the settings say. The API doesn't tell, so nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from hotfolder.stager.operations import PAID_KINDS, Frozen

Price = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=4)]


class Prices(Frozen):
    """The price of each kind of paid call. Without any, no money is shown anywhere."""

    currency: Annotated[str, Field(max_length=8)] = ""
    """Shown behind every sum, such as EUR or $."""
    merge: Price | None = None
    """What one merge costs."""
    sky: Price | None = None
    """What one sky replacement costs."""
    lawn: Price | None = None
    """What one lawn replacement costs."""
    stage: Price | None = None
    """What one staging costs."""

    def sum(self, kinds: Iterable[str]) -> Decimal | None:
        """Of one paid call of each of the kinds; None where no price is known at all. A kind without a
        price counts nothing."""
        by_kind: dict[str, Decimal | None] = {kind: getattr(self, kind) for kind in PAID_KINDS}
        if all(price is None for price in by_kind.values()):
            return None
        return sum((by_kind.get(kind) or Decimal(0) for kind in kinds), Decimal(0))

    def told(self, kinds: Iterable[str]) -> str:
        """That sum for people, such as `3.20 EUR`; "" where no price is known."""
        amount = self.sum(kinds)
        return "" if amount is None else money(amount, self.currency)


def money(amount: Decimal, currency: str) -> str:
    """With two digits at least, and without zeros behind them."""
    text = f"{amount.normalize():f}"
    whole, _, digits = text.partition(".")
    return f"{whole}.{digits:0<2} {currency}".rstrip()
