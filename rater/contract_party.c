/* What a contract says for the papers: who sells and who buys, when and where to pay, in which language. */
#include <ctype.h>
#include <string.h>

#include "rater/contract_reader.h"

enum { PAYMENT_DAYS_MAX = 3650, IBAN_BYTES_MIN = 15, IBAN_BYTES_MAX = 34, IBAN_MODULUS = 97 };

static const char CAPITALS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool
read_country(const Place *place, char **out, Err *err)
{
    if (!place_optional_text(place, out, err) || *out == NULL)
        return !err_is_set(err);
    return (strlen(*out) == 2 && strspn(*out, CAPITALS) == 2) ||
           place_fail(place, err, "is no country; write its two letters by ISO 3166-1, as 'country: DE'");
}

/* ISO 13616: the first four characters put last, letters counted from A = 10, the whole is 1 more than a multiple of 97. */
static bool
is_iban(const char *text)
{
    size_t length = strlen(text);
    unsigned rest = 0;
    if (length < IBAN_BYTES_MIN || length > IBAN_BYTES_MAX || strspn(text, CAPITALS) != 2)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char at = (unsigned char) text[(i + 4) % length];
        if (isdigit(at))
            rest = (rest * 10 + (unsigned) (at - '0')) % IBAN_MODULUS;
        else if (isupper(at))
            rest = (rest * 100 + (unsigned) (at - 'A' + 10)) % IBAN_MODULUS;
        else
            return false;
    }
    return rest == 1;
}

static bool
read_iban(const Place *place, char **out, Err *err)
{
    if (!place_optional_text(place, out, err) || *out == NULL)
        return !err_is_set(err);
    char *end = *out;
    for (const char *at = *out; *at != '\0'; at++)
        if (*at != ' ')
            *end++ = *at;
    *end = '\0';
    return is_iban(*out) || place_fail(place, err,
                                       "is no IBAN (its check digits do not fit); copy it again, as 'iban: "
                                       "DE89 3704 0044 0532 0130 00'");
}

static bool
read_address(const Place *list, ContractParty *party, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, CONTRACT_ADDRESS_MAX, "address: [1 Main St]", &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        Place line = place_item(list, i);
        if (!place_text(&line, "address: [1 Main St]", &party->address[i], err))
            return false;
        party->address_count++;
    }
    return true;
}

static bool
read_party(const Place *place, ContractParty *party, Err *err)
{
    static const char *const KEYS[] = {"name",   "address",      "postal_code", "city", "country",
                                       "tax_id", "registration", "email",       "iban", NULL};
    if (!place_exists(place))
        return true;
    Place name = place_member(place, "name");
    Place address = place_member(place, "address");
    Place postal_code = place_member(place, "postal_code");
    Place city = place_member(place, "city");
    Place country = place_member(place, "country");
    Place tax_id = place_member(place, "tax_id");
    Place registration = place_member(place, "registration");
    Place email = place_member(place, "email");
    Place iban = place_member(place, "iban");
    return place_keys(place, KEYS, err) && place_text(&name, "name: Example Ltd", &party->name, err) &&
           place_optional_text(&postal_code, &party->postal_code, err) &&
           place_optional_text(&city, &party->city, err) && read_country(&country, &party->country, err) &&
           place_optional_text(&tax_id, &party->tax_id, err) &&
           place_optional_text(&registration, &party->registration, err) &&
           place_optional_text(&email, &party->email, err) && read_iban(&iban, &party->iban, err) &&
           read_address(&address, party, err);
}

static bool
read_language(const Place *place, char **out, Err *err)
{
    if (!place_optional_text(place, out, err) || *out == NULL)
        return !err_is_set(err);
    return (strlen(*out) == 2 && islower((unsigned char) (*out)[0]) && islower((unsigned char) (*out)[1])) ||
           place_fail(place, err, "is no language; write its two letters by ISO 639-1, as 'language: de'");
}

bool
contract_read_papers(const Place *root, Contract *self, Err *err)
{
    Place seller = place_member(root, "seller");
    Place buyer = place_member(root, "buyer");
    Place terms = place_member(root, "payment_terms");
    Place days = place_member(root, "payment_days");
    Place language = place_member(root, "language");
    self->payment_days = -1;
    return read_party(&seller, &self->seller, err) && read_party(&buyer, &self->buyer, err) &&
           place_optional_text(&terms, &self->payment_terms, err) &&
           (!place_exists(&days) || place_integer(&days, 0, PAYMENT_DAYS_MAX, 0, &self->payment_days, err)) &&
           read_language(&language, &self->language, err);
}
