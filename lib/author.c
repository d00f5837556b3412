#include "lib/author.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

const char *
author_write(char out[AUTHOR_BYTES])
{
    char host[256] = "";
    const struct passwd *user = getpwuid(geteuid());
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    snprintf(out, AUTHOR_BYTES, "%.60s@%.250s", user == NULL ? "unknown" : user->pw_name, host);
    return out;
}
