"""Section 3: a terminal's identity, from its one-time code to the epoch that its key is bound to."""

import base64
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.independent_client import Client, Server
from tests.contract.independent_journal import base64_text, enrolment_body, public_text
from tests.contract.independent_shop import Register, Shop

identity_fields = {
    *("terminal_id", "epoch", "issuer", "location_id", "tenant_name", "location_name", "currency", "price_mode"),
    *("tax_rounding", "cash_rounding_minor", "timezone", "receipt_prefix", "pin_key", "journal_keep_days"),
}
callers = itertools.count()


@pytest.fixture
def anyone(server: Server) -> Client:
    """A caller without a key, from an address that no other test guesses from."""
    number = next(callers)
    return server.client().calling_from(f"127.{1 + number // 256}.{number % 256}.9")


def test_an_enrolment_answers_all_that_a_till_must_know(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]

    answer = anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate())).ok(201)

    assert set(answer) >= identity_fields
    assert (answer["epoch"], answer["location_id"], answer["currency"]) == (1, shop.location_id, "EUR")
    assert (answer["tenant_name"], answer["location_name"]) == (shop.tenant.name, "Shop")
    assert (answer["timezone"], answer["journal_keep_days"]) == ("Europe/Vienna", 400)
    assert (answer["tax_rounding"], answer["cash_rounding_minor"]) == ("receipt", 1)
    assert answer["receipt_prefix"].endswith("-")


def test_a_code_is_sixteen_characters_of_crockford_base32_shown_in_fours(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)

    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}", made["enrolment_code"])
    assert str(UUID(made["terminal_id"])) == made["terminal_id"]
    assert UUID(made["terminal_id"]).version == 7
    assert made["enrolment_expires_at"].endswith("Z")


@pytest.mark.parametrize(
    "written", [str.lower, lambda code: code.replace("-", ""), lambda code: code.lower()[:9] + code[9:]]
)
def test_dashes_and_case_of_a_code_do_not_matter(shop: Shop, anyone: Client, written: object) -> None:
    assert callable(written)
    code = written(shop.tenant.terminal(shop.location_id)["enrolment_code"])

    answer = anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate()))

    assert answer.status == 201


def test_a_used_code_with_the_same_key_gives_the_first_answer_again(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    body = enrolment_body(code, Ed25519PrivateKey.generate())

    first, again = anyone.post("/v1/enrol", body), anyone.post("/v1/enrol", body)

    assert first.ok(201) == again.ok(201)


def test_a_used_code_with_another_key_is_refused(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate())).ok(201)

    answer = anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate()))

    assert answer.refusal == (403, "enrolment-refused")


def test_a_new_code_ends_the_older_one_of_its_terminal(shop: Shop, anyone: Client) -> None:
    made = shop.tenant.terminal(shop.location_id)
    newer = shop.tenant.new_code(made["terminal_id"])

    older_answer = anyone.post("/v1/enrol", enrolment_body(made["enrolment_code"], Ed25519PrivateKey.generate()))
    newer_answer = anyone.post("/v1/enrol", enrolment_body(newer, Ed25519PrivateKey.generate()))

    assert older_answer.refusal == (403, "enrolment-refused")
    assert newer_answer.ok(201)["terminal_id"] == made["terminal_id"]


def test_a_wrong_code_is_refused_in_the_same_words_as_a_used_one(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate())).ok(201)

    wrong = anyone.post("/v1/enrol", enrolment_body("0000-0000-0000-0000", Ed25519PrivateKey.generate()))
    used = anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate()))

    assert wrong.refusal == (403, "enrolment-refused")
    assert wrong.json == used.json


