#include <string.h>

#include "schema/db_internal.h"

MUST_CHECK char *
db_password_verifier(Db *self, const char *role, const char *password, Err *err)
{
    char *verifier = PQencryptPasswordConn(self->connection, password, role, "scram-sha-256");
    if (verifier == NULL)
        err_set(err, ERR_DATABASE, "cannot make a password verifier: %.*s",
                (int) strcspn(PQerrorMessage(self->connection), "\n"), PQerrorMessage(self->connection));
    return verifier;
}

void
db_password_verifier_free(char *verifier)
{
    PQfreemem(verifier);
}
