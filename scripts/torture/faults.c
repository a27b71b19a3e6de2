// Makes the disk fail on command: preloaded into a process, it lets calls on the store's files fail while a control file says so.
//
//   cc -shared -fPIC -O2 -o faults.so faults.c -ldl
//   FAULTS_CONTROL=/path LD_PRELOAD=./faults.so guardian serve …
//
// The control file is a `struct control`. It is read through a shared mapping, so that a fault begins and ends while the process runs.
//   '-' none   'e' write: EIO   's' write: half of it is written, then EIO   'h' write: half of it is written, and its count returned
//   'n' write: ENOSPC   'f' fsync: EIO   'r' read: EIO   'b' read: EIO for one page of one file, for ever
// Of each kind but 'b', one call of `every` fails, and only on files whose path holds "guardian.sqlite".

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct control {
    volatile char kind;
    /// One call of so many fails; 1 is each.
    volatile unsigned char every;
    char unused[6];
    /// The file of 'b' by its inode, which a page of 4096 bytes can't be read of.
    volatile uint64_t inode;
    volatile uint64_t page;
    /// Said by the process: how far the write-ahead log is on disk. What lies behind, a power cut may take.
    _Atomic uint64_t synced;
};

static struct control *control;
static atomic_uint calls;
static _Atomic uint64_t log_end;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTS_CONTROL");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) control = mapped;
}

static int path_holds(int file, const char *part) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = '\0';
    return strstr(path, part) != NULL;
}

/// The fault that is to happen now, if this call of this kind is one that fails.
static char fault(int file, const char *kinds) {
    if (control == NULL) return 0;
    char kind = control->kind;
    if (kind == '\0' || strchr(kinds, kind) == NULL || !path_holds(file, "guardian.sqlite")) return 0;
    unsigned every = control->every;
    if (every == 0) every = 1;
    return atomic_fetch_add(&calls, 1) % every == 0 ? kind : 0;
}

/// Whether a read meets the page that can't be read.
static int is_bad(int file, size_t count, off64_t at) {
    struct stat info;
    if (control == NULL || control->kind != 'b' || fstat(file, &info) != 0 || info.st_ino != control->inode) return 0;
    off64_t page = (off64_t)control->page * 4096;
    return at < page + 4096 && at + (off64_t)count > page;
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
    char kind = fault(file, "eshn");
    size_t some = (kind == 's' || kind == 'h') && count > 1 ? count / 2 : count;
    if (kind == 's' && count > 1) real(file, bytes, some, at);
    if (kind != 0 && kind != 'h') return fail(kind);
    ssize_t written = real(file, bytes, some, at);
    if (control != NULL && written > 0 && path_holds(file, "guardian.sqlite-wal")) atomic_store(&log_end, at + written);
    return written;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { return pwrite64(file, bytes, count, at); }

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char kind = fault(file, "eshn");
    size_t some = (kind == 's' || kind == 'h') && count > 1 ? count / 2 : count;
    if (kind == 's' && count > 1) real(file, bytes, some);
    return kind != 0 && kind != 'h' ? fail(kind) : real(file, bytes, some);
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t at) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    return is_bad(file, count, at) || fault(file, "r") ? fail('e') : real(file, bytes, count, at);
}

ssize_t pread(int file, void *bytes, size_t count, off_t at) { return pread64(file, bytes, count, at); }

/// Notes how far the log is on disk when `result` says that it is; `end` is where it ended when the call began. A process that has written
/// nothing yet does not know where it ends, and what another has said stands.
static int synced(int file, int result, uint64_t end) {
    if (control != NULL && result == 0 && end > 0 && path_holds(file, "guardian.sqlite-wal")) atomic_store(&control->synced, end);
    return result;
}

int fsync(int file) {
    REAL(int, "fsync", int);
    uint64_t end = atomic_load(&log_end);
    return fault(file, "f") ? (int)fail('f') : synced(file, real(file), end);
}

int fdatasync(int file) {
    REAL(int, "fdatasync", int);
    uint64_t end = atomic_load(&log_end);
    return fault(file, "f") ? (int)fail('f') : synced(file, real(file), end);
}
