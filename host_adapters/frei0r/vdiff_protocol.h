/* Messages between the plug-in and its worker, version 1. docs/frei0r.md describes them.
 *
 * All messages have one size and go over SOCK_SEQPACKET sockets, so that each arrives whole
 * or not at all. Numbers are in the order of the machine, which both ends share. protocol.py
 * is the worker's side; a test holds the two together.
 */
#ifndef VDIFF_PROTOCOL_H
#define VDIFF_PROTOCOL_H

#include <stdint.h>

#define VDIFF_MAGIC 0x30464456u /* "VDF0" */
#define VDIFF_VERSION 1
#define VDIFF_MESSAGE 512 /* bytes of every message */
#define VDIFF_NAME 64     /* bytes of a name, its final NUL included */
#define VDIFF_WINDOW 16   /* most frames that a request can speak of */

enum vdiff_kind {
    VDIFF_HELLO = 1, /* worker, control: ready */
    VDIFF_OPEN,      /* plug-in, control: an instance, with its memory and its channel */
    VDIFF_OPENED,    /* worker, channel: taken */
    VDIFF_RENDER,    /* plug-in, channel: one frame is wanted */
    VDIFF_RENDERED,  /* worker, channel: it is there */
    VDIFF_FAILED     /* worker, channel: it cannot be had; why */
};

enum vdiff_format { VDIFF_RGBA8 = 1 };
enum vdiff_flag { VDIFF_DELAYED = 1, VDIFF_CHANGE_MAP = 2 };
enum vdiff_outcome { VDIFF_PICTURE = 0, VDIFF_UNCHANGED = 1 };

struct vdiff_header {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;
    uint64_t ticket; /* of a request; its answer has the same */
};

struct vdiff_open {
    struct vdiff_header header;
    uint32_t width, height;
    uint32_t format;
    uint32_t row_bytes;
    uint32_t slots; /* that hold source frames; one more holds the answer */
    uint32_t reserved;
    uint64_t slot_bytes;
    uint64_t total_bytes;
};

struct vdiff_render {
    struct vdiff_header header;
    double time; /* as the host gives it */
    double strength, noise, mix;
    uint32_t flags;
    uint32_t newest;             /* slot of entry 0; entry k lies k slots before, cyclically */
    uint32_t ids[VDIFF_WINDOW];  /* of the frame k calls ago; 0: there is none */
    uint32_t runs[VDIFF_WINDOW]; /* frames of one run follow one another */
    char task[VDIFF_NAME];
    char preset[VDIFF_NAME];
};

struct vdiff_rendered {
    struct vdiff_header header;
    uint32_t outcome;
};

struct vdiff_failed {
    struct vdiff_header header;
    char text[VDIFF_MESSAGE - sizeof(struct vdiff_header)];
};

union vdiff_message {
    struct vdiff_header header;
    struct vdiff_open open;
    struct vdiff_render render;
    struct vdiff_rendered rendered;
    struct vdiff_failed failed;
    unsigned char bytes[VDIFF_MESSAGE];
};

_Static_assert(sizeof(union vdiff_message) == VDIFF_MESSAGE, "all messages have one size");

#endif
