// What the disk and SQLite themselves can do: the yardstick the Swift benchmark divides by.
//
//   cc -O2 -o .build/baseline Benchmarks/baseline.c -lsqlite3 -lpthread
//
//   baseline single      DIR N                  [PAYLOAD]   N inserts, one transaction each, after 500 that are not timed
//   baseline group       DIR THREADS N          [PAYLOAD]   blocking inserts from THREADS threads, one group-committing writer
//   baseline batch       DIR N                  [PAYLOAD]   N inserts in one transaction
//   baseline claimsettle DIR PENDING N BATCH [KEYS [PAYLOAD]]   claim a batch, settle it, until N are done; BATCH may be
//                                                               `best`: the fastest of several sizes, each on a store of its own
//
// PAYLOAD is the size of each row's JSON in bytes, 200 by default. KEYS is the number of entities the rows are spread
// over, 100 by default.
//
// Every run prints one line: {"name":"single","ops":2000,"seconds":0.71,"per_second":2816.9}; claimsettle says its "batch" too.
//
// The rules that keep it a fair opponent:
//   - WAL and synchronous=FULL, read back and asserted. Each commit is one fsync before anyone is told yes.
//   - Page size, page cache and wal_autocheckpoint stay at their defaults: it is what a program gets that uses SQLite as it comes. Ours
//     is tuned: it copies its log back at 16 MB, not at 4 MB, and beside the writer (docs/decisions/0006 and 0045).
//     Checkpoints fall inside the measured time.
//   - Statements are prepared once. A connection is used by one thread only, so it is opened without SQLite's mutex.
//   - The table is the least that a real queue needs: a sequential UUIDv7 as a 16-byte blob under a unique index, and one
//     index to find what is due. It knows no line per key, no fencing and no books: those are what the ratio pays for.
//   - What was written is counted at the end, outside the measured time; a wrong count is a failed run.
//
// The files it makes in DIR (baseline.sqlite and its -wal and -shm) are removed before and after each run.

#define _GNU_SOURCE
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ID_BYTES = 16, MAX_PAYLOAD = 1 << 20, MAX_THREADS = 1024, MAX_BATCH = 100000, FILL_CHUNK = 50000 };

/// Inserts before `single` starts its clock: until the log has been copied back once, each commit makes the file longer.
enum { WARM_UP = 500 };

/// What `claimsettle … best` tries.
static const long batch_sizes[] = {50, 100, 500, 1000};

static sqlite3 *db;
static char path[4096];
static int payload_bytes = 200;

// MARK: - Failing

static void die(const char *what) {
    fprintf(stderr, "baseline: %s: %s\n", what, db ? sqlite3_errmsg(db) : "no database");
    exit(1);
}

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "baseline: %s\n", what);
        exit(1);
    }
}

static void usage(void) {
    fputs("usage: baseline single DIR N [PAYLOAD]\n"
          "       baseline group DIR THREADS N [PAYLOAD]\n"
          "       baseline batch DIR N [PAYLOAD]\n"
          "       baseline claimsettle DIR PENDING N BATCH|best [KEYS [PAYLOAD]]\n"
          "DIR is an existing directory on the disk to measure.\n",
          stderr);
    exit(2);
}

// MARK: - Time and randomness

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/// xorshift64*, one state per thread: cheap enough to be no part of what is measured.
static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545F4914F6CDD1DULL;
}

// MARK: - Rows

typedef struct {
    unsigned char id[ID_BYTES], idempotency_key[ID_BYTES], trace_id[ID_BYTES];
    char entity_id[32];
    int entity_id_length;
    int64_t enqueued_at;
    char *payload;
} Row;

static atomic_uint_fast64_t next_id = 0;
static int64_t first_ms;

/// UUIDv7-like: milliseconds, then a counter of 12 bits that carries into them, then 62 random bits. Rises strictly.
static void make_id(unsigned char *out, uint64_t *random) {
    uint64_t n = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
    uint64_t ms = (uint64_t)first_ms + (n >> 12), tail = next_random(random);
    for (int i = 0; i < 6; i++) out[i] = (unsigned char)(ms >> (40 - 8 * i));
    out[6] = (unsigned char)(0x70 | ((n >> 8) & 0x0F));
    out[7] = (unsigned char)n;
    memcpy(out + 8, &tail, 8);
    out[8] = (unsigned char)(0x80 | (out[8] & 0x3F));
}

