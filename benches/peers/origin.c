/*
 * A trivial HTTP/1.1 origin: one thread, keep-alive; `GET /<n>`, `/<n>k`, `/<n>m` answer n bytes.
 *
 * It exists to cost as little as possible on the core it shares with the load, so it understands
 * request heads without bodies and nothing else. Pipelined requests are answered in order; an
 * answer that the socket does not take at once waits for the next writable edge.
 */
#include "common.h"
#include <stdbool.h>
#include <sys/uio.h>

#define MAX_EVENTS 512
#define REQUEST_ROOM 4096
#define HEAD_ROOM 128
#define BODY_BLOCK (1024 * 1024)

struct connection {
    int fd;
    bool peer_done;               /* the client sent FIN (or the socket failed) */
    char request[REQUEST_ROOM];   /* bytes received and not yet answered */
    size_t request_length;
    char head[HEAD_ROOM];         /* the head of the answer under way */
    size_t head_length, head_sent;
    uint64_t body_length, body_sent;
};

/* Every body is cut from this block, repeated as often as its length needs. */
static char body_block[BODY_BLOCK];

static uint64_t accepted, answered;

/* A pattern of a prime period, so that bytes misplaced by pages or buffers show. */
static void fill_body_block(void)
{
    for (size_t i = 0; i < BODY_BLOCK; i++)
        body_block[i] = (char)('!' + i % 89);
}

static bool answering(const struct connection *c)
{
    return c->head_sent < c->head_length || c->body_sent < c->body_length;
}

/* The body length that a request line asks for; false when it is not one of ours. */
static bool requested_length(const char *request, uint64_t *length)
{
    char *end;

    if (strncmp(request, "GET /", 5) != 0 || request[5] < '0' || request[5] > '9')
        return false;
    *length = strtoull(request + 5, &end, 10);
    if (*end == 'k')
        *length <<= 10, end++;
    else if (*end == 'm')
        *length <<= 20, end++;
    return *end == ' ';
}

static void start_answer(struct connection *c)
{
    uint64_t length;
    const char *status = "200 OK";

    if (!requested_length(c->request, &length)) {
        status = "404 Not Found";
        length = 0;
    }
    c->head_length = (size_t)snprintf(c->head, sizeof c->head,
                                      "HTTP/1.1 %s\r\nContent-Length: %llu\r\n\r\n", status,
                                      (unsigned long long)length);
    c->head_sent = 0;
    c->body_length = length;
    c->body_sent = 0;
    answered++;
}

/* Takes a request off the front of the buffer and starts its answer; false when none is whole. */
static bool take_request(struct connection *c)
{
    char *end = memmem(c->request, c->request_length, "\r\n\r\n", 4);
    size_t used;

    if (end == NULL)
        return false;
    *end = '\0';
    start_answer(c);
    used = (size_t)(end - c->request) + 4;
    c->request_length -= used;
    memmove(c->request, c->request + used, c->request_length);
    return true;
}

/* One send of what is left, head and body together; false when the connection is broken. */
static bool send_some(struct connection *c, bool *blocked)
{
    size_t offset = c->body_sent % BODY_BLOCK;
    uint64_t left = c->body_length - c->body_sent;
    size_t part = left < BODY_BLOCK - offset ? (size_t)left : BODY_BLOCK - offset;
    size_t head_left = c->head_length - c->head_sent;
    struct iovec parts[2] = {{c->head + c->head_sent, head_left}, {body_block + offset, part}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);

    if (sent < 0) {
        *blocked = errno == EAGAIN;
        return *blocked || errno == EINTR;
    }
    if ((size_t)sent < head_left) {
        c->head_sent += (size_t)sent;
    } else {
        c->head_sent = c->head_length;
        c->body_sent += (size_t)sent - head_left;
    }
    *blocked = (size_t)sent < head_left + part;
    return true;
}

/* Answers requests until the socket or they run out; false when the connection is broken. */
static bool answer(struct connection *c)
{
    bool blocked = false;

    while (!blocked && (answering(c) || take_request(c)))
        if (!send_some(c, &blocked))
            return false;
    return true;
}

/*
 * Receives once. `drained` says that the socket held no more, known from a short read without
 * asking again: with edges a later byte is a later event, and an earlier FIN is in this event.
 */
static bool receive_some(struct connection *c, bool *drained)
{
    size_t room = REQUEST_ROOM - c->request_length;
    ssize_t got = recv(c->fd, c->request + c->request_length, room, 0);

    if (got < 0) {
        *drained = errno == EAGAIN;
        return *drained || errno == EINTR;
    }
    if (got == 0) {
        c->peer_done = true;
        *drained = true;
        return true;
    }
    c->request_length += (size_t)got;
    *drained = (size_t)got < room;
    return true;
}

/* Handles one event; false when the connection is over. */
static bool serve(struct connection *c, uint32_t events)
{
    bool drained = !(events & (EPOLLIN | EPOLLRDHUP));

    if (events & (EPOLLERR | EPOLLHUP))
        return false;
    for (;;) {
        if (!answer(c))
            return false;
        if (drained && (c->peer_done || !(events & EPOLLRDHUP)))
            break;
        if (c->request_length == REQUEST_ROOM)
            return answering(c); /* full: waits for the answer under way, or is no request */
        if (!receive_some(c, &drained))
            return false;
    }
    return !c->peer_done || answering(c);
}

static void accept_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept_next(listener)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (c == NULL)
            die("calloc");
        c->fd = fd;
        accepted++;
        watch(epoll, fd, CONNECTION_EVENTS, c);
    }
}

static void run(int epoll, int listener, int signals)
{
    struct epoll_event events[MAX_EVENTS];

    watch(epoll, listener, EPOLLIN, &listener);
    watch(epoll, signals, EPOLLIN, &signals);
    for (;;) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            if (owner == &signals)
                return;
            if (owner == &listener) {
                accept_all(epoll, listener);
            } else if (!serve(owner, events[i].events)) {
                close(((struct connection *)owner)->fd);
                free(owner);
            }
        }
    }
}

int main(int argc, char **argv)
{
    const char *address = argument(argc, argv, "--listen", NULL);
    int epoll, listener, signals;

    if (address == NULL)
        usage("origin --listen 127.0.0.1:PORT [--core N]");
    pin_to_core(argument(argc, argv, "--core", ""));
    raise_descriptor_limit();
    fill_body_block();
    signals = stop_signals();
    listener = listen_on(address);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
    announce(address);
    run(epoll, listener, signals);
    printf("accepted %llu answered %llu\n", (unsigned long long)accepted,
           (unsigned long long)answered);
    return 0;
}
