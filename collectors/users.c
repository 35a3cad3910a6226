/* Collector users: guest-get-users, how many users are logged in.  Who they are and
 * since when stays in the guest: that is about people. */
#include "collector.h"
#include "kit/guest_json.h"

static const struct metric users = {
    .name = "qga_users",
    .help = "Users logged in to the guest, each counted once (guest-get-users, from "
            "QEMU 2.10 on, cached); their names are not read. 0 where the guest keeps "
            "no utmp.",
    .type = METRIC_GAUGE,
};
static const struct metric *const users_metrics[] = {
    &users,
    NULL,
};

static int
users_parse(const json_t *reply, const struct exchange *when, struct samples *out,
            struct failure *why)
{
    (void)when;
    struct guest_json list, user;
    size_t count = 0;
    guest_json_root(&list, reply, why);
    while (guest_json_entry(&list, count, &user)) {
        double login_time;

        guest_json_number(&user, "login-time", GUEST_REQUIRED, &login_time);
        count++;
    }
    if (!guest_json_is_whole(&list))
        guest_json_refuse(&list, "users alone");
    samples_add(out, &users, (double)count, NO_LABELS);
    return guest_json_result(&list, out);
}

const struct collector users_collector = {
    .name = "users",
    .help = "how many users are logged in, without their names",
    .command = "guest-get-users",
    .since = "2.10",
    .series = "1",
    .default_interval_s = 60,
    .default_disabled = true,
    .metrics = users_metrics,
    .parse = users_parse,
};