static void make_random_uuid(unsigned char *out, uint64_t *random) {
    uint64_t high = next_random(random), low = next_random(random);
    memcpy(out, &high, 8);
    memcpy(out + 8, &low, 8);
    out[6] = (unsigned char)(0x40 | (out[6] & 0x0F));
    out[8] = (unsigned char)(0x80 | (out[8] & 0x3F));
}

/// Room for one payload; the filling is written once, `make_row` only stamps new figures into it.
static Row new_row(void) {
    Row row = {0};
    row.payload = malloc((size_t)payload_bytes + 1);
    require(row.payload != NULL, "out of memory");
    memset(row.payload, 'x', (size_t)payload_bytes);
    memcpy(row.payload + payload_bytes - 2, "\"}", 3);
    return row;
}

static void make_row(Row *row, uint64_t n, uint64_t keys, uint64_t *random) {
    make_id(row->id, random);
    make_random_uuid(row->idempotency_key, random);
    make_random_uuid(row->trace_id, random);
    row->entity_id_length = snprintf(row->entity_id, sizeof row->entity_id, "patient-%07llu", (unsigned long long)(n % keys));
    row->enqueued_at = now_ms();
    char head[64];
    int length = snprintf(head, sizeof head, "{\"bpm\":%3u,\"n\":%12llu,\"note\":\"", (unsigned)(50 + next_random(random) % 100),
                          (unsigned long long)(n % 1000000000000ULL));
    memcpy(row->payload, head, (size_t)length);
}

// MARK: - The store

static void execute(const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) die(sql);
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) die(sql);
    return statement;
}

/// Steps a statement that gives no rows.
static void run(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) die(sqlite3_sql(statement));
    sqlite3_reset(statement);
}

