#include "rater/deliver.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/keys.h"
#include "lib/options.h"
#include "lib/utc.h"

enum {
    SECRET_BYTES_MIN = 24,
    SECRET_BYTES_MAX = 64,
    SECRET_FILE_BYTES = 1024,
    HEADER_BYTES = 256,
    SIGNATURE_BYTES = 64,
    STATUS_OK = 200,
    STATUS_OK_END = 300
};
static const char SECRET_PREFIX[] = "whsec_";

typedef struct Secret {
    unsigned char bytes[SECRET_BYTES_MAX];
    size_t length; /* 0: none */
} Secret;

static bool
secret_parse(Text text, Secret *secret)
{
    Text line = text_trim(text);
    size_t prefix = sizeof SECRET_PREFIX - 1;
    return line.length > prefix && memcmp(line.data, SECRET_PREFIX, prefix) == 0 &&
           sodium_base642bin(secret->bytes, sizeof secret->bytes, line.data + prefix, line.length - prefix, NULL,
                             &secret->length, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           secret->length >= SECRET_BYTES_MIN;
}

static bool
secret_read(const char *path, Secret *secret, Err *err)
{
    Buffer file = {0};
    *secret = (Secret){0};
    if (path[0] == '\0')
        return true;
    bool done = keys_check_private(path, err) && file_read(path, SECRET_FILE_BYTES, &file, err);
    if (done && !secret_parse(buffer_text(&file), secret)) {
        done = err_set(err, ERR_INPUT, "%s: not a webhook secret: expected whsec_ and 24 to 64 bytes in base64", path);
        err_hint(err, "make one: (umask 077; echo \"whsec_$(openssl rand -base64 32)\" > '%s')", path);
    }
    if (file.data != NULL)
        sodium_memzero(file.data, file.capacity);
    buffer_free(&file);
    return done;
}

/* "v1,BASE64" of HMAC-SHA256 over "ID.SECONDS.BODY". */
static void
sign(const Secret *secret, const Delivery *delivery, int64_t now_s, char out[SIGNATURE_BYTES])
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[HEADER_BYTES];
    snprintf(head, sizeof head, "%s.%" PRId64 ".", delivery->id, now_s);
    crypto_auth_hmacsha256_init(&state, secret->bytes, secret->length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *) head, strlen(head));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *) delivery->document.data, delivery->document.length);
    crypto_auth_hmacsha256_final(&state, mac);
    memcpy(out, "v1,", sizeof "v1,");
    sodium_bin2base64(out + 3, SIGNATURE_BYTES - 3, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
}

static bool
header_add(struct curl_slist **list, const char *name, const char *value)
{
    char line[HEADER_BYTES];
    snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (grown == NULL)
        return false;
    *list = grown;
    return true;
}

static bool
headers_make(struct curl_slist **list, const Secret *secret, const Delivery *delivery, Err *err)
{
    char seconds[24];
    char signature[SIGNATURE_BYTES];
    const bool is_invoice = strcmp(delivery->event, DELIVERY_INVOICE) == 0;
    int64_t now_s = utc_now_us() / UTC_SECOND_US;
    snprintf(seconds, sizeof seconds, "%" PRId64, now_s);
    bool done = header_add(list, "content-type", "application/json") && header_add(list, "webhook-id", delivery->id) &&
                header_add(list, "webhook-timestamp", seconds) &&
                header_add(list, "millibill-event", delivery->event) &&
                header_add(list, is_invoice ? "millibill-invoice" : "millibill-alert", delivery->number) &&
                header_add(list, "expect", "");
    if (done && secret->length > 0) {
        sign(secret, delivery, now_s, signature);
        done = header_add(list, "webhook-signature", signature);
    }
    return done || err_set(err, ERR_NOMEM, "no memory for a request");
}

/* What the receiver answers besides its status is of no interest. */
static size_t
ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void) bytes;
    (void) context;
    return size * count;
}

static bool
request(CURL *curl, const Config *config, const char *url, const Delivery *delivery, struct curl_slist *headers,
        Err *err)
{
    char problem[CURL_ERROR_SIZE] = "";
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) delivery->document.length);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery->document.data);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) config->deliver_timeout_s);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "millibill");
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return err_set(err, ERR_IO, "%s: %s", url, problem[0] != '\0' ? problem : curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return (status >= STATUS_OK && status < STATUS_OK_END) || err_set(err, ERR_IO, "%s answered %ld", url, status);
}

bool
deliver_to_webhook(const Config *config, const char *url, const Delivery *delivery, Err *err)
{
    Secret secret;
    struct curl_slist *headers = NULL;
    if (!secret_read(config->deliver_secret, &secret, err))
        return false;
    CURL *curl = curl_easy_init();
    bool done = curl != NULL || err_set(err, ERR_NOMEM, "no memory for a request");
    done = done && headers_make(&headers, &secret, delivery, err) && request(curl, config, url, delivery, headers, err);
    sodium_memzero(&secret, sizeof secret);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return done;
}
