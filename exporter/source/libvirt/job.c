/* Jobs of lanes. */
#include "source/libvirt/job.h"

#include "kit/memory.h"

#include <stdio.h>
#include <stdlib.h>

void
libvirt_job_drop(struct lane_job *lane_job)
{
    struct libvirt_job *job = (struct libvirt_job *)lane_job;

    for (size_t i = 0; i < job->domains_count; i++)
        free(job->domains[i].name);
    free(job->domains);
    free(job->balloons);
    domain_facts_unref(job->definition.xml.facts);
    free(job->definition.unread);
    free(job->answer.reply);
    libvirt_link_unref(job->link);
    free(job);
}

static void
deliver(struct mail *mail)
{
    struct libvirt_job *job = (struct libvirt_job *)mail;

    if (job->link->source)
        job->done(job->link->source, job);
    libvirt_job_drop(&job->job);
}

struct libvirt_job *
libvirt_job_new(struct libvirt_link *link, const char *uuid, unsigned int connection,
                void (*done)(struct source *source, struct libvirt_job *job))
{
    struct libvirt_job *job = memory_new(1, sizeof(*job));

    job->job.mail.deliver = deliver;
    job->link = libvirt_link_ref(link);
    job->done = done;
    job->connection = connection;
    (void)snprintf(job->uuid, sizeof(job->uuid), "%s", uuid);
    return job;
}