static int64_t scalar(const char *sql) {
    sqlite3_stmt *statement = prepare(sql);
    if (sqlite3_step(statement) != SQLITE_ROW) die(sql);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void remove_files(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[sizeof path + 16];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static sqlite3_stmt *insert_statement, *begin_statement, *commit_statement;

static void open_store(const char *directory) {
    int length = snprintf(path, sizeof path, "%s/baseline.sqlite", directory);
    require(length > 0 && (size_t)length < sizeof path, "the directory's name is too long");
    remove_files();
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) die("open");

    sqlite3_stmt *mode = prepare("PRAGMA journal_mode = WAL");
    require(sqlite3_step(mode) == SQLITE_ROW, "journal_mode gave no answer");
    require(strcmp((const char *)sqlite3_column_text(mode, 0), "wal") == 0, "journal_mode is not WAL");
    sqlite3_finalize(mode);
    execute("PRAGMA synchronous = FULL");
    require(scalar("PRAGMA synchronous") == 2, "synchronous is not FULL");

    execute("CREATE TABLE operation ("
            "  seq INTEGER PRIMARY KEY,"
            "  id BLOB NOT NULL UNIQUE,"
            "  idempotency_key BLOB NOT NULL,"
            "  trace_id BLOB NOT NULL,"
            "  operation_type TEXT NOT NULL,"
            "  entity_type TEXT NOT NULL,"
            "  entity_id TEXT NOT NULL,"
            "  status INT NOT NULL,"
            "  priority INT NOT NULL,"
            "  attempt INT NOT NULL,"
            "  due_at INT NOT NULL,"
            "  enqueued_at INT NOT NULL,"
            "  payload TEXT NOT NULL)");
    execute("CREATE INDEX operation_due ON operation (status, due_at, seq)");
    execute("CREATE TABLE ledger (id BLOB PRIMARY KEY, idempotency_key BLOB NOT NULL, processed_at INT NOT NULL) WITHOUT ROWID");

    insert_statement = prepare("INSERT INTO operation (id, idempotency_key, trace_id, operation_type, entity_type, entity_id, status,"
                               " priority, attempt, due_at, enqueued_at, payload)"
                               " VALUES (?1, ?2, ?3, 'update', 'heart_rate', ?4, 0, 0, 0, ?5, ?5, ?6)");
    begin_statement = prepare("BEGIN IMMEDIATE");
    commit_statement = prepare("COMMIT");
}

static void close_store(void) {
    for (sqlite3_stmt *statement; (statement = sqlite3_next_stmt(db, NULL)) != NULL;) sqlite3_finalize(statement);
    sqlite3_close(db);
    db = NULL;
    remove_files();
}

static void insert(const Row *row) {
    sqlite3_bind_blob(insert_statement, 1, row->id, ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(insert_statement, 2, row->idempotency_key, ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(insert_statement, 3, row->trace_id, ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(insert_statement, 4, row->entity_id, row->entity_id_length, SQLITE_STATIC);
    sqlite3_bind_int64(insert_statement, 5, row->enqueued_at);
    sqlite3_bind_text(insert_statement, 6, row->payload, payload_bytes, SQLITE_STATIC);
    run(insert_statement);
}

static void report(const char *name, long ops, double seconds) {
    printf("{\"name\":\"%s\",\"ops\":%ld,\"seconds\":%.6f,\"per_second\":%.1f}\n", name, ops, seconds, (double)ops / seconds);
}

static void expect_rows(const char *table, long expected) {
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    int64_t found = scalar(sql);
    if (found != expected) {
        fprintf(stderr, "baseline: %s holds %lld rows, not %ld\n", table, (long long)found, expected);
        exit(1);
    }
}

// MARK: - single and batch

static void single(long count) {
    uint64_t random = 0x9E3779B97F4A7C15ULL;
    Row row = new_row();
    double start = 0;
    for (long i = 0; i < WARM_UP + count; i++) {
        if (i == WARM_UP) start = now_seconds();
        make_row(&row, (uint64_t)i, 100, &random);
        insert(&row);  // autocommit: one statement, one transaction, one fsync
    }
    report("single", count, now_seconds() - start);
    expect_rows("operation", WARM_UP + count);
}

static void batch(long count) {
    uint64_t random = 0x9E3779B97F4A7C15ULL;
    Row row = new_row();
    double start = now_seconds();
    run(begin_statement);
    for (long i = 0; i < count; i++) {
        make_row(&row, (uint64_t)i, 100, &random);
        insert(&row);
    }
    run(commit_statement);
    report("batch", count, now_seconds() - start);
    expect_rows("operation", count);
}

// MARK: - group

/// One caller that waits for its commit. `done` is guarded by the caller's own lock, so a commit wakes each caller once
/// and none of them fights for the queue's lock to find out.
typedef struct Caller {
    Row row;
    struct Caller *next;
    pthread_mutex_t lock;
    pthread_cond_t committed;
    int done;
    long inserts;
    uint64_t number;
    pthread_t thread;
} Caller;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    Caller *first, **last;
    int closed;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .last = &queue.first};

static void *produce(void *argument) {
    Caller *self = argument;
    uint64_t random = 0x9E3779B97F4A7C15ULL * (self->number + 1);
    for (long i = 0; i < self->inserts; i++) {
        make_row(&self->row, self->number * 1000000 + (uint64_t)i, 100, &random);
        self->done = 0;
        self->next = NULL;

        pthread_mutex_lock(&queue.lock);
        int was_empty = queue.first == NULL;
        *queue.last = self;
        queue.last = &self->next;
        if (was_empty) pthread_cond_signal(&queue.filled);
        pthread_mutex_unlock(&queue.lock);

        pthread_mutex_lock(&self->lock);
        while (!self->done) pthread_cond_wait(&self->committed, &self->lock);
        pthread_mutex_unlock(&self->lock);
    }
    return NULL;
}

/// Takes all that wait, commits them together, wakes them.
static void *write_groups(void *argument) {
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&queue.lock);
        while (queue.first == NULL && !queue.closed) pthread_cond_wait(&queue.filled, &queue.lock);
        Caller *group = queue.first;
        queue.first = NULL;
        queue.last = &queue.first;
        pthread_mutex_unlock(&queue.lock);
        if (group == NULL) return NULL;

        run(begin_statement);
        for (Caller *caller = group; caller; caller = caller->next) insert(&caller->row);
        run(commit_statement);

        while (group) {
            Caller *caller = group;
            group = caller->next;  // read before the caller is awake: then the link is its own again
            pthread_mutex_lock(&caller->lock);
            caller->done = 1;
            pthread_cond_signal(&caller->committed);
            pthread_mutex_unlock(&caller->lock);
        }
    }
}

static void group(long threads, long count) {
    Caller *callers = calloc((size_t)threads, sizeof *callers);
    require(callers != NULL, "out of memory");
    for (long i = 0; i < threads; i++) {
        callers[i].row = new_row();
        callers[i].number = (uint64_t)i;
        callers[i].inserts = count / threads + (i < count % threads);
        pthread_mutex_init(&callers[i].lock, NULL);
        pthread_cond_init(&callers[i].committed, NULL);
    }
    pthread_t writer;
    double start = now_seconds();
    require(pthread_create(&writer, NULL, write_groups, NULL) == 0, "cannot start the writer");
    for (long i = 0; i < threads; i++) require(pthread_create(&callers[i].thread, NULL, produce, &callers[i]) == 0, "cannot start a thread");
    for (long i = 0; i < threads; i++) pthread_join(callers[i].thread, NULL);
    double seconds = now_seconds() - start;

    pthread_mutex_lock(&queue.lock);
    queue.closed = 1;
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.lock);
    pthread_join(writer, NULL);
    report("group", count, seconds);
    expect_rows("operation", count);
}

