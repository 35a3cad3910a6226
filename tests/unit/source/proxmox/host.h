/* A host of Proxmox VE, played in a folder: pid files of real processes that call
 * themselves kvm, sockets and configurations. */
#ifndef UNIT_PROXMOX_HOST_H
#define UNIT_PROXMOX_HOST_H

#include "source/proxmox/inventory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

#define HOST_PROCESSES_MAX 16
#define HOST_PATH_BYTES 128

struct host {
    char folder[32];
    char sockets[HOST_PATH_BYTES], pid_files[HOST_PATH_BYTES],
        configurations[HOST_PATH_BYTES];
    struct proxmox_folders folders;
    pid_t processes[HOST_PROCESSES_MAX];
    size_t count;
    int ends[2]; /* what the processes wait for does not come */
};

static inline void
host_open(struct host *host)
{
    strcpy(host->folder, "/tmp/test_pve.XXXXXX");
    assert_non_null(mkdtemp(host->folder));
    snprintf(host->sockets, HOST_PATH_BYTES, "%s/run", host->folder);
    snprintf(host->pid_files, HOST_PATH_BYTES, "%s/run", host->folder);
    snprintf(host->configurations, HOST_PATH_BYTES, "%s/etc", host->folder);
    assert_int_equal(mkdir(host->sockets, 0700), 0);
    assert_int_equal(mkdir(host->configurations, 0700), 0);
    host->folders =
        (struct proxmox_folders){host->sockets, host->pid_files, host->configurations};
    assert_int_equal(pipe2(host->ends, O_CLOEXEC), 0);
}

/* At once, as a look may come at any moment. */
static inline void
host_write(const char *folder, const char *name, const char *text)
{
    char path[2 * HOST_PATH_BYTES], coming[2 * HOST_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(coming, sizeof(coming), "%s/coming", folder);
    FILE *file = fopen(coming, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(coming, path), 0);
}

static inline void
host_remove(const char *folder, const char *name)
{
    char path[2 * HOST_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static inline void
host_end(struct host *host, pid_t pid)
{
    for (size_t i = 0; i < host->count; i++) {
        if (host->processes[i] == pid)
            host->processes[i] = 0; /* its number may be another's soon */
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A process that is there once its arguments are.  `more`: an argument, or NULL. */
static inline pid_t
host_process(struct host *host, const char *name, const char *vmid, const char *more)
{
    int ready[2];
    char byte, file[32];

    assert_true(host->count < HOST_PROCESSES_MAX);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    snprintf(file, sizeof(file), "/run/%s.pid", vmid);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(host->ends[0], 0);
        dup2(ready[1], 1);
        execl("/bin/sh", name, "-c", "echo; read x", "-pidfile", file, "-name",
              "by-qemu", "-smp", "2", more, NULL);
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    host->processes[host->count++] = pid;
    return pid;
}

static inline void
host_pid_file(const struct host *host, const char *vmid, pid_t pid)
{
    char name[32], text[32];

    snprintf(name, sizeof(name), "%s.pid", vmid);
    snprintf(text, sizeof(text), "%ld\n", (long)pid);
    host_write(host->pid_files, name, text);
}

/* A guest that runs. */
static inline pid_t
host_start(struct host *host, const char *vmid, const char *more)
{
    pid_t pid = host_process(host, "/usr/bin/kvm", vmid, more);

    host_pid_file(host, vmid, pid);
    return pid;
}

static inline void
host_configure(const struct host *host, const char *vmid, const char *text)
{
    char name[32];

    snprintf(name, sizeof(name), "%s.conf", vmid);
    host_write(host->configurations, name, text);
}

/* Likewise: none that does not listen yet is seen. */
static inline int
host_listen(const struct host *host, const char *vmid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[2 * HOST_PATH_BYTES];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(path, sizeof(path), "%s/%s.qga", host->sockets, vmid);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/coming", host->sockets);
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(rename(address.sun_path, path), 0);
    return fd;
}

static inline void
host_close(struct host *host)
{
    char command[64];

    for (size_t i = 0; i < host->count; i++) {
        if (host->processes[i] == 0)
            continue;
        (void)kill(host->processes[i], SIGKILL);
        (void)waitpid(host->processes[i], NULL, 0);
    }
    close(host->ends[0]);
    close(host->ends[1]);
    snprintf(command, sizeof(command), "rm -rf %s", host->folder);
    assert_int_equal(system(command), 0);
}

#endif
