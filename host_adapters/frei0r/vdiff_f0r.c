/* vdiff as a frei0r filter. Depends on libc only: a Python worker does the work.
 *
 * An instance keeps the source frames of its last calls in memory that the worker sees, so
 * that nothing is lost when the worker is, and none is needed while nothing is asked of it.
 * f0r_update cannot fail: whatever goes wrong, the host gets the source frame and a line on
 * stderr, or with VDIFF_FREI0R_STRICT=1 its process ends with exit code 1.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vdiff_link.h"

#define EXPORT __attribute__((visibility("default")))

/* --- frei0r 1.2, as its specification has it ---------------------------------------- */

typedef void *f0r_instance_t;
typedef void *f0r_param_t;

typedef struct {
    const char *name, *author;
    int plugin_type, color_model, frei0r_version, major_version, minor_version, num_params;
    const char *explanation;
} f0r_plugin_info_t;

typedef struct {
    const char *name;
    int type;
    const char *explanation;
} f0r_param_info_t;

enum { FILTER = 0, RGBA = 1, BOOLEAN = 0, DOUBLE = 1, STRING = 4 };

EXPORT int f0r_init(void);
EXPORT void f0r_deinit(void);
EXPORT void f0r_get_plugin_info(f0r_plugin_info_t *info);
EXPORT void f0r_get_param_info(f0r_param_info_t *info, int index);
EXPORT f0r_instance_t f0r_construct(unsigned int width, unsigned int height);
EXPORT void f0r_destruct(f0r_instance_t instance);
EXPORT void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int index);
EXPORT void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int index);
EXPORT void f0r_update(f0r_instance_t instance, double time, const uint32_t *in, uint32_t *out);

/* --- instances ---------------------------------------------------------------------- */

enum { STRENGTH, TASK, PRESET, NOISE, DELAYED, CHANGE_MAP, MIX, PARAMETERS };
enum { LARGEST = 16384, PROOFS = 3 };
#define USUAL_TASK "restore"
#define USUAL_PRESET "fast"
static const double JUMP = 4.5; /* steps of the clock that a playing host does not skip */

static const f0r_param_info_t parameters[PARAMETERS] = {
    {"strength", DOUBLE, "0 leaves the picture, 1 is full effect"},
    {"task", STRING, "what the weights were trained for, such as restore"},
    {"preset", STRING, "network size: fast or quality; best is quality in four mirrors"},
    {"noise", DOUBLE, "0 estimates it; else the noise level in 8-bit code values, over 100"},
    {"delayed", BOOLEAN, "look at later frames too; the picture comes two frames late"},
    {"show change map", BOOLEAN, "show where the picture changed, instead of restoring it"},
    {"mix with original", DOUBLE, "share of the source picture in the result"},
};

struct instance {
    struct instance *next;
    pthread_mutex_t busy;
    unsigned width, height;
    size_t bytes;
    double value[PARAMETERS];
    char task[VDIFF_NAME], preset[VDIFF_NAME];

    struct vdiff_memory memory;
    struct vdiff_channel channel;
    uint64_t ticket;
    unsigned newest;
    uint32_t ids[VDIFF_SLOTS], runs[VDIFF_SLOTS];
    uint32_t last_id, run;

    int started;
    double time, before, step; /* of the last call, of the one before, least between two */
    pthread_t thread;
    int proofs;          /* that the host spreads a clip's frames over instances */
    const char *refused; /* why the way the host calls us cannot give the right pixels */
};

