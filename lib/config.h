/**
 * config - where a stack lives, and its settings
 *
 * A stack is found by --data DIR, else MILLIBILL_DATA, else the `data:` of the configuration file
 * (MILLIBILL_CONFIG or /etc/millibill/millibill.yaml), else the default directory: /var/lib/millibill for root,
 * $XDG_DATA_HOME/millibill or ~/.local/share/millibill for others. Settings are read from DIR/millibill.yaml
 * (written by `millibill up`), else from the configuration file, else take the defaults below. The file's keys are
 * the members' names; unknown keys are errors with their line.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

enum {
    CONFIG_TEXT_BYTES = 1024,
    CONFIG_COLLECTORS_MAX = 8,
    CONFIG_BINDINGS_MAX = 128,
    CONFIG_ALLOW_USERS_MAX = 64,
    CONFIG_SOCKET_BYTES = 108, /* sun_path */
    CONFIG_USER_BYTES = 64,
    CONFIG_TENANT_BYTES = 256,
    CONFIG_FOLLOW_MAX = 32,
    CONFIG_FOLLOW_PATH_BYTES = 512,
    CONFIG_REGION_BYTES = 65
};

/* Who comes in by this way speaks for this tenant and no other. An empty text says "any". */
typedef struct ConfigBinding {
    char socket[CONFIG_SOCKET_BYTES]; /* path; one that is none of the agent's usual ones is opened for NDJSON lines */
    char group[CONFIG_USER_BYTES];    /* name or number that such a socket is given to */
    char user[CONFIG_USER_BYTES];     /* name or number of the peer's user */
    char tenant[CONFIG_TENANT_BYTES]; /* never empty */
} ConfigBinding;

/* A log file that the agent follows, or a pattern of such files, and what its lines do not say. Empty: not said. */
typedef struct ConfigFollow {
    char path[CONFIG_FOLLOW_PATH_BYTES]; /* absolute; glob(7) */
    char format[16];                     /* ndjson, csv, lambda-report */
    char tenant[CONFIG_TENANT_BYTES];    /* the only one that the file may speak for */
    char function[256];
    char region[CONFIG_REGION_BYTES];
    char architecture[16];
} ConfigFollow;

