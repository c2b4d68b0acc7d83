/* Throws messages at the plug-in's receiver: `fuzz SEED COUNT`. Compiled with sanitizers. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vdiff_link.h"

static uint64_t state;

static uint32_t pick(uint32_t most) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return most ? (uint32_t)(state >> 33) % most : 0;
}

/* A message that is right, wrong in a field or two, or noise; of the right size or not. */
static size_t write_one(unsigned char *bytes, uint64_t ticket) {
    union vdiff_message *message = (void *)bytes;
    size_t size = pick(3) ? VDIFF_MESSAGE : pick(2 * VDIFF_MESSAGE) + 1;
    for (size_t i = 0; i < 2 * VDIFF_MESSAGE; i++)
        bytes[i] = (unsigned char)pick(256);
    if (pick(8))
        message->header =
            (struct vdiff_header){VDIFF_MAGIC, VDIFF_VERSION, (uint16_t)(1 + pick(7)), ticket};
    for (uint32_t i = pick(3); i > 0; i--)
        bytes[pick(sizeof message->header)] ^= (unsigned char)(1 << pick(8));
    return size;
}

static void check(int taken, const union vdiff_message *got, const unsigned char *sent, size_t size,
                  uint64_t ticket) {
    const union vdiff_message *message = (const void *)sent;
    unsigned kind = message->header.kind;
    int right = size == VDIFF_MESSAGE && message->header.magic == VDIFF_MAGIC &&
                message->header.version == VDIFF_VERSION && message->header.ticket == ticket &&
                (kind == VDIFF_RENDERED || kind == VDIFF_FAILED);
    if (taken != right) {
        fprintf(stderr, "a message was %s\n", taken ? "taken" : "refused");
        exit(3);
    }
    if (taken && kind == VDIFF_FAILED)
        for (size_t i = 0, length = strlen(got->failed.text); i < length; i++)
            if ((unsigned char)got->failed.text[i] < ' ')
                exit(4);
}

int main(int count, char **words) {
    unsigned char *bytes = malloc(2 * VDIFF_MESSAGE);
    union vdiff_message *got = malloc(sizeof *got); /* exactly as large as a message */
    int pair[2], most = count == 3 ? atoi(words[2]) : 0, taken = 0;
    state = count == 3 ? strtoull(words[1], NULL, 10) : 0;
    if (!bytes || !got || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        return 2;
    for (int n = 0; n < most; n++) {
        uint64_t ticket = pick(4);
        size_t size = write_one(bytes, ticket);
        const char *reason = NULL;
        int result;
        if (send(pair[0], bytes, size, 0) != (ssize_t)size)
            return 2;
        result = vdiff_receive(pair[1], got, VDIFF_RENDERED, ticket, vdiff_now() + 5, &reason);
        if (!result && !reason)
            return 5;
        check(result, got, bytes, size, ticket);
        taken += result;
    }
    printf("%d\n", taken);
    close(pair[0]);
    close(pair[1]);
    free(bytes);
    free(got);
    return 0;
}
