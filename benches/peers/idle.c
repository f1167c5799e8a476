/*
 * Opens many connections, makes one request on each, and holds them idle until stdin closes.
 *
 * The request proves that the connection is accepted and dialled on to the server. One connection
 * at a time is enough and keeps the proxy from needing more than a buffer or two for the crowd.
 */
#include "common.h"
#include <sys/time.h>

/* Connections per local address: each address has some 28 000 ephemeral ports of its own. */
#define PER_SOURCE 20000
#define TIMEOUT_SECONDS 10

static const char request[] = "GET /1 HTTP/1.1\r\nHost: idle\r\n\r\n";

/* Lets a silent proxy fail the run instead of hanging it. */
static void set_timeouts(int fd)
{
    struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
        die("timeouts");
}

/* Connects from 127.0.0.1, 127.0.0.2 and so on, so that ports suffice for any number. */
static int connect_from(int number, const struct sockaddr_in *target)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    set_timeouts(fd);
    set_nodelay(fd);
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number / PER_SOURCE));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0)
        die("IP_BIND_ADDRESS_NO_PORT");
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        die("bind");
    if (connect(fd, (const struct sockaddr *)target, sizeof *target) != 0)
        die("connect");
    return fd;
}

/* One request and its answer of a one-byte body. */
static void exchange(int fd)
{
    char answer[512];
    size_t length = 0;
    char *end = NULL;

    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        die("send");
    while (end == NULL || length < (size_t)(end - answer) + 5) {
        ssize_t got = recv(fd, answer + length, sizeof answer - length, 0);
        if (got <= 0)
            die("the answer did not come");
        length += (size_t)got;
        end = memmem(answer, length, "\r\n\r\n", 4);
    }
    if (memcmp(answer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "not a 200 answer\n");
        exit(1);
    }
}

static void hold_until_stdin_closes(void)
{
    char ignored[64];

    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0)
        continue;
}

int main(int argc, char **argv)
{
    const char *address = argument(argc, argv, "--target", NULL);
    int count = atoi(argument(argc, argv, "--connections", "10000"));
    struct sockaddr_in target;

    if (address == NULL || count <= 0)
        usage("idle --target 127.0.0.1:PORT [--connections N] [--core N]");
    target = parse_address(address);
    pin_to_core(argument(argc, argv, "--core", ""));
    raise_descriptor_limit();
    for (int i = 0; i < count; i++)
        exchange(connect_from(i, &target));
    printf("ready %d\n", count);
    fflush(stdout);
    hold_until_stdin_closes();
    return 0;
}