typedef struct Config {
    char data[PATH_MAX];              /* the stack's directory, absolute */
    char run[PATH_MAX];               /* directory of Unix sockets; short enough for sun_path */
    char database[CONFIG_TEXT_BYTES]; /* libpq connection string without a user (role added by the program) */
    bool embedded;                    /* made by `millibill up`: --tenant registers tenants on first use */
    char log_level[16];               /* error, warn, info, debug */

    /* agent */
    char agent_name[128];
    char agent_socket[PATH_MAX];                 /* NDJSON lines */
    char import_socket[PATH_MAX];                /* import, exec, simulate: framed batches (proto/local.proto) */
    char ring_socket[PATH_MAX];                  /* hands out shared-memory rings */
    char spool[PATH_MAX];                        /* LMDB directory */
    int64_t spool_max_mb;                        /* 1024 */
    int64_t spool_retain_hours;                  /* 24: how long acknowledged batches stay */
    int64_t ack_timeout_ms;                      /* 15000: batches are sent again when no acknowledgement comes */
    int64_t flush_interval_ms;                   /* 200: longest time a record waits before it is spooled */
    int64_t batch_records_max;                   /* 8192 */
    char agent_key[PATH_MAX];                    /* CURVE key pair file, mode 0600 */
    char collectors[CONFIG_COLLECTORS_MAX][256]; /* tcp://host:port or ipc://path */
    int64_t collector_count;
    char collector_public_key[PATH_MAX];         /* file that holds the collector's public key (Z85) */
    ConfigBinding bindings[CONFIG_BINDINGS_MAX]; /* the first that fits decides */
    int64_t binding_count;
    char allow_users[CONFIG_ALLOW_USERS_MAX]
                    [CONFIG_USER_BYTES]; /* names or numbers; none: who reaches a socket may use it */
    int64_t allow_user_count;
    int64_t identity_window_hours;   /* 24: how long a record that is sent again is recognised; 0 never */
    int64_t identity_window_entries; /* 1000000: of them remembered at most; 0 none */
    int64_t idle_close_s;            /* 60: who is silent for so long makes room when connections run out */
    ConfigFollow follow[CONFIG_FOLLOW_MAX];
    int64_t follow_count;

    /* collector */
    char listen[256];             /* endpoint */
    char collector_key[PATH_MAX]; /* CURVE key pair file, mode 0600 */
    int64_t group_commit_batches; /* 64 */
    int64_t group_commit_ms;      /* 20: longest wait for a group to fill */
    int64_t live_past_days;       /* 35: older live records are quarantined */
    int64_t live_future_s;        /* 300 */
    int64_t connections_max;      /* 4096 */
    int64_t database_patience_s;  /* 60: an answer that takes longer does not come; searches and seals: 60 times that */
    char metrics_listen[PATH_MAX]; /* host:port, [v6]:port or unix:PATH; empty: no metrics */

    /* seals */
    int64_t seal_every_s;           /* 30: how often closed hours are looked for; 0: this collector does not seal */
    int64_t seal_after_s;           /* 900: an hour is sealed that long after its end */
    char seal_key[PATH_MAX];        /* Ed25519 key pair file, mode 0600 */
    char seal_public_key[PATH_MAX]; /* its public half */
    char seal_heads[PATH_MAX];      /* every signed head, one JSON line each */

    /* final invoices; see doc/deliveries.md */
    char deliver_command[PATH_MAX];      /* program that gets each one on its standard input; empty: none */
    char deliver_url[CONFIG_TEXT_BYTES]; /* http(s) address that each one is posted to; empty: none */
    char deliver_secret[PATH_MAX];       /* file with the key that signs what is posted; empty: unsigned */
    int64_t deliver_attempts;            /* 5: in one run */
    int64_t deliver_timeout_s;           /* 30 */

    /* thresholds; see doc/alerts.md */
    char alert_percent[256];           /* "50, 80, 100": of free tiers, and where a contract names none; empty: none */
    char alert_forecast_percent[256];  /* the same of what is forecast; empty: it is not looked at */
    char alert_command[PATH_MAX];      /* program that gets each alert on its standard input; empty: none */
    char alert_url[CONFIG_TEXT_BYTES]; /* http(s) address that each one is posted to; empty: none */
    char alert_price_book[128];        /* that `alerts check` rates by; empty: the one that `rate` goes by */
    int64_t alerts_every_min;          /* 0: how often the supervisor of `millibill up` looks; 0 never */

    /* how documents look */
    char paper[16];                     /* a4 or letter */
    char brand_name[CONFIG_TEXT_BYTES]; /* who sends documents, where no contract says it */
    char brand_address[CONFIG_TEXT_BYTES];
    char brand_logo[PATH_MAX];          /* PNG picture; empty: none */
    char brand_color[16];               /* #rrggbb; empty: the shipped one */
    char brand_foot[CONFIG_TEXT_BYTES]; /* text at the end of each document */
    char language[16]; /* of documents, where no contract says it: two letters by ISO 639-1; empty: English */
} Config;

/** Find the stack and load its settings. `data_option` is the value of --data or NULL. ERR_INPUT (file, line, key),
 *  ERR_IO. A stack that was never started is not an error here: the defaults for its directory come back. */
MUST_CHECK bool config_load(const char *data_option, Config *config, Err *err);

/** Fill every derived default of `config->data` (the rest is overwritten). ERR_RANGE if paths get too long. */
MUST_CHECK bool config_defaults(Config *config, Err *err);

/** Take the settings that `text` states into `config`; the others stay. `name` stands for the file in messages. ERR_INPUT (file, line,
 *  key). */
MUST_CHECK bool config_parse(Text text, const char *name, Config *config, Err *err);

/** Write DATA/millibill.yaml (mode 0644, atomically) so that config_load gives `config` back. */
MUST_CHECK bool config_save(const Config *config, Err *err);

/** A connection string for one of the database roles (millibill_owner, millibill_collector, millibill_compactor,
 *  millibill_rater, millibill_reader): config->database with user= added. `out` holds CONFIG_TEXT_BYTES. */
MUST_CHECK bool config_conninfo(const Config *config, const char *role, char *out, Err *err);

#endif
