/* The link between the plug-in and its worker: a process, sockets and shared memory.
 *
 * One worker serves all instances of a host process. Everything here waits for a bounded
 * time, survives the worker's end, and believes no number that the worker sends.
 */
#ifndef VDIFF_LINK_H
#define VDIFF_LINK_H

#include <stddef.h>

#include "vdiff_protocol.h"

#define VDIFF_SLOTS 5 /* source frames kept: a window of radius 2 */

/* Source frames and one answer, shared with the worker. */
struct vdiff_memory {
    int file;
    unsigned char *base;
    size_t slot_bytes, total_bytes;
};

/* An instance's end of its channel; generation says which worker is at the other one. */
struct vdiff_channel {
    int socket;
    unsigned generation;
};

enum vdiff_result {
    VDIFF_OK,
    VDIFF_LOST,   /* the worker died, hung or talked nonsense; it is gone now */
    VDIFF_REFUSED /* the worker says why not */
};

int vdiff_memory_map(struct vdiff_memory *memory, size_t frame_bytes);
void vdiff_memory_unmap(struct vdiff_memory *memory);

/* Start the worker if there is none, and open a channel for `memory`. `open` has the
 * geometry. `why` gets a line for the user unless the result is VDIFF_OK. */
enum vdiff_result vdiff_connect(struct vdiff_channel *channel, const struct vdiff_memory *memory,
                                const struct vdiff_open *open, char why[VDIFF_MESSAGE]);

/* Send a request and wait for its answer, which replaces it. */
enum vdiff_result vdiff_ask(struct vdiff_channel *channel, union vdiff_message *message,
                            char why[VDIFF_MESSAGE]);

void vdiff_disconnect(struct vdiff_channel *channel);
void vdiff_succeeded(void);   /* the worker does its work: failures are counted anew */
void vdiff_stop_worker(void); /* orderly; waits for a moment, then kills */

/* Receive one message of `kind` with `ticket` until `deadline` (seconds, CLOCK_MONOTONIC):
 * 1, or 0 with a reason. Answers of kind VDIFF_FAILED count as well. */
int vdiff_receive(int socket, union vdiff_message *message, unsigned kind, uint64_t ticket,
                  double deadline, const char **reason);
double vdiff_now(void);

#endif
