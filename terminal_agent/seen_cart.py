"""Whether a command was said of the cart that stands here, so that nothing is sold but what the cashier saw.

A front end that bears the `revision` of the cart that it showed is told when that cart is another one by now: a scan
came in between, or the terminal started again with an older one. Of one that bears none this is known only after a
power cut, which may have taken the last scans: then the cashier is asked, once, to compare the cart with the goods.
"""

from uuid import UUID

from terminal_agent.register.commands import Command, TakeTender
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import Cart


class SeenCart:
    """`doubtful` is the open sale from which scans may be missing, if there is one."""

    def __init__(self, doubtful: Cart | None) -> None:
        self._doubtful: UUID | None = None if doubtful is None else doubtful.cart_id
        self._turned_back: str | None = None

    def check(self, command: Command, cart: Cart | None) -> None:
        """Raises `Refused`, with the cart's own revision, where the command was said of another cart.

        The tender that was turned back for a comparison stays so under its `command_id`: who repeats it by itself has
        not looked.
        """
        revision = None if cart is None else cart.revision
        if command.cart_revision is not None:
            if command.cart_revision != revision:
                raise Refused("cart-changed", cart_revision=revision)
            return
        if not isinstance(command, TakeTender) or cart is None:
            return
        if cart.cart_id == self._doubtful:
            self._doubtful, self._turned_back = None, command.command_id
            raise Refused("cart-restored", cart_revision=revision)
        if command.command_id is not None and command.command_id == self._turned_back:
            raise Refused("cart-restored", cart_revision=revision)
