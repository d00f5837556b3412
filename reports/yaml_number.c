#include "reports/yaml_number.h"

#include "lib/decimal.h"

MUST_CHECK bool
yaml_number(const YamlNode *mapping, const char *key, mpq_t out, bool *present, Err *err)
{
    const YamlNode *node = yaml_get(mapping, key);
    if (present != NULL)
        *present = node != NULL;
    if (node == NULL)
        return present != NULL || yaml_fail(mapping, key, err, "is missing; give a decimal number such as 0.0208");
    if (!yaml_is_scalar(node))
        return yaml_fail(node, key, err, "should be a decimal number");
    Err wrong = {0};
    if (!decimal_parse(yaml_text(node), out, &wrong))
        return yaml_fail(node, key, err, "'%.*s' is not a decimal number such as 0.0208", TEXT_ARG(yaml_text(node)));
    if (mpq_sgn(out) < 0)
        return yaml_fail(node, key, err, "%.*s is negative; give 0 or more", TEXT_ARG(yaml_text(node)));
    return true;
}

MUST_CHECK bool
yaml_positive(const YamlNode *mapping, const char *key, mpq_t out, Err *err)
{
    bool present = false;
    if (!yaml_number(mapping, key, out, &present, err))
        return false;
    if (present && mpq_sgn(out) == 0)
        return yaml_fail(yaml_get(mapping, key), key, err, "0 is not allowed; give more, or leave the item out");
    return true;
}
