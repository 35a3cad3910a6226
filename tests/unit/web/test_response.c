/* Headers of every answer: which are configured, and which are ours. */
#include "unit/served.h"
#include "unit/yaml_text.h"

static void
without_configuration_types_are_not_guessed(void **state)
{
    struct served served = serve();

    (void)state;
    answers(&served, "GET", "/metrics", OK,
            "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    answers(&served, "GET", "/", OK, "\r\nContent-Type: text/html; charset=utf-8\r\n");
    answers(&served, "GET", "/", OK, "\r\nX-Content-Type-Options: nosniff\r\n");
    answers(&served, "GET", "/none", "HTTP/1.1 404 ",
            "\r\nX-Content-Type-Options: nosniff\r\n");
    char *answer = ask(&served, "GET", "/");

    assert_null(strstr(answer, "X-Frame-Options"));
    free(answer);
    end(&served);
}

static void
configured_headers_are_in_every_answer(void **state)
{
    static const char text[] = "http_server_config:\n  headers:\n"
                               "    X-Frame-Options: deny\n"
                               "    X-Content-Type-Options: nosniff\n";
    static const char *const paths[] = {"/", "/metrics", "/none"};

    (void)state;
    yaml_write(text, strlen(text));
    struct served served = serve_with((struct web_settings){.access = NULL}, yaml_path);

    for (size_t i = 0; i < 3; i++) {
        char *answer = ask(&served, "GET", paths[i]);
        const char *header = strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n");

        assert_non_null(header);
        assert_null(strstr(header + 4, "X-Content-Type-Options")); /* once */
        assert_non_null(strstr(answer, "\r\nX-Frame-Options: deny\r\n"));
        free(answer);
    }
    end(&served);
}

static void
pages_let_nothing_in_from_elsewhere(void **state)
{
    static const char text[] = "http_server_config:\n  headers:\n"
                               "    Content-Security-Policy: default-src 'self'\n";
    static const char header[] = "\r\nContent-Security-Policy: default-src 'none'; "
                                 "style-src 'self'; form-action 'self'; ";
    struct served served = serve();

    (void)state;
    answers(&served, "GET", "/", OK, header);
    answers(&served, "GET", "/guests?state=", OK, header);
    char *answer = ask(&served, "GET", "/metrics");

    assert_null(strstr(answer, "Content-Security-Policy"));
    free(answer);
    end(&served);
    yaml_write(text, strlen(text));
    served = serve_with((struct web_settings){.access = NULL}, yaml_path);
    answer = ask(&served, "GET", "/");
    assert_non_null(
        strstr(answer, "\r\nContent-Security-Policy: default-src 'self'\r\n"));
    assert_null(strstr(answer, "default-src 'none'")); /* the user's wins */
    free(answer);
    end(&served);
}

/* A body of the store's lives as long as somebody reads it. */
static void
long_answers_come_whole(void **state)
{
    struct served served = serve();

    (void)state;
    put_much(served.store);
    int slow = dial(&served), quick = dial(&served);
    static const char request[] =
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    size_t got = 0;
    char block[65536];
    ssize_t length;

    say(slow, request);
    assert_int_equal(recv(slow, block, 1, 0), 1);
    store_guest_remove(served.store, store_guest_add(served.store, "domain=\"b\""));
    say(quick, request);
    while ((length = recv(quick, block, sizeof(block), 0)) > 0)
        got += (size_t)length;
    assert_true(got > MUCH_BYTES);
    for (got = 1; (length = recv(slow, block, sizeof(block), 0)) > 0;)
        got += (size_t)length;
    assert_true(got > MUCH_BYTES);
    (void)close(slow);
    (void)close(quick);
    end(&served);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_configuration_types_are_not_guessed),
        cmocka_unit_test(configured_headers_are_in_every_answer),
        cmocka_unit_test(pages_let_nothing_in_from_elsewhere),
        cmocka_unit_test(long_answers_come_whole),
    };

    return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