// MARK: - claimsettle

/// What a claim hands to delivery: the row's key, its ids, and its payload, read in full.
typedef struct {
    int64_t seq;
    unsigned char id[ID_BYTES], idempotency_key[ID_BYTES];
} Claimed;

static void fill(long rows, long keys, uint64_t *number, uint64_t *random) {
    static Row row;
    if (row.payload == NULL) row = new_row();
    for (long done = 0; done < rows;) {
        run(begin_statement);
        for (long i = 0; i < FILL_CHUNK && done < rows; i++, done++) {
            make_row(&row, (*number)++, (uint64_t)keys, random);
            insert(&row);
        }
        run(commit_statement);
    }
}

static uint64_t read_checksum;

/// Oldest first: the first transaction, durable before anything would be sent.
static long claim(sqlite3_stmt *find, sqlite3_stmt *mark, Claimed *claimed, long limit) {
    long found = 0;
    run(begin_statement);
    sqlite3_bind_int64(find, 1, now_ms());
    sqlite3_bind_int64(find, 2, limit);
    int code;
    while ((code = sqlite3_step(find)) == SQLITE_ROW) {
        Claimed *one = &claimed[found++];
        one->seq = sqlite3_column_int64(find, 0);
        memcpy(one->id, sqlite3_column_blob(find, 1), ID_BYTES);
        memcpy(one->idempotency_key, sqlite3_column_blob(find, 2), ID_BYTES);
        for (int column = 3; column <= 7; column++) {
            const unsigned char *bytes = sqlite3_column_blob(find, column);
            int length = sqlite3_column_bytes(find, column);
            for (int i = 0; i < length; i += 16) read_checksum += bytes[i];
        }
    }
    if (code != SQLITE_DONE) die("claim");
    sqlite3_reset(find);
    for (long i = 0; i < found; i++) {
        sqlite3_bind_int64(mark, 1, claimed[i].seq);
        run(mark);
    }
    run(commit_statement);
    return found;
}

/// Out of the queue and into the ledger: the second transaction.
static void settle(sqlite3_stmt *erase, sqlite3_stmt *record, const Claimed *claimed, long count) {
    int64_t at = now_ms();
    run(begin_statement);
    for (long i = 0; i < count; i++) {
        sqlite3_bind_int64(erase, 1, claimed[i].seq);
        run(erase);
        sqlite3_bind_blob(record, 1, claimed[i].id, ID_BYTES, SQLITE_STATIC);
        sqlite3_bind_blob(record, 2, claimed[i].idempotency_key, ID_BYTES, SQLITE_STATIC);
        sqlite3_bind_int64(record, 3, at);
        run(record);
    }
    run(commit_statement);
}

