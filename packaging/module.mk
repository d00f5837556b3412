# packaging: what `make install` copies beside the programs
SHARED_FOLDERS := rater/books reports/alternatives reports/catalogues reports/languages reports/templates agent/scenarios \
    schema/migrations schema/views
SHARED_FILES := schema/roles.sql schema/grants.sql