static struct {
    pthread_mutex_t lock;
    struct instance *first;
    int leaving; /* f0r_deinit was called: the last instance stops the worker */
    char said[VDIFF_MESSAGE];
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int strict(void) {
    const char *text = getenv("VDIFF_FREI0R_STRICT");
    return text && *text && strcmp(text, "0") != 0;
}

/* The source frame is what the host gets. Each reason is said once. */
static void complain(const char *why) {
    pthread_mutex_lock(&process.lock);
    if (strncmp(process.said, why, sizeof process.said - 1) != 0) {
        snprintf(process.said, sizeof process.said, "%s", why);
        fprintf(stderr, "vdiff: %s\n", why);
        fflush(stderr);
    }
    pthread_mutex_unlock(&process.lock);
    if (strict()) {
        vdiff_stop_worker();
        _exit(1); /* not exit: this may be any thread of the host */
    }
}

EXPORT int f0r_init(void) {
    pthread_mutex_lock(&process.lock);
    process.leaving = 0;
    pthread_mutex_unlock(&process.lock);
    return 1;
}

static void stop_if_unused(void) {
    int stop;
    pthread_mutex_lock(&process.lock);
    stop = process.leaving && !process.first;
    pthread_mutex_unlock(&process.lock);
    if (stop)
        vdiff_stop_worker();
}

/* MLT calls this before it destructs the instances. */
EXPORT void f0r_deinit(void) {
    pthread_mutex_lock(&process.lock);
    process.leaving = 1;
    pthread_mutex_unlock(&process.lock);
    stop_if_unused();
}

EXPORT void f0r_get_plugin_info(f0r_plugin_info_t *info) {
    *info = (f0r_plugin_info_t){
        .name = "vdiff",
        .author = "vdiff-plugin",
        .plugin_type = FILTER,
        .color_model = RGBA,
        .frei0r_version = 1,
        .major_version = 0,
        .minor_version = VDIFF_VERSION,
        .num_params = PARAMETERS,
        .explanation = "Temporal video restoration: cleans noisy and over-compressed footage",
    };
}

EXPORT void f0r_get_param_info(f0r_param_info_t *info, int index) {
    *info = index >= 0 && index < PARAMETERS ? parameters[index] : (f0r_param_info_t){0};
}

EXPORT f0r_instance_t f0r_construct(unsigned int width, unsigned int height) {
    struct instance *it;
    if (!width || !height || width > LARGEST || height > LARGEST || !(it = calloc(1, sizeof *it)))
        return NULL;
    pthread_mutex_init(&it->busy, NULL);
    it->width = width;
    it->height = height;
    it->bytes = (size_t)width * height * 4;
    it->value[STRENGTH] = 1;
    strcpy(it->task, USUAL_TASK);
    strcpy(it->preset, USUAL_PRESET);
    it->memory.file = it->channel.socket = -1;
    it->run = 1;
    pthread_mutex_lock(&process.lock);
    it->next = process.first;
    process.first = it;
    pthread_mutex_unlock(&process.lock);
    return it;
}

EXPORT void f0r_destruct(f0r_instance_t instance) {
    struct instance *it = instance, **at;
    if (!it)
        return;
    pthread_mutex_lock(&process.lock);
    for (at = &process.first; *at && *at != it; at = &(*at)->next)
        ;
    if (*at)
        *at = it->next;
    pthread_mutex_unlock(&process.lock);
    vdiff_disconnect(&it->channel);
    vdiff_memory_unmap(&it->memory);
    pthread_mutex_destroy(&it->busy);
    free(it);
    stop_if_unused();
}

static char *text_of(struct instance *it, int index) {
    return index == TASK ? it->task : index == PRESET ? it->preset : NULL;
}

EXPORT void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int index) {
    struct instance *it = instance;
    char *text;
    if (!it || !value || index < 0 || index >= PARAMETERS)
        return;
    if ((text = text_of(it, index))) {
        const char *given = *(char **)value;
        if (!given || !*given) /* ffmpeg hands on what was left out as an empty text */
            given = index == TASK ? USUAL_TASK : USUAL_PRESET;
        snprintf(text, VDIFF_NAME, "%s", given);
    } else {
        double given = *(double *)value;
        if (isfinite(given))
            it->value[index] = given < 0 ? 0 : given > 1 ? 1 : given;
    }
}

EXPORT void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int index) {
    struct instance *it = instance;
    if (!it || !value || index < 0 || index >= PARAMETERS)
        return;
    if (text_of(it, index))
        *(char **)value = text_of(it, index);
    else
        *(double *)value = it->value[index];
}

/* --- the frames of the last calls --------------------------------------------------- */

static unsigned char *slot(const struct instance *it, unsigned index) {
    return it->memory.base + index * it->memory.slot_bytes;
}

static int is_empty(const unsigned char *bytes, size_t count) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

/* ffmpeg 5.1.9 gives every frame -2**63 for its time. */
static int is_known(double time) {
    return fabs(time) < 1e15;
}

/* A host that shows the same frame again, after a change of a parameter for example. */
static int is_again(const struct instance *it, double time, const unsigned char *in) {
    if (!it->started || !is_known(time) || time != it->time)
        return 0;
    return it->step > 0 || memcmp(slot(it, it->newest), in, it->bytes) == 0;
}

/* Keep a frame. One that is transparent black all over stands for no frame. */
static void remember(struct instance *it, double time, const unsigned char *in) {
    double step = it->started ? time - it->time : 0;
    int again = is_again(it, time, in), empty = is_empty(in, it->bytes);
    if (!again) {
        it->newest = (it->newest + 1) % VDIFF_SLOTS;
        if (step < 0 || (it->step > 0 && step > JUMP * it->step))
            it->run++;
    }
    if (step > 0 && (it->step == 0 || step < it->step))
        it->step = step;
    memcpy(slot(it, it->newest), in, it->bytes);
    it->run += (uint32_t)empty;
    it->ids[it->newest] = empty ? 0 : ++it->last_id;
    it->runs[it->newest] = it->run;
    it->run += (uint32_t)empty;
    pthread_mutex_lock(&process.lock); /* other instances look at the clock */
    if (!again)
        it->before = it->time;
    it->time = time;
    it->thread = pthread_self();
    it->started = 1;
    pthread_mutex_unlock(&process.lock);
}

/* --- hosts whose way of calling cannot give the right pixels ------------------------- */

/* MLT with real_time below -1 or above 1: each thread has an instance, which gets every
 * n-th frame. Its sign: equal instances of two threads whose times interlock. */
static int interlocks(const struct instance *it, const struct instance *other, double time) {
    double step = time - it->time;
    return other->started && other->width == it->width && other->height == it->height &&
           !pthread_equal(other->thread, pthread_self()) && step > 0 &&
           fabs((other->time - other->before) - step) < step / 100 && it->time < other->time &&
           other->time < time && other->before < it->time;
}

