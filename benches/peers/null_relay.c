/*
 * The null relay: the floor under every proxy.
 *
 * One thread shuttles bytes between each client connection and one server connection dialled when
 * the client is accepted. It parses nothing, so no proxy on epoll can do less. What makes it so:
 *
 *  - every socket is registered once, edge-triggered, for both directions; no epoll_ctl afterwards;
 *  - a short read is taken as "no more for now" and saves the read that would say EAGAIN;
 *  - bytes go from one shared store straight to the other side; a connection keeps a store of its
 *    own only while the other side takes no more, and hands it back as soon as it is empty.
 *
 * A store is a 128 KiB buffer (--mode copy) or a pipe of 1 MiB (--mode splice).
 */
#include "common.h"
#include <stdbool.h>

#define MAX_EVENTS 512
#define BUFFER_SIZE (128 * 1024)
#define PIPE_SIZE (1024 * 1024)

/* Somewhere bytes rest between two sockets. */
struct store {
    struct store *next; /* in the list of spare stores */
    char *buffer;       /* copy mode: the bytes are buffer[start .. start + length] */
    size_t start;
    int pipe[2];        /* splice mode: `length` bytes are in this pipe */
    size_t length;
};

/* One way through a pair. */
struct direction {
    int from, to;
    bool blocked;       /* `to` takes no more until its next writable edge */
    bool ended;         /* `from` ended and its FIN was passed on */
    struct store *kept; /* what `to` did not take yet */
    uint64_t *bytes;    /* the counter of what went this way */
};

struct pair;

/* What an event points at: one socket of a pair, with the directions out of it and into it. */
struct endpoint {
    struct pair *pair;
    struct direction *out, *in;
};

struct pair {
    struct endpoint client, server;
    struct direction up, down;
    bool closed;
    struct pair *next_closed;
};

/* The two ways of moving bytes. Both return as read and write do, and keep the store's account. */
struct mode {
    struct store *(*create)(void);
    void (*destroy)(struct store *);
    ssize_t (*fill)(struct store *, int from);
    ssize_t (*drain)(struct store *, int to);
    bool short_drain_blocks; /* a drain of fewer bytes than offered means that the sink is full */
    size_t full_fill;        /* a fill of fewer bytes than this has emptied the socket */
};

static struct mode *mode;
static struct store *spare_stores;
static struct pair *closed_pairs;
static struct sockaddr_in server_address;
static uint64_t accepted, waits, events_seen, bytes_up, bytes_down;

/* --- copy --- */

static struct store *create_buffer(void)
{
    struct store *s = calloc(1, sizeof *s);

    if (s == NULL || (s->buffer = malloc(BUFFER_SIZE)) == NULL)
        die("malloc");
    return s;
}

static void destroy_buffer(struct store *s)
{
    free(s->buffer);
    free(s);
}

static ssize_t fill_buffer(struct store *s, int from)
{
    ssize_t got = recv(from, s->buffer, BUFFER_SIZE, 0);

    if (got > 0) {
        s->start = 0;
        s->length = (size_t)got;
    }
    return got;
}

static ssize_t drain_buffer(struct store *s, int to)
{
    ssize_t sent = send(to, s->buffer + s->start, s->length, MSG_NOSIGNAL);

    if (sent > 0) {
        s->start += (size_t)sent;
        s->length -= (size_t)sent;
    }
    return sent;
}

static struct mode copy_mode = {
    create_buffer, destroy_buffer, fill_buffer, drain_buffer, true, BUFFER_SIZE,
};

/* --- splice --- */

static struct mode splice_mode;

/*
 * A pipe of 1 MiB, or of what the system allows. A pipe fills by slots of one page or less, and a
 * slot holds at least a byte: so only a fill of fewer bytes than the smallest pipe has slots proves
 * the socket empty.
 */
static struct store *create_pipe(void)
{
    struct store *s = calloc(1, sizeof *s);
    int size;

    if (s == NULL)
        die("calloc");
    if (pipe2(s->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        die("pipe2");
    if (fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_SIZE) < 0)
        (void)fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_SIZE / 4); /* else the default size stays */
    size = fcntl(s->pipe[1], F_GETPIPE_SZ);
    if (size < 0)
        die("F_GETPIPE_SZ");
    size /= getpagesize();
    if (splice_mode.full_fill > (size_t)size)
        splice_mode.full_fill = (size_t)size;
    return s;
}

static void destroy_pipe(struct store *s)
{
    close(s->pipe[0]);
    close(s->pipe[1]);
    free(s);
}

