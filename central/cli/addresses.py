"""`HOST:PORT` as an option."""

import click


class Address(click.ParamType[tuple[str, int]]):
    """`127.0.0.1:8080`, `[::1]:0`, `:8080`."""

    name = "HOST:PORT"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not port.isdigit() or int(port) > 65_535:
            self.fail(f"{value} is not HOST:PORT", param, ctx)
        return host.strip("[]"), int(port)