static int is_spread(struct instance *it, double time) {
    static int in_mlt = -1;
    struct instance *other;
    int found = 0;
    if (in_mlt < 0)
        in_mlt = dlsym(RTLD_DEFAULT, "mlt_factory_init") != NULL;
    if (!in_mlt || !it->started)
        return 0;
    pthread_mutex_lock(&process.lock);
    for (other = process.first; other && !found; other = other->next)
        found = other != it && interlocks(it, other, time);
    pthread_mutex_unlock(&process.lock);
    it->proofs = found ? it->proofs + 1 : 0;
    return it->proofs >= PROOFS;
}

/* MLT with `threads` on the filter: bands of one picture, all at once, to one instance. */
static const char BANDS[] = "the host gives bands of the picture; leave threads= out of the filter";
static const char SPREAD[] =
    "the host spreads frames over threads; use real_time=-1, no parallel processing";

static const char *objection(struct instance *it, double time) {
    const char *before = __atomic_load_n(&it->refused, __ATOMIC_RELAXED);
    if (!before && is_spread(it, time))
        __atomic_store_n(&it->refused, before = SPREAD, __ATOMIC_RELAXED);
    return before;
}

/* --- one frame ---------------------------------------------------------------------- */

static int nothing_asked(const struct instance *it) {
    const double *value = it->value;
    int still = value[STRENGTH] == 0 && value[CHANGE_MAP] < 0.5;
    return value[DELAYED] < 0.5 && (still || value[MIX] == 1);
}

static enum vdiff_result connect_worker(struct instance *it, char *why) {
    struct vdiff_open open = {
        .width = it->width,
        .height = it->height,
        .format = VDIFF_RGBA8,
        .row_bytes = it->width * 4,
        .slots = VDIFF_SLOTS,
        .slot_bytes = it->memory.slot_bytes,
        .total_bytes = it->memory.total_bytes,
    };
    enum vdiff_result result = vdiff_connect(&it->channel, &it->memory, &open, why);
    if (result != VDIFF_OK)
        vdiff_disconnect(&it->channel);
    return result;
}

static void write_request(struct instance *it, struct vdiff_render *render) {
    const double *value = it->value;
    render->header = (struct vdiff_header){VDIFF_MAGIC, VDIFF_VERSION, VDIFF_RENDER, ++it->ticket};
    render->time = it->time;
    render->strength = value[STRENGTH];
    render->noise = value[NOISE];
    render->mix = value[MIX];
    render->flags = (value[DELAYED] >= 0.5 ? VDIFF_DELAYED : 0u) |
                    (value[CHANGE_MAP] >= 0.5 ? VDIFF_CHANGE_MAP : 0u);
    render->newest = it->newest;
    for (unsigned k = 0; k < VDIFF_SLOTS; k++) {
        unsigned index = (it->newest + VDIFF_SLOTS - k) % VDIFF_SLOTS;
        render->ids[k] = it->ids[index];
        render->runs[k] = it->runs[index];
    }
    memcpy(render->task, it->task, VDIFF_NAME);
    memcpy(render->preset, it->preset, VDIFF_NAME);
}

/* The picture for the host, or NULL where it gets the source frame. */
static const unsigned char *rendered(struct instance *it, char *why) {
    union vdiff_message message = {.bytes = {0}};
    enum vdiff_result result = VDIFF_OK;
    if (it->channel.socket < 0)
        result = connect_worker(it, why);
    if (result == VDIFF_OK) {
        write_request(it, &message.render);
        result = vdiff_ask(&it->channel, &message, why);
    }
    if (result != VDIFF_OK)
        return NULL;
    vdiff_succeeded();
    return message.rendered.outcome == VDIFF_PICTURE ? slot(it, VDIFF_SLOTS) : NULL;
}

static void update(struct instance *it, double time, const unsigned char *in, unsigned char *out) {
    char why[VDIFF_MESSAGE] = "";
    const unsigned char *picture = NULL;
    const char *objected = objection(it, time);
    if (objected) {
        snprintf(why, sizeof why, "%s", objected);
    } else if (!it->memory.base && !vdiff_memory_map(&it->memory, it->bytes)) {
        snprintf(why, sizeof why, "no memory for frames; use a smaller picture");
    } else {
        remember(it, time, in);
        if (!nothing_asked(it))
            picture = rendered(it, why);
    }
    if (picture)
        memcpy(out, picture, it->bytes);
    else if (out != in)
        memcpy(out, in, it->bytes);
    if (*why)
        complain(why);
}

EXPORT void f0r_update(f0r_instance_t instance, double time, const uint32_t *in, uint32_t *out) {
    struct instance *it = instance;
    if (!it || !in || !out)
        return;
    if (pthread_mutex_trylock(&it->busy) != 0) {
        __atomic_store_n(&it->refused, BANDS, __ATOMIC_RELAXED);
        pthread_mutex_lock(&it->busy);
    }
    update(it, time, (const unsigned char *)in, (unsigned char *)out);
    pthread_mutex_unlock(&it->busy);
}