static ssize_t fill_pipe(struct store *s, int from)
{
    ssize_t got =
        splice(from, NULL, s->pipe[1], NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (got > 0)
        s->length += (size_t)got;
    return got;
}

static ssize_t drain_pipe(struct store *s, int to)
{
    ssize_t sent = splice(s->pipe[0], NULL, to, NULL, s->length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (sent > 0)
        s->length -= (size_t)sent;
    return sent;
}

static struct mode splice_mode = {
    create_pipe, destroy_pipe, fill_pipe, drain_pipe, false, PIPE_SIZE,
};

/* --- stores --- */

static struct store *take_store(void)
{
    struct store *s = spare_stores;

    if (s == NULL)
        return mode->create();
    spare_stores = s->next;
    return s;
}

static void give_store(struct store *s)
{
    s->next = spare_stores;
    spare_stores = s;
}

/* --- moving bytes --- */

/* Passes on what the store holds, or blocks the direction; false when the connection is broken. */
static bool drain_store(struct direction *d, struct store *s)
{
    while (s->length > 0 && !d->blocked) {
        ssize_t sent = mode->drain(s, d->to);
        if (sent >= 0)
            d->blocked = s->length > 0 && mode->short_drain_blocks;
        else if (errno == EAGAIN)
            d->blocked = true;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/*
 * Moves bytes until the source is empty or the sink is full; false when the connection is broken.
 * `to_the_end` asks to read on until the source says EAGAIN or end: after a pause, when an edge may
 * have gone unused, and when the event said that a FIN waits behind the bytes.
 */
static bool shuttle(struct direction *d, struct store *s, bool to_the_end)
{
    bool empty = false;

    for (;;) {
        ssize_t got;
        if (!drain_store(d, s))
            return false;
        if (d->blocked || empty)
            return true;
        got = mode->fill(s, d->from);
        if (got == 0) {
            d->ended = true;
            (void)shutdown(d->to, SHUT_WR); /* a sink that is gone already tells so itself */
            return true;
        }
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN;
        }
        *d->bytes += (uint64_t)got;
        empty = (size_t)got < mode->full_fill && !to_the_end;
    }
}

static bool pump(struct direction *d, bool to_the_end)
{
    struct store *s;
    bool sound;

    if (d->blocked || d->ended)
        return true;
    s = d->kept != NULL ? d->kept : take_store();
    sound = shuttle(d, s, to_the_end);
    if (s->length > 0) {
        d->kept = s;
    } else {
        d->kept = NULL;
        give_store(s);
    }
    return sound;
}

/* --- pairs --- */

/* A socket that is being connected to the server. */
static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    set_nodelay(fd);
    if (connect(fd, (struct sockaddr *)&server_address, sizeof server_address) != 0 &&
        errno != EINPROGRESS)
        die("connect");
    return fd;
}

/*
 * Pairs an accepted client with a fresh server connection. The way up starts blocked: the server's
 * first writable edge, which says that it is connected, opens it.
 */
static void open_pair(int epoll, int client)
{
    int server = dial();
    struct pair *p = calloc(1, sizeof *p);

    if (p == NULL)
        die("calloc");
    p->up = (struct direction){client, server, .blocked = true, .bytes = &bytes_up};
    p->down = (struct direction){server, client, .blocked = false, .bytes = &bytes_down};
    p->client = (struct endpoint){.pair = p, .out = &p->up, .in = &p->down};
    p->server = (struct endpoint){.pair = p, .out = &p->down, .in = &p->up};
    accepted++;
    watch(epoll, client, CONNECTION_EVENTS, &p->client);
    watch(epoll, server, CONNECTION_EVENTS, &p->server);
}

static void discard_kept(struct direction *d)
{
    if (d->kept != NULL)
        mode->destroy(d->kept);
    d->kept = NULL;
}

/* Closes both sockets. The memory lives on while the batch of events may name it again. */
static void close_pair(struct pair *p)
{
    close(p->up.from);
    close(p->up.to);
    discard_kept(&p->up);
    discard_kept(&p->down);
    p->closed = true;
    p->next_closed = closed_pairs;
    closed_pairs = p;
}

static void free_closed_pairs(void)
{
    while (closed_pairs != NULL) {
        struct pair *p = closed_pairs;
        closed_pairs = p->next_closed;
        free(p);
    }
}

/* Handles one event of one socket; false when its pair is over. */
static bool serve(struct endpoint *e, uint32_t events)
{
    if (events & EPOLLERR)
        return false;
    if ((events & EPOLLOUT) && e->in->blocked) {
        e->in->blocked = false;
        if (!pump(e->in, true))
            return false;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) &&
        !pump(e->out, (events & (EPOLLRDHUP | EPOLLHUP)) != 0))
        return false;
    return !(e->in->ended && e->out->ended);
}

static void accept_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept_next(listener)) >= 0)
        open_pair(epoll, fd);
}

static void run(int epoll, int listener, int signals)
{
    struct epoll_event events[MAX_EVENTS];

    watch(epoll, listener, EPOLLIN, &listener);
    watch(epoll, signals, EPOLLIN, &signals);
    for (;;) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, -1);
        waits++;
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            struct endpoint *e = owner;
            events_seen++;
            if (owner == &signals)
                return;
            if (owner == &listener)
                accept_all(epoll, listener);
            else if (!e->pair->closed && !serve(e, events[i].events))
                close_pair(e->pair);
        }
        if (closed_pairs != NULL)
            free_closed_pairs();
    }
}

static void print_counters(void)
{
    printf("accepted %llu waits %llu events %llu bytes_up %llu bytes_down %llu\n",
           (unsigned long long)accepted, (unsigned long long)waits,
           (unsigned long long)events_seen, (unsigned long long)bytes_up,
           (unsigned long long)bytes_down);
}

int main(int argc, char **argv)
{
    const char *address = argument(argc, argv, "--listen", NULL);
    const char *server = argument(argc, argv, "--server", NULL);
    const char *wanted = argument(argc, argv, "--mode", "copy");
    int epoll, listener, signals;

    if (address == NULL || server == NULL ||
        (strcmp(wanted, "copy") != 0 && strcmp(wanted, "splice") != 0))
        usage("null_relay --listen A --server B [--mode copy|splice] [--core N]");
    mode = strcmp(wanted, "copy") == 0 ? &copy_mode : &splice_mode;
    server_address = parse_address(server);
    pin_to_core(argument(argc, argv, "--core", ""));
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN); /* splice has no MSG_NOSIGNAL */
    signals = stop_signals();
    listener = listen_on(address);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
    announce(address);
    run(epoll, listener, signals);
    print_counters();
    return 0;
}
