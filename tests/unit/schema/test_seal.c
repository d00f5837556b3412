/* The canonical form: answers worked out by Python's hashlib and PyNaCl from doc/seals.md (tests/oracle/seal_answers.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/seal.h"

static Digest
filled(uint8_t byte)
{
    Digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static void
assert_digest(Digest digest, const char *expected)
{
    char hex[DIGEST_HEX_BYTES];
    assert_string_equal(digest_hex(&digest, hex), expected);
}

static void
a_segment_and_the_content_of_a_seal(void **state)
{
    (void) state;
    const SealSegment segment = {
        .segment_id = 17, .receipt = 12, .records = 100, .payload = filled(1), .sources = filled(2)};
    const Digest leaf = seal_segment_digest(&segment);
    const Digest exclusions = filled(3);
    assert_digest(leaf, "ae8962e9b0833d2e7c5fa6ffb9200e014d508ccc1263d2a8d3407dbe8f5847b1");
    assert_digest(seal_content_digest(leaf.bytes, 1, &exclusions),
                  "46c8060ee05e6e4d03f74541d66c0114beb6c94196e67c672c2678a6570e9692");
    assert_digest(seal_content_digest(NULL, 0, &exclusions),
                  "648aa5c579fb30f38af744d97d6ec840c7a91277a499a0d780f3e7314eca090b");
}

static Seal
some_seal(void)
{
    return (Seal){.tenant_id = 9,
                  .tenant = TEXT_LITERAL("caf\xc3\xa9\nnumber 7"), /* a name cannot pass for another line */
                  .number = 3,
                  .hour_us = INT64_C(1778414400000000), /* 2026-05-10T12:00:00Z */
                  .revision = 2,
                  .receipt_from = 5,
                  .receipt_to = 12,
                  .segments = 1,
                  .records = 100,
                  .exclusions = 4,
                  .content = filled(4),
                  .sealed_at_us = INT64_C(1778418001000000),
                  .previous = filled(5)};
}

static void
a_seal_covers_every_member(void **state)
{
    (void) state;
    Seal seal = some_seal();
    const Digest digest = seal_digest(&seal);
    assert_digest(digest, "a54b587e24ec760f14f917dec8556f853e4ac6dcae729ed50f238aa8e76c9a18");
    int64_t *const members[] = {&seal.number,   &seal.hour_us, &seal.revision,   &seal.receipt_from, &seal.receipt_to,
                                &seal.segments, &seal.records, &seal.exclusions, &seal.sealed_at_us};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        *members[i] += 1;
        const Digest other = seal_digest(&seal);
        assert_memory_not_equal(&digest, &other, sizeof digest);
        *members[i] -= 1;
    }
    seal.previous = filled(6);
    const Digest other = seal_digest(&seal);
    assert_memory_not_equal(&digest, &other, sizeof digest);
}

static void
a_head_with_its_seals_and_roots_and_its_signature(void **state)
{
    (void) state;
    DigestState lines;
    const Digest of_seal = filled(7);
    SealHead head = {.number = 41,
                     .version = 1,
                     .receipt_from = 6,
                     .receipt_to = 12,
                     .books = 2,
                     .books_digest = filled(8),
                     .seals = 1,
                     .roots = 1,
                     .signed_at_us = INT64_C(1778418001000000),
                     .previous = filled(9)};
    memset(head.incarnation, 10, sizeof head.incarnation);
    digest_start(&lines);
    seal_head_add_seal(&lines, 9, 3, &of_seal);
    head.seals_digest = digest_end(&lines);
    digest_start(&lines);
    seal_head_add_root(&lines, 9, (UtcMonth){2026, 5}, 1, &of_seal);
    head.roots_digest = digest_end(&lines);
    assert_digest(seal_head_digest(&head), "6cbd86dbbefc131b3bf46da062d18c6639c1fcc00946a64424ea20a48452238b");
    const SealInvoice invoice = {
        .tenant_id = 9, .invoice_id = 12, .number = TEXT_LITERAL("MB-2026-000001"), .document = of_seal};
    digest_start(&lines);
    seal_head_add_invoice(&lines, &invoice);
    head.invoices_digest = digest_end(&lines);
    head.invoices = 1;
    head.version = 2;
    const Digest digest = seal_head_digest(&head);
    assert_digest(digest, "3d5b2b1717d068a9816997dbc9cafa7e62742a45e506d27f518972378a59bf42");

    /* The key whose seed is 32 times 0x0b. */
    SealKey key = {0};
    char hex[2 * SEAL_SIGNATURE_BYTES + 1];
    static const uint8_t public_key[SEAL_PUBLIC_BYTES] = {
        0x66, 0xbe, 0x7e, 0x33, 0x2c, 0x7a, 0x45, 0x33, 0x32, 0xbd, 0x9d, 0x0a, 0x7f, 0x7d, 0xb0, 0x55,
        0xf5, 0xc5, 0xef, 0x1a, 0x06, 0xad, 0xa6, 0x6d, 0x98, 0xb3, 0x9f, 0xb6, 0x81, 0x0c, 0x47, 0x3a};
    memset(key.secret_key, 11, 32);
    memcpy(key.secret_key + 32, public_key, sizeof public_key);
    seal_key_sign(&key, &digest, head.signature);
    assert_string_equal(bytes_hex(head.signature, SEAL_SIGNATURE_BYTES, hex),
                        "302a00a457f91f58ca5aa62357e8f907f8b939db2d85ff5e64ef599e41af709c"
                        "ba557d3f70f9a829687e7340b3120db7cd4926f9e10ec480dd0c83c769fb8d06");
    assert_true(seal_signature_is_valid(public_key, &digest, head.signature));
    assert_false(seal_signature_is_valid(public_key, &of_seal, head.signature));
    head.signature[3] ^= 1;
    assert_false(seal_signature_is_valid(public_key, &digest, head.signature));
}

static void
a_root_names_its_seals_in_order(void **state)
{
    (void) state;
    const SealRoot root = {.tenant = TEXT_LITERAL("acme"), .month = {2026, 5}, .revision = 1, .seals = 2};
    const Digest digests[2] = {filled(12), filled(13)};
    DigestState lines;
    seal_root_start(&lines, &root);
    seal_root_add(&lines, 1, &digests[0]);
    seal_root_add(&lines, 4, &digests[1]);
    assert_digest(digest_end(&lines), "4b8e13cd0081f16fa4f79531fbffe9a83d845fb07e69e9aca3bd5445f6a84094");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_and_the_content_of_a_seal),
        cmocka_unit_test(a_seal_covers_every_member),
        cmocka_unit_test(a_head_with_its_seals_and_roots_and_its_signature),
        cmocka_unit_test(a_root_names_its_seals_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
