// Makes the disk fail on command: preloaded into a process, it lets writes to the store's files fail while a control file says so.
//
//   cc -shared -fPIC -O2 -o faults.so faults.c -ldl
//   FAULTS_CONTROL=/path LD_PRELOAD=./faults.so guardian serve …
//
// The control file's first byte is the fault, its second how often: one call of so many fails (1 is each). It is read through a shared mapping,
// so that a fault begins and ends while the process runs.
//   '-' none   'e' write: EIO   's' write: half of it is written, then EIO   'n' write: ENOSPC   'f' fsync: EIO
// Only files whose path holds "guardian.sqlite" are touched.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static volatile const char *control;
static atomic_uint calls;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTS_CONTROL");
    if (path == NULL) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, 2, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) control = mapped;
}

static int is_ours(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = '\0';
    return strstr(path, "guardian.sqlite") != NULL;
}

/// The fault that is to happen now, if this call of this kind is one that fails.
static char fault(int file, const char *kinds) {
    if (control == NULL) return 0;
    char kind = control[0];
    if (kind == '\0' || strchr(kinds, kind) == NULL || !is_ours(file)) return 0;
    unsigned every = (unsigned char)control[1];
    if (every == 0) every = 1;
    return atomic_fetch_add(&calls, 1) % every == 0 ? kind : 0;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

static ssize_t fail(char kind) {
    errno = kind == 'n' ? ENOSPC : EIO;
    return -1;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    char kind = fault(file, "esn");
    if (kind == 's' && count > 1) real(file, bytes, count / 2, at);
    return kind ? fail(kind) : real(file, bytes, count, at);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { return pwrite64(file, bytes, count, at); }

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char kind = fault(file, "esn");
    if (kind == 's' && count > 1) real(file, bytes, count / 2);
    return kind ? fail(kind) : real(file, bytes, count);
}

int fsync(int file) {
    REAL(int, "fsync", int);
    return fault(file, "f") ? (int)fail('f') : real(file);
}

int fdatasync(int file) {
    REAL(int, "fdatasync", int);
    return fault(file, "f") ? (int)fail('f') : real(file);
}
