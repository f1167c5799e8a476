/*
 * An exact load: a given number of requests over a given number of keep-alive connections, one
 * request in flight on each, every answer 200 and of the same length.
 *
 * wrk runs for a time and counts what it got; a slope of instructions over requests needs counts
 * that are exact, which is what this is for. It also serves as warm-up.
 */
#include "common.h"
#include <stdbool.h>
#include <time.h>

#define MAX_EVENTS 512
#define READ_SIZE (256 * 1024)
#define TIMEOUT_MILLISECONDS 30000

struct connection {
    int fd;
    uint64_t owed; /* bytes of the answer under way that have not come */
};

static char request[256];
static size_t request_length;
static uint64_t answer_length; /* head and body, learnt from a first request */
static uint64_t unsent, unanswered;
static char read_buffer[READ_SIZE];

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static int connect_to(const struct sockaddr_in *target)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    set_nodelay(fd);
    if (connect(fd, (const struct sockaddr *)target, sizeof *target) != 0)
        die("connect");
    return fd;
}

static void send_request(int fd)
{
    if (send(fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length)
        die("send");
}

/* The length of the whole answer that begins the read buffer, or 0 if its head is not whole. */
static uint64_t announced_length(size_t received)
{
    static const char field[] = "Content-Length: ";
    char *end = memmem(read_buffer, received, "\r\n\r\n", 4);
    char *value;

    if (end == NULL)
        return 0;
    if (memcmp(read_buffer, "HTTP/1.1 200", 12) != 0)
        fail("not a 200 answer");
    value = memmem(read_buffer, (size_t)(end - read_buffer), field, sizeof field - 1);
    if (value == NULL)
        fail("an answer without Content-Length");
    return (uint64_t)(end + 4 - read_buffer) + strtoull(value + sizeof field - 1, NULL, 10);
}

/* Makes one request on a connection of its own and learns how long every answer will be. */
static void learn_answer_length(const struct sockaddr_in *target)
{
    int fd = connect_to(target);
    uint64_t received = 0;

    send_request(fd);
    while (answer_length == 0 || received < answer_length) {
        size_t offset = answer_length == 0 ? (size_t)received : 0;
        ssize_t got = recv(fd, read_buffer + offset, READ_SIZE - offset, 0);
        if (got <= 0)
            die("the first answer did not come");
        received += (uint64_t)got;
        if (answer_length == 0)
            answer_length = announced_length((size_t)received);
    }
    close(fd);
}

static void ask(struct connection *c)
{
    if (unsent == 0)
        return;
    unsent--;
    c->owed = answer_length;
    send_request(c->fd);
}

/* Takes what has come on a connection, and asks again when its answer is whole. */
static void take(struct connection *c)
{
    ssize_t got = recv(c->fd, read_buffer, READ_SIZE, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("a connection ended early");
    if ((uint64_t)got > c->owed)
        fail("more bytes than were asked for");
    if (c->owed == answer_length && got >= 12 && memcmp(read_buffer, "HTTP/1.1 200", 12) != 0)
        fail("not a 200 answer");
    c->owed -= (uint64_t)got;
    if (c->owed == 0) {
        unanswered--;
        ask(c);
    }
}

static struct connection *open_connections(int epoll, const struct sockaddr_in *target, int count)
{
    struct connection *all = calloc((size_t)count, sizeof *all);

    if (all == NULL)
        die("calloc");
    for (int i = 0; i < count; i++) {
        all[i].fd = connect_to(target);
        watch(epoll, all[i].fd, EPOLLIN, &all[i]);
    }
    return all;
}

static void run(int epoll)
{
    struct epoll_event events[MAX_EVENTS];

    while (unanswered > 0) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, TIMEOUT_MILLISECONDS);
        if (count == 0)
            fail("no answer in time");
        for (int i = 0; i < count; i++)
            take(events[i].data.ptr);
    }
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const char *address = argument(argc, argv, "--target", NULL);
    const char *path = argument(argc, argv, "--path", "/1k");
    int connections = atoi(argument(argc, argv, "--connections", "64"));
    uint64_t requests = strtoull(argument(argc, argv, "--requests", "0"), NULL, 10);
    struct sockaddr_in target;
    struct connection *all;
    double begun;
    int epoll;

    if (address == NULL || connections <= 0 || requests == 0)
        usage("load --target 127.0.0.1:PORT --requests N [--path /1k] [--connections N] "
              "[--core N]");
    target = parse_address(address);
    pin_to_core(argument(argc, argv, "--core", ""));
    raise_descriptor_limit();
    request_length = (size_t)snprintf(request, sizeof request,
                                      "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address);
    if (request_length >= sizeof request)
        fail("the path is too long");
    learn_answer_length(&target);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
    all = open_connections(epoll, &target, connections);
    unsent = unanswered = requests;
    begun = seconds_now();
    for (int i = 0; i < connections; i++)
        ask(&all[i]);
    run(epoll);
    printf("answered %llu seconds %.6f\n", (unsigned long long)requests, seconds_now() - begun);
    free(all);
    return 0;
}