/// Returns the seconds that it took. A queue that runs dry before N are done is filled again, with the clock stopped, so that
/// a short queue can be measured over as many operations as a long one.
static double claim_and_settle(long pending, long count, long batch_size, long keys) {
    Claimed *claimed = malloc((size_t)batch_size * sizeof *claimed);
    require(claimed != NULL, "out of memory");
    uint64_t random = 0x9E3779B97F4A7C15ULL, number = 0;
    fill(pending, keys, &number, &random);
    execute("PRAGMA wal_checkpoint(TRUNCATE)");  // the first filling's log is no part of what is measured

    sqlite3_stmt *find = prepare("SELECT seq, id, idempotency_key, trace_id, operation_type, entity_type, entity_id, payload"
                                 " FROM operation WHERE status = 0 AND due_at <= ?1 ORDER BY due_at, seq LIMIT ?2");
    sqlite3_stmt *mark = prepare("UPDATE operation SET status = 1, attempt = attempt + 1 WHERE seq = ?1");
    sqlite3_stmt *erase = prepare("DELETE FROM operation WHERE seq = ?1");
    sqlite3_stmt *record = prepare("INSERT INTO ledger (id, idempotency_key, processed_at) VALUES (?1, ?2, ?3)");

    double seconds = 0, start = now_seconds();
    for (long done = 0; done < count;) {
        long want = count - done < batch_size ? count - done : batch_size;
        long found = claim(find, mark, claimed, want);
        if (found == 0) {
            seconds += now_seconds() - start;
            fill(pending, keys, &number, &random);
            start = now_seconds();
            continue;
        }
        settle(erase, record, claimed, found);
        done += found;
    }
    seconds += now_seconds() - start;
    free(claimed);
    expect_rows("ledger", count);
    expect_rows("operation", (long)number - count);
    return seconds;
}

/// `fixed` is the size of a batch; 0 tries several and reports the fastest.
static void claim_and_settle_in(const char *directory, long fixed, long pending, long count, long keys) {
    double least = 0;
    long best = 0;
    for (size_t i = 0; i < (fixed ? 1 : sizeof batch_sizes / sizeof *batch_sizes); i++) {
        long size = fixed ? fixed : batch_sizes[i];
        open_store(directory);
        double seconds = claim_and_settle(pending, count, size, keys);
        close_store();
        if (best == 0 || seconds < least) best = size, least = seconds;
    }
    printf("{\"name\":\"claimsettle\",\"ops\":%ld,\"seconds\":%.6f,\"per_second\":%.1f,\"batch\":%ld}\n", count, least,
           (double)count / least, best);
}

// MARK: - main

static long number_argument(int argc, char **argv, int index, long fallback, long most) {
    if (index >= argc) {
        if (fallback < 0) usage();
        return fallback;
    }
    char *end;
    long value = strtol(argv[index], &end, 10);
    if (*argv[index] == '\0' || *end != '\0' || value < 1 || value > most) usage();
    return value;
}

int main(int argc, char **argv) {
    if (argc < 4) usage();
    const char *name = argv[1];
    const long most = 1000000000;
    int payload_index = strcmp(name, "claimsettle") == 0 ? 7 : strcmp(name, "group") == 0 ? 5 : 4;
    if (argc > payload_index + 1) usage();
    payload_bytes = (int)number_argument(argc, argv, payload_index, 200, MAX_PAYLOAD);
    require(payload_bytes >= 64, "a payload has at least 64 bytes");
    first_ms = now_ms();

    if (strcmp(name, "single") == 0) {
        long count = number_argument(argc, argv, 3, -1, most);
        open_store(argv[2]);
        single(count);
    } else if (strcmp(name, "batch") == 0) {
        long count = number_argument(argc, argv, 3, -1, most);
        open_store(argv[2]);
        batch(count);
    } else if (strcmp(name, "group") == 0) {
        long threads = number_argument(argc, argv, 3, -1, MAX_THREADS), count = number_argument(argc, argv, 4, -1, most);
        open_store(argv[2]);
        group(threads, count);
    } else if (strcmp(name, "claimsettle") == 0) {
        long pending = number_argument(argc, argv, 3, -1, most), count = number_argument(argc, argv, 4, -1, most);
        int tries_several = argc > 5 && strcmp(argv[5], "best") == 0;
        long batch_size = tries_several ? 0 : number_argument(argc, argv, 5, -1, MAX_BATCH);
        claim_and_settle_in(argv[2], batch_size, pending, count, number_argument(argc, argv, 6, 100, most));
    } else {
        usage();
    }
    if (db) close_store();
    return 0;
}
