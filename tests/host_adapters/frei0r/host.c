/* A frei0r host for tests: `host PLUGIN SCENARIO`. Each scenario ends with exit code 0, or
 * says on stderr what is wrong. It is compiled with sanitizers, or run under valgrind.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int (*init)(void);
static void (*deinit)(void);
static void *(*construct)(unsigned, unsigned);
static void (*destruct)(void *);
static void (*set_value)(void *, void *, int);
static void (*get_value)(void *, void *, int);
static void (*update)(void *, double, const uint32_t *, uint32_t *);

static void fail(const char *what) {
    fprintf(stderr, "host: %s\n", what);
    exit(3);
}

static void *find(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found)
        fail(name);
    return found;
}

static void fill(uint32_t *frame, size_t count, unsigned seed) {
    for (size_t i = 0; i < count; i++)
        frame[i] = 0xff000000u | ((seed = seed * 1664525u + 1013904223u) >> 8);
}

/* Frames in buffers of exactly their size, so that a sanitizer sees one byte too many. */
static unsigned show(void *instance, unsigned width, unsigned height, double time, unsigned seed) {
    size_t count = (size_t)width * height;
    uint32_t *in = calloc(count, 4), *out = calloc(count, 4);
    unsigned changed = 0;
    fill(in, count, seed);
    memset(out, 0xee, count * 4);
    update(instance, time, in, out);
    for (size_t i = 0; i < count; i++) {
        if (out[i] >> 24 != 0xff)
            fail("a pixel is garbage");
        changed += out[i] != in[i];
    }
    free(in);
    free(out);
    return changed;
}

static void set(void *instance, int index, double value) { set_value(instance, &value, index); }

/* Sizes, orders of construct and destruct, parameters of all kinds, jumps, the same again. */
static void lives(void) {
    static const unsigned sizes[][2] = {{8, 8}, {64, 48}, {17, 9}, {64, 48}, {1, 1}};
    void *all[5], *unused = construct(640, 480);
    char *text, *none = NULL;
    double value;
    if (construct(0, 4) || construct(4, 0) || construct(20000, 4))
        fail("an impossible size was taken");
    for (int i = 0; i < 5; i++)
        all[i] = construct(sizes[i][0], sizes[i][1]);
    for (int n = 0; n < 9; n++)
        for (int i = 0; i < 5; i++)
            show(all[i], sizes[i][0], sizes[i][1], n == 5 ? 400 : n == 7 ? 6 : n, 7 * n + i);
    set(all[1], 0, 2);
    get_value(all[1], &value, 0);
    if (value != 1)
        fail("a value outside its range was kept");
    set(all[1], 0, 0);
    if (show(all[1], 64, 48, 20, 5))
        fail("strength 0 changed the picture");
    set(all[1], 0, 1);
    if (!show(all[1], 64, 48, 21, 6))
        fail("strength 1 left the picture as it was");
    set(all[1], 4, 1);
    set(all[1], 5, 1);
    set(all[1], 6, 0.5);
    show(all[1], 64, 48, 22, 7);
    text = "a name that is far longer than the sixty-three bytes that there is room for here";
    set_value(all[1], &text, 1);
    set_value(all[1], &none, 2);
    get_value(all[1], &text, 1);
    if (strlen(text) != 63)
        fail("a long name was not cut");
    if (show(all[1], 64, 48, 23, 8))
        fail("an unknown task changed the picture");
    set_value(all[1], &none, 99);
    deinit(); /* before the instances go, as MLT does it */
    for (int i = 4; i >= 0; i--)
        destruct(all[(i + 2) % 5]);
    destruct(unused);
    destruct(NULL);
}

/* `frames` frames, whatever the worker does; prints how many were not the source. */
static void play(int frames) {
    void *one = construct(64, 48);
    int changed = 0;
    for (int n = 0; n < frames; n++)
        changed += show(one, 64, 48, n, n) != 0;
    destruct(one);
    deinit();
    printf("%d\n", changed);
}

static void *band(void *instance) {
    for (int n = 0; n < 20; n++)
        show(instance, 256, 128, n, n);
    return NULL;
}

/* One instance from several threads, which frei0r forbids and MLT does. */
static void bands(void) {
    void *one = construct(256, 128);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, band, one);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    if (show(one, 256, 128, 21, 1))
        fail("bands were restored as if they were pictures");
    destruct(one);
    deinit();
}

static void *life(void *seed) {
    unsigned width = 32 + 16 * (unsigned)(uintptr_t)seed;
    void *one = construct(width, 48);
    for (int n = 0; n < 6; n++)
        if (!show(one, width, 48, n, n))
            fail("a frame was not restored");
    destruct(one);
    return NULL;
}

/* Instances in threads of their own. */
static void threads(void) {
    pthread_t each[3];
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&each[i], NULL, life, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(each[i], NULL);
    deinit();
}

int main(int count, char **words) {
    void *library = count == 3 ? dlopen(words[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library)
        fail(count == 3 ? dlerror() : "host PLUGIN SCENARIO");
    init = find(library, "f0r_init");
    deinit = find(library, "f0r_deinit");
    construct = find(library, "f0r_construct");
    destruct = find(library, "f0r_destruct");
    set_value = find(library, "f0r_set_param_value");
    get_value = find(library, "f0r_get_param_value");
    update = find(library, "f0r_update");
    if (init() != 1)
        fail("f0r_init");
    if (!strcmp(words[2], "lives"))
        lives();
    else if (!strcmp(words[2], "bands"))
        bands();
    else if (!strcmp(words[2], "threads"))
        threads();
    else
        play(atoi(words[2]));
    dlclose(library);
    return 0;
}
