"""`POST /v1/enrol`: the tenant of a code, the enrolment inside it, and the count of what was refused."""

import secrets

from central.http import RateLimited, Services
from central.tenancy import directory
from central.tenant_session import Caller, tenant_session
from central.terminals.enrolment import directory_kind, enrol, readable
from central.terminals.guesses import count_wrong_guess
from central.terminals.problems import EnrolmentRefused
from protocol.enrolment import EnrolAnswer, EnrolRequest


async def post_enrolment(services: Services, request: EnrolRequest, address: str) -> EnrolAnswer:
    """Enrol a terminal. Raises `EnrolmentRefused`, or `RateLimited` where too much was refused before.

    What is right is never counted and never limited.
    """
    try:
        return await _enrol(services, request)
    except EnrolmentRefused:
        wait_seconds = await count_wrong_guess(services.database, address, services.clock())
        if wait_seconds is not None:
            raise RateLimited("too many wrong enrolment codes", retry_after=wait_seconds) from None
        raise


async def _enrol(services: Services, request: EnrolRequest) -> EnrolAnswer:
    hashed = readable(request)
    tenant_id = await directory.find(services.database, directory_kind, hashed.hex())
    if tenant_id is None:
        raise EnrolmentRefused
    caller = Caller(kind="terminal", tenant_id=tenant_id, role="terminal", id="enrolment")
    async with tenant_session(services.database, caller) as session:
        return await enrol(
            session, request, hashed, issuer=services.issuer, now=services.clock(), random=secrets.token_bytes
        )
