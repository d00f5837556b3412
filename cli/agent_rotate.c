#include "cli/agent_rotate.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/admin.h"
#include "cli/stack_command.h"
#include "lib/json.h"
#include "lib/keys.h"
#include "lib/options.h"
#include "schema/agent_store.h"

enum { GRACE_MAX_S = 7 * 24 * 3600 };

typedef struct Rotate {
    const char *name;
    const char *key_path;  /* --key */
    const char *given_key; /* --public-key: the pair was made on the agent's host */
    int64_t grace_s;
    char path[PATH_MAX]; /* "" when the public key was given */
    char new_path[PATH_MAX];
    char public_key[KEY_TEXT_BYTES];
} Rotate;

/* The agent of this stack has its key where the settings say, others where `agent add` put it. */
static bool
paths_set(Rotate *self, const Config *config, Err *err)
{
    int length = 0;
    if (self->key_path != NULL)
        length = snprintf(self->path, PATH_MAX, "%s", self->key_path);
    else if (strcmp(self->name, config->agent_name) == 0)
        length = snprintf(self->path, PATH_MAX, "%s", config->agent_key);
    else
        length = snprintf(self->path, PATH_MAX, "%s/keys/%s.key", config->data, self->name);
    if (length >= PATH_MAX || snprintf(self->new_path, PATH_MAX, "%s.new", self->path) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "the key file's path is too long");
    return true;
}

/* Beside the old one, which stays until the database knows the new one; an interrupted run is taken up where it ended. */
static bool
pair_make(Rotate *self, Err *err)
{
    struct stat old;
    if (!keys_ensure(self->new_path, NULL, self->public_key, err))
        return false;
    if (stat(self->path, &old) == 0 && chown(self->new_path, old.st_uid, old.st_gid) != 0)
        return err_set(err, ERR_IO, "cannot give '%s' to the owner of '%s': %s", self->new_path, self->path,
                       strerror(errno));
    return true;
}

static bool
pair_put(const Rotate *self, Err *err)
{
    if (rename(self->new_path, self->path) == 0)
        return true;
    err_set(err, ERR_IO, "cannot rename '%s': %s", self->new_path, strerror(errno));
    return err_hint(err, "the new key is registered already: put that file in place by hand");
}

static bool
rotate_key(Rotate *self, Db *db, const Config *config, Err *err)
{
    if (self->given_key != NULL) {
        (void) snprintf(self->public_key, sizeof(self->public_key), "%s", self->given_key);
        return agent_rotate(db, self->name, self->given_key, self->grace_s, err);
    }
    return paths_set(self, config, err) && pair_make(self, err) &&
           agent_rotate(db, self->name, self->public_key, self->grace_s, err) && pair_put(self, err);
}

static void
rotate_print(const Rotate *self, FILE *out)
{
    fprintf(out, "Agent %s has a new key, %s.\n", self->name, self->public_key);
    if (self->path[0] != '\0')
        fprintf(out, "  agent_key  %s   (secret: copy it to the agent's host, mode 0600)\n", self->path);
    if (self->grace_s > 0)
        fprintf(out, "The old key is refused after %" PRId64 " s. ", self->grace_s);
    else
        fprintf(out, "The old key is refused from now on; what the agent spools meanwhile is sent later. ");
    fprintf(out, "Restart the agent: it reads its key when it starts.\n");
}

static bool
rotate_print_json(const Rotate *self, Err *err)
{
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_text(out, "agent", self->name, err) &&
                json_add_text(out, "public_key", self->public_key, err) &&
                json_add_text(out, "key_file", self->path[0] == '\0' ? NULL : self->path, err) &&
                json_add_int(out, "grace_s", self->grace_s, err) && json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

static bool
rotate_run(StackCall *call, void *context, Err *err)
{
    Rotate *self = context;
    Config config;
    self->name = call->arguments[0];
    if (self->grace_s < 0 || self->grace_s > GRACE_MAX_S)
        return err_set(err, ERR_USAGE, "--grace %" PRId64 ": expected 0 to %d seconds", self->grace_s, GRACE_MAX_S);
    if (self->given_key != NULL && self->key_path != NULL)
        return err_set(err, ERR_USAGE, "--key and --public-key exclude each other");
    if (!agent_name_check(self->name, err))
        return false;
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    bool done = db != NULL && rotate_key(self, db, &config, err);
    db_free(&db);
    if (done)
        rotate_print(self, call->json ? stderr : stdout);
    return done && (!call->json || rotate_print_json(self, err));
}

int
agent_rotate_command(int argc, char **argv)
{
    Rotate rotate = {0};
    const Option options[] = {
        {"grace", 0, OPTION_INTEGER, &rotate.grace_s, "SECONDS", "how long the old key is good too; default 0"},
        {"key", 0, OPTION_TEXT, &rotate.key_path, "FILE", "key pair to replace; default where the old one is"},
        {"public-key", 0, OPTION_TEXT, &rotate.given_key, "Z85", "public half of a pair made on the agent's host"},
        {0},
    };
    const StackCommand command = {
        .command = "millibill agent rotate",
        .arguments = "NAME",
        .summary = "Give an agent a new key. Its rights, streams and watermarks stay.",
        .detail = "A new pair replaces the key file. A key that was replaced is never taken again.",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = options,
        .run = rotate_run,
        .context = &rotate,
    };
    return stack_command(&command, argc, argv);
}
