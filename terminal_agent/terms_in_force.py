"""What holds at this terminal now, of its place and its terms: the replica's word, else that of the enrolment."""

from zoneinfo import ZoneInfo

import msgspec

from protocol.enrolment import EnrolAnswer
from terminal_agent.catalogue import Catalogue
from terminal_agent.printing.receipt import Shop
from terminal_agent.register.terms import Terms


def shop_in_force(enrolled: Shop, catalogue: Catalogue) -> Shop:
    """What slips say of the place; `enrolled` is what the enrolment and the configuration said."""
    place = catalogue.place
    return msgspec.structs.replace(
        enrolled,
        location_name=place.name or enrolled.location_name,
        zone=place.zone() or enrolled.zone,
        address=place.address or "",
        tax_number=place.tax_number or "",
        receipt_header=place.receipt_header or "",
        receipt_footer=place.receipt_footer or "",
        tender_names={kind.code: kind.name for kind in catalogue.settings.tender_types or () if kind.name},
    )


def terms_in_force(enrolled: EnrolAnswer, catalogue: Catalogue, zone: ZoneInfo) -> Terms:
    """By what is sold; `zone` is the place's."""
    settings = catalogue.settings
    return Terms(
        location_id=enrolled.location_id,
        currency=enrolled.currency,
        price_mode=settings.price_mode or enrolled.price_mode,  # type: ignore[arg-type]  # the contract's two
        tax_rounding=settings.tax_rounding or enrolled.tax_rounding,  # type: ignore[arg-type]
        cash_rounding_minor=settings.cash_rounding_minor or enrolled.cash_rounding_minor,
        zone=zone,
        settings=settings,
        rules=catalogue.rules,
        catalogue_through=catalogue.progress.catalogue_through,
    )
