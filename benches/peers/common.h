/*
 * What the benchmark peers share: arguments, addresses, sockets, pinning.
 *
 * The peers are measuring tools. They trust their command line, and they stop loudly at any failure
 * that would make a figure wrong.
 */
#ifndef KOI_BENCH_COMMON_H
#define KOI_BENCH_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors a peer asks for: a relayed connection takes two sockets and up to four pipe ends. */
#define WANTED_DESCRIPTORS 131072

/* Edges that every connection is registered for, once; nothing is re-armed afterwards. */
#define CONNECTION_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline void usage(const char *text)
{
    fprintf(stderr, "usage: %s\n", text);
    exit(2);
}

/* The value after `name` among "--name value" pairs, or `otherwise`. */
static inline const char *argument(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return otherwise;
}

/* Reads "127.0.0.1:8080". */
static inline struct sockaddr_in parse_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');

    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        fprintf(stderr, "not an IPv4 address and port: %s\n", text);
        exit(2);
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        fprintf(stderr, "not an IPv4 address: %s\n", host);
        exit(2);
    }
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    return address;
}

/* Pins this process to a core; an empty text leaves it where it is. */
static inline void pin_to_core(const char *core)
{
    cpu_set_t set;

    if (*core == '\0')
        return;
    CPU_ZERO(&set);
    CPU_SET(atoi(core), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        die("sched_setaffinity");
}

/* Raises the descriptor limit as far as we may; whoever runs out later stops with EMFILE. */
static inline void raise_descriptor_limit(void)
{
    struct rlimit limit = {WANTED_DESCRIPTORS, WANTED_DESCRIPTORS};

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("setrlimit");
}

static inline void set_nodelay(int fd)
{
    int on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        die("TCP_NODELAY");
}

/* A listening socket that does not block. */
static inline int listen_on(const char *text)
{
    struct sockaddr_in address = parse_address(text);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        die("SO_REUSEADDR");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("bind");
    if (listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

/*
 * The next waiting connection, or -1 when none waits. Running out of descriptors ends the program:
 * a benchmark that sheds connections measures something else.
 */
static inline int accept_next(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            set_nodelay(fd);
            return fd;
        }
        if (errno == EAGAIN)
            return -1;
        if (errno != EINTR && errno != ECONNABORTED)
            die("accept4");
    }
}

static inline void watch(int epoll, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

/* A descriptor that becomes readable at SIGTERM or SIGINT, so that no signal races the loop. */
static inline int stop_signals(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        die("sigprocmask");
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd");
    return fd;
}

/* Tells the script that connections are welcome. */
static inline void announce(const char *address)
{
    printf("listening on %s\n", address);
    fflush(stdout);
}

#endif