def test_a_proof_by_another_key_is_refused_and_the_code_stays_good(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    forged = {**enrolment_body(code, key), "proof": enrolment_body(code, other)["proof"]}

    assert anyone.post("/v1/enrol", forged).refusal == (403, "enrolment-refused")
    assert anyone.post("/v1/enrol", enrolment_body(code, key)).status == 201


def test_a_proof_over_another_spelling_of_the_code_is_refused(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    body = enrolment_body(code, Ed25519PrivateKey.generate())

    answer = anyone.post("/v1/enrol", {**body, "enrolment_code": code.lower()})

    assert answer.refusal == (403, "enrolment-refused")


@pytest.mark.parametrize("raw", [bytes(31), bytes(33), b""])
def test_a_public_key_of_another_length_is_refused(shop: Shop, anyone: Client, raw: bytes) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    body = enrolment_body(code, Ed25519PrivateKey.generate())

    answer = anyone.post("/v1/enrol", {**body, "public_key": base64_text(raw)})

    assert answer.refusal in {(403, "enrolment-refused"), (422, "invalid")}


def test_a_key_that_was_enrolled_before_is_refused_at_any_terminal(shop: Shop, anyone: Client) -> None:
    key = Ed25519PrivateKey.generate()
    first = shop.tenant.terminal(shop.location_id)
    anyone.post("/v1/enrol", enrolment_body(first["enrolment_code"], key)).ok(201)
    same_terminal = shop.tenant.new_code(first["terminal_id"])
    another_terminal = shop.tenant.terminal(shop.location_id)["enrolment_code"]

    answers = [anyone.post("/v1/enrol", enrolment_body(code, key)) for code in (same_terminal, another_terminal)]

    assert [answer.refusal for answer in answers] == [(403, "enrolment-refused")] * 2


@pytest.mark.parametrize("left_out", ["enrolment_code", "public_key", "proof"])
def test_an_enrolment_without_one_of_its_fields_is_invalid(shop: Shop, anyone: Client, left_out: str) -> None:
    body = enrolment_body("0000-0000-0000-0000", Ed25519PrivateKey.generate())
    del body[left_out]

    answer = anyone.post("/v1/enrol", body)

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == left_out


def test_each_enrolment_opens_a_new_epoch_with_a_prefix_of_its_own(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)
    first = shop.tenant.enrol(made["enrolment_code"])
    second = shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"]))
    neighbour = shop.tenant.till(shop.location_id)

    assert (first.epoch, second.epoch) == (1, 2)
    assert first.terminal_id == second.terminal_id
    prefixes = {till.identity["receipt_prefix"] for till in (first, second, neighbour)}
    assert len(prefixes) == 3


def test_a_new_epoch_starts_a_new_sequence_and_a_new_chain(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)
    first = shop.tenant.enrol(made["enrolment_code"])
    first.journal.logs(2)
    first.push()
    second = shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"]))
    second.journal.logs(1)

    assert second.position()["applied_through"] == 0
    assert second.push()["applied_through"] == 1


def test_the_old_epochs_key_still_delivers_and_may_do_nothing_else(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)
    old = shop.tenant.enrol(made["enrolment_code"])
    shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"]))
    old.sign_in()
    old.journal.logs(1)

    assert old.push()["applied_through"] == 1
    assert old.client.get("/v1/sync/changes").status == 403
    assert old.client.get("/v1/products/lookup", barcode="4006381333931").status == 403


def test_a_sale_of_an_old_epoch_made_after_the_new_one_is_old_epoch_activity(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)
    old = shop.tenant.enrol(made["enrolment_code"])
    shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"]))
    old.sign_in()
    book = Register(old)
    book.sell(shop.wine())
    old.push()

    assert (1, "old-epoch-activity") in shop.codes(old)


def test_the_pin_key_is_of_the_terminal_and_long_enough_for_an_hmac(shop: Shop) -> None:
    first, second = shop.register().till, shop.register().till

    assert first.identity["pin_key"] != second.identity["pin_key"]
    assert len(base64.b64decode(first.identity["pin_key"])) >= 32


def test_a_code_shows_in_no_list(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)

    listed = shop.tenant.owner.get("/v1/terminals", limit=1000)

    assert made["enrolment_code"].encode() not in listed.body
    assert public_text(Ed25519PrivateKey.generate()).encode() not in listed.body


def test_wrong_guesses_are_limited_by_address_and_right_ones_never(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    guess = enrolment_body("ZZZZ-ZZZZ-ZZZZ-ZZZZ", Ed25519PrivateKey.generate())
    for _ in range(200):
        answer = anyone.post("/v1/enrol", guess)
        if answer.status == 429:
            break

    assert answer.refusal == (429, "rate-limited")
    assert int(answer.headers["retry-after"]) > 0
    assert anyone.post("/v1/enrol", enrolment_body(code, Ed25519PrivateKey.generate())).status == 201


def test_one_code_used_by_two_at_once_enrols_one(shop: Shop, anyone: Client) -> None:
    code = shop.tenant.terminal(shop.location_id)["enrolment_code"]
    bodies = [enrolment_body(code, Ed25519PrivateKey.generate()) for _ in range(4)]

    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(lambda body: anyone.post("/v1/enrol", body), bodies))

    assert sorted(answer.status for answer in answers) == [201, 403, 403, 403]


def test_one_key_at_two_terminals_at_once_enrols_one(shop: Shop, anyone: Client) -> None:
    key = Ed25519PrivateKey.generate()
    codes = [shop.tenant.terminal(shop.location_id)["enrolment_code"] for _ in range(3)]

    with ThreadPoolExecutor(3) as crowd:
        answers = list(crowd.map(lambda code: anyone.post("/v1/enrol", enrolment_body(code, key)), codes))

    assert sorted(answer.status for answer in answers) == [201, 403, 403]


def test_a_revoked_terminal_is_enrolled_anew_and_works(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)
    old = shop.tenant.enrol(made["enrolment_code"])
    shop.tenant.owner.post(f"/v1/terminals/{old.terminal_id}/revocation", {}).ok(204)
    new = shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"]))
    new.journal.logs(1)

    assert (new.epoch, new.push()["applied_through"]) == (2, 1)
    assert shop.status(new) == "active"
    assert old.client.get("/v1/sync/position").refusal == (403, "revoked")


def test_a_revocation_of_an_epoch_that_is_none_is_refused(shop: Shop) -> None:
    till = shop.register().till
    for epoch in (0, 7, "1", True, 1.0):
        answer = shop.tenant.owner.post(f"/v1/terminals/{till.terminal_id}/revocation", {"epoch": epoch})
        assert answer.status in {404, 422}

    assert shop.status(till) == "active"
