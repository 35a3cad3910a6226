/* The series of a domain's definition. */
#include "guest/domain_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *
label_of(const struct samples *samples, const char *metric, size_t label)
{
    for (size_t i = 0; i < samples_count(samples); i++) {
        if (strcmp(samples_at(samples, i).metric->name, metric) == 0)
            return samples_at(samples, i).label_values[label];
    }
    return "no such series";
}

static void
test_series_of_the_definition(void **state)
{
    const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 256};
    char name[] = "customer", namespace[] = "n", path[] = "a@b";
    const struct domain_label wanted = {name, namespace, path};
    struct domain_metrics *metrics = domain_metrics_new(&wanted, 1);
    struct samples *samples = samples_new(&limits);
    struct domain_facts *facts = domain_facts_new();

    (void)state;
    domain_metrics_samples(metrics, "uuid-1", NULL, samples);
    assert_string_equal(label_of(samples, "qga_domain_info", 0), "uuid-1");
    for (size_t label = 1; label < 8; label++)
        assert_string_equal(label_of(samples, "qga_domain_info", label), "");
    assert_int_equal(samples_count(samples), 1);
    samples_clear(samples);

    domain_facts_add_metadata(facts, "n", "a@b", "acme");
    free(facts->tags);
    free(facts->ostype);
    facts->tags = domain_facts_text("a;b");
    facts->ostype = domain_facts_text("l26");
    facts->vcpus = (struct domain_range){.current = 2, .maximum = 4};
    domain_metrics_samples(metrics, "uuid-1", facts, samples);
    assert_string_equal(label_of(samples, "qga_domain_info", 5), "a;b");
    assert_string_equal(label_of(samples, "qga_domain_info", 6), "l26");
    assert_string_equal(label_of(samples, "qga_domain_info", 7), "acme");
    assert_string_equal(domain_metrics_families(metrics)[0]->labels[7], "customer");
    assert_int_equal(samples_count(samples), 3); /* the memory is not known */
    domain_facts_unref(facts);
    samples_free(samples);
    domain_metrics_free(metrics);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series_of_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
