// Fails, cuts short or dies at the K-th call of a kind, or counts and traces the calls.
//
//   gcc -O2 -shared -fPIC -o preload.so preload.c -ldl
//   FAULT_PREFIX=DIR   only paths and descriptors below DIR count (threads and memory: all)
//   FAULT_KIND=NAME    open read write sync rename mkdir unlink truncate stat list link readlink
//                      lock close realpath chmod cwd malloc thread; any = all files' kinds together
//   FAULT_AT=K         the K-th of them
//   FAULT_DO=WHAT      an errno's name or number; short; kill; killafter
//   FAULT_KEEP=1       all from the K-th on, not that one alone
//   FAULT_SHARED=FILE  a file of sizeof(struct shared) bytes: counts, the hit, and with
//                      FAULT_TRACE=1 a line for each call
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
  OPEN, READ, WRITE, SYNC, RENAME, MKDIR, UNLINK, TRUNCATE, STAT, LIST, LINK, READLINK, LOCK, CLOSE,
  REALPATH, CHMOD, CWD, MALLOC, THREAD, KINDS, ANY = KINDS
};
static const char* const names[] = {"open", "read", "write", "sync", "rename", "mkdir", "unlink",
                                    "truncate", "stat", "list", "link", "readlink", "lock", "close",
                                    "realpath", "chmod", "cwd", "malloc", "thread", "any"};

#define LINES 32768
#define WIDTH 512
struct shared {
  _Atomic uint32_t count[32];  // by kind; [31] the hits
  char hit[512];
  _Atomic uint32_t lines;
  uint32_t unused[3];
  char trace[LINES][WIDTH];
};

static struct shared local, *state = &local;
static char prefix[1024];
static size_t prefix_size;
static int target = -1, action, keep, tracing, ready, counts_memory;
static uint32_t at;
static _Atomic int in_main;

enum { SHORT = -1, KILL = -2, KILL_AFTER = -3 };

static int action_of(const char* text) {
  static const struct { const char* name; int code; } codes[] = {
      {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINTR", EINTR}, {"EACCES", EACCES}, {"EROFS", EROFS},
      {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EAGAIN", EAGAIN}, {"ENOENT", ENOENT},
      {"EDQUOT", EDQUOT}, {"EPERM", EPERM}, {"EINVAL", EINVAL}, {"ENOLCK", ENOLCK},
      {"ESTALE", ESTALE}, {"short", SHORT}, {"kill", KILL}, {"killafter", KILL_AFTER}};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; ++i)
    if (strcmp(text, codes[i].name) == 0) return codes[i].code;
  return atoi(text);
}

static long raw_open(const char* path, int flags) {
  return syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

__attribute__((constructor)) static void begin(void) {
  const char* text;
  if ((text = getenv("FAULT_PREFIX")) != NULL && strlen(text) < sizeof prefix) {
    strcpy(prefix, text);
    prefix_size = strlen(prefix);
  }
  if ((text = getenv("FAULT_KIND")) != NULL)
    for (int i = 0; i <= ANY; ++i)
      if (strcmp(text, names[i]) == 0) target = i;
  if ((text = getenv("FAULT_AT")) != NULL) at = (uint32_t)strtoul(text, NULL, 10);
  if ((text = getenv("FAULT_DO")) != NULL) action = action_of(text);
  keep = getenv("FAULT_KEEP") != NULL;
  tracing = getenv("FAULT_TRACE") != NULL;
  if ((text = getenv("FAULT_SHARED")) != NULL) {
    const long fd = raw_open(text, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
      void* map = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
      if (map != MAP_FAILED) state = map;
      syscall(SYS_close, fd);
    }
  }
  counts_memory = tracing || target == MALLOC;
  ready = 1;
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); for (;;) pause(); }

// 0 to go on; an errno; SHORT; KILL_AFTER.
static int decide(enum kind kind, const char* function, const char* path) {
  if (!ready) return 0;
  const uint32_t n = atomic_fetch_add(&state->count[kind], 1) + 1;
  uint32_t all = 0;
  if (kind < MALLOC) all = atomic_fetch_add(&state->count[ANY], 1) + 1;
  if (tracing && kind != MALLOC) {
    const uint32_t line = atomic_fetch_add(&state->lines, 1);
    if (line < LINES) snprintf(state->trace[line], WIDTH, "%s %s %s", names[kind], function, path);
  }
  const uint32_t mine = target == ANY && kind < MALLOC ? all : target == (int)kind ? n : 0;
  if (mine == 0 || (keep ? mine < at : mine != at)) return 0;
  if (atomic_fetch_add(&state->count[31], 1) == 0) {
    if (kind == MALLOC)  // no formatting in there
      memcpy(state->hit, "malloc", 7);
    else
      snprintf(state->hit, sizeof state->hit, "%s %s", function, path);
  }
  if (action == KILL) die();
  return action;
}

// The path that a descriptor stands for.
static const char* path_of(int fd, char* buffer, size_t size) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const long n = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, size - 1);
  if (n < 0) return "";
  buffer[n] = '\0';
  return buffer;
}

static int below(const char* path) {
  return ready && prefix_size > 0 && strncmp(path, prefix, prefix_size) == 0;
}

static int on_fd(enum kind kind, const char* function, int fd) {
  char buffer[1024];
  if (!ready || prefix_size == 0) return 0;
  const int before = errno;
  const char* path = path_of(fd, buffer, sizeof buffer);
  errno = before;
  return below(path) ? decide(kind, function, path) : 0;
}

static int on_path_at(enum kind kind, const char* function, int fd, const char* path) {
  char directory[1024], whole[2048];
  if (!ready || prefix_size == 0 || path == NULL) return 0;
  if (path[0] != '/') {
    const int before = errno;
    if (fd == AT_FDCWD) {
      const long n = syscall(SYS_getcwd, directory, sizeof directory);
      if (n <= 0) directory[0] = '\0';
    } else {
      path_of(fd, directory, sizeof directory);
    }
    errno = before;
    snprintf(whole, sizeof whole, "%s/%s", directory[0] == '/' ? directory : "", path);
    path = whole;
  }
  return below(path) ? decide(kind, function, path) : 0;
}

static int on_path(enum kind kind, const char* function, const char* path) {
  return on_path_at(kind, function, AT_FDCWD, path);
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

// Makes the call, or fails in its place.
#define CALL(type, failed, decision, call) \
  const int what = decision; \
  if (what > 0) { errno = what; return failed; } \
  type result = call; \
  if (what == KILL_AFTER) die(); \
  return result

// -------------------------------------------------------------------------------------------- open

static mode_t mode_from(int flags, va_list list) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}
// Names those that may write "open(w)".
#define OPENING(name) ((flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0 ? #name "(w)" : #name)
#define OPENER(name) \
  int name(const char* path, int flags, ...) { \
    va_list list; va_start(list, flags); const mode_t mode = mode_from(flags, list); va_end(list); \
    REAL(name); CALL(int, -1, on_path(OPEN, OPENING(name), path), real(path, flags, mode)); }
OPENER(open)
OPENER(open64)
#define OPENER_AT(name) \
  int name(int fd, const char* path, int flags, ...) { \
    va_list list; va_start(list, flags); const mode_t mode = mode_from(flags, list); va_end(list); \
    REAL(name); CALL(int, -1, on_path_at(OPEN, OPENING(name), fd, path), real(fd, path, flags, mode)); }
OPENER_AT(openat)
OPENER_AT(openat64)
int __open_2(const char* path, int flags) { return open(path, flags); }
int __open64_2(const char* path, int flags) { return open64(path, flags); }
int __openat_2(int fd, const char* path, int flags) { return openat(fd, path, flags); }
int __openat64_2(int fd, const char* path, int flags) { return openat64(fd, path, flags); }
int creat(const char* path, mode_t mode) {
  REAL(creat); CALL(int, -1, on_path(OPEN, "creat", path), real(path, mode)); }
FILE* fopen(const char* path, const char* mode) {
  REAL(fopen); CALL(FILE*, NULL, on_path(OPEN, "fopen", path), real(path, mode)); }
FILE* fopen64(const char* path, const char* mode) {
  REAL(fopen64); CALL(FILE*, NULL, on_path(OPEN, "fopen64", path), real(path, mode)); }
int mkstemp(char* path) {
  REAL(mkstemp); CALL(int, -1, on_path(OPEN, "mkstemp", path), real(path)); }
int mkostemp(char* path, int flags) {
  REAL(mkostemp); CALL(int, -1, on_path(OPEN, "mkostemp", path), real(path, flags)); }
int close(int fd) {  // the descriptor is gone whatever is said
  REAL(close);
  const int what = on_fd(CLOSE, "close", fd);
  const int result = real(fd);
  if (what == KILL_AFTER) die();
  if (what > 0) { errno = what; return -1; }
  return result;
}

// ------------------------------------------------------------------------------------ read, write

ssize_t read(int fd, void* to, size_t size) {
  REAL(read);
  CALL(ssize_t, -1, on_fd(READ, "read", fd), real(fd, to, what == SHORT && size > 1 ? 1 : size)); }
ssize_t pread(int fd, void* to, size_t size, off_t from) {
  REAL(pread);
  CALL(ssize_t, -1, on_fd(READ, "pread", fd),
       real(fd, to, what == SHORT && size > 1 ? 1 : size, from)); }
ssize_t pread64(int fd, void* to, size_t size, off64_t from) {
  REAL(pread64);
  CALL(ssize_t, -1, on_fd(READ, "pread64", fd),
       real(fd, to, what == SHORT && size > 1 ? 1 : size, from)); }
ssize_t readv(int fd, const struct iovec* parts, int n) {
  REAL(readv); CALL(ssize_t, -1, on_fd(READ, "readv", fd), real(fd, parts, n)); }
ssize_t __read_chk(int fd, void* to, size_t size, size_t room) { (void)room; return read(fd, to, size); }
ssize_t write(int fd, const void* from, size_t size) {
  REAL(write);
  CALL(ssize_t, -1, on_fd(WRITE, "write", fd), real(fd, from, what == SHORT && size > 1 ? 1 : size)); }
ssize_t pwrite(int fd, const void* from, size_t size, off_t to) {
  REAL(pwrite);
  CALL(ssize_t, -1, on_fd(WRITE, "pwrite", fd),
       real(fd, from, what == SHORT && size > 1 ? 1 : size, to)); }
ssize_t pwrite64(int fd, const void* from, size_t size, off64_t to) {
  REAL(pwrite64);
  CALL(ssize_t, -1, on_fd(WRITE, "pwrite64", fd),
       real(fd, from, what == SHORT && size > 1 ? 1 : size, to)); }
ssize_t writev(int fd, const struct iovec* parts, int n) {
  REAL(writev);
  CALL(ssize_t, -1, on_fd(WRITE, "writev", fd), real(fd, parts, what == SHORT && n > 1 ? 1 : n)); }
int fsync(int fd) { REAL(fsync); CALL(int, -1, on_fd(SYNC, "fsync", fd), real(fd)); }
int fdatasync(int fd) { REAL(fdatasync); CALL(int, -1, on_fd(SYNC, "fdatasync", fd), real(fd)); }
int syncfs(int fd) { REAL(syncfs); CALL(int, -1, on_fd(SYNC, "syncfs", fd), real(fd)); }
int ftruncate(int fd, off_t size) {
  REAL(ftruncate); CALL(int, -1, on_fd(TRUNCATE, "ftruncate", fd), real(fd, size)); }
int ftruncate64(int fd, off64_t size) {
  REAL(ftruncate64); CALL(int, -1, on_fd(TRUNCATE, "ftruncate64", fd), real(fd, size)); }
int truncate(const char* path, off_t size) {
  REAL(truncate); CALL(int, -1, on_path(TRUNCATE, "truncate", path), real(path, size)); }
int truncate64(const char* path, off64_t size) {
  REAL(truncate64); CALL(int, -1, on_path(TRUNCATE, "truncate64", path), real(path, size)); }
int flock(int fd, int operation) {
  REAL(flock); CALL(int, -1, on_fd(LOCK, "flock", fd), real(fd, operation)); }

// ------------------------------------------------------------------------------------------- names

int rename(const char* from, const char* to) {
  REAL(rename); CALL(int, -1, on_path(RENAME, "rename", to), real(from, to)); }
int renameat(int a, const char* from, int b, const char* to) {
  REAL(renameat); CALL(int, -1, on_path_at(RENAME, "renameat", b, to), real(a, from, b, to)); }
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  REAL(renameat2);
  CALL(int, -1, on_path_at(RENAME, "renameat2", b, to), real(a, from, b, to, flags)); }
int mkdir(const char* path, mode_t mode) {
  REAL(mkdir); CALL(int, -1, on_path(MKDIR, "mkdir", path), real(path, mode)); }
int mkdirat(int fd, const char* path, mode_t mode) {
  REAL(mkdirat); CALL(int, -1, on_path_at(MKDIR, "mkdirat", fd, path), real(fd, path, mode)); }
char* mkdtemp(char* path) {
  REAL(mkdtemp); CALL(char*, NULL, on_path(MKDIR, "mkdtemp", path), real(path)); }
int unlink(const char* path) {
  REAL(unlink); CALL(int, -1, on_path(UNLINK, "unlink", path), real(path)); }
int unlinkat(int fd, const char* path, int flags) {
  REAL(unlinkat); CALL(int, -1, on_path_at(UNLINK, "unlinkat", fd, path), real(fd, path, flags)); }
int rmdir(const char* path) {
  REAL(rmdir); CALL(int, -1, on_path(UNLINK, "rmdir", path), real(path)); }
int remove(const char* path) {
  REAL(remove); CALL(int, -1, on_path(UNLINK, "remove", path), real(path)); }
int symlink(const char* to, const char* path) {
  REAL(symlink); CALL(int, -1, on_path(LINK, "symlink", path), real(to, path)); }
int symlinkat(const char* to, int fd, const char* path) {
  REAL(symlinkat); CALL(int, -1, on_path_at(LINK, "symlinkat", fd, path), real(to, fd, path)); }
int link(const char* from, const char* to) {
  REAL(link); CALL(int, -1, on_path(LINK, "link", to), real(from, to)); }
int linkat(int a, const char* from, int b, const char* to, int flags) {
  REAL(linkat); CALL(int, -1, on_path_at(LINK, "linkat", b, to), real(a, from, b, to, flags)); }
ssize_t readlink(const char* path, char* to, size_t size) {
  REAL(readlink); CALL(ssize_t, -1, on_path(READLINK, "readlink", path), real(path, to, size)); }
ssize_t readlinkat(int fd, const char* path, char* to, size_t size) {
  REAL(readlinkat);
  CALL(ssize_t, -1, on_path_at(READLINK, "readlinkat", fd, path), real(fd, path, to, size)); }
char* realpath(const char* path, char* to) {
  REAL(realpath); CALL(char*, NULL, on_path(REALPATH, "realpath", path), real(path, to)); }
int chmod(const char* path, mode_t mode) {
  REAL(chmod); CALL(int, -1, on_path(CHMOD, "chmod", path), real(path, mode)); }
int fchmod(int fd, mode_t mode) {
  REAL(fchmod); CALL(int, -1, on_fd(CHMOD, "fchmod", fd), real(fd, mode)); }
int fchmodat(int fd, const char* path, mode_t mode, int flags) {
  REAL(fchmodat);
  CALL(int, -1, on_path_at(CHMOD, "fchmodat", fd, path), real(fd, path, mode, flags)); }
int fchown(int fd, uid_t user, gid_t group) {
  REAL(fchown); CALL(int, -1, on_fd(CHMOD, "fchown", fd), real(fd, user, group)); }
char* getcwd(char* to, size_t size) {
  REAL(getcwd); CALL(char*, NULL, ready ? decide(CWD, "getcwd", "") : 0, real(to, size)); }

// -------------------------------------------------------------------------------------------- stat

#define STATTER(name, type) \
  int name(const char* path, struct type* to) { \
    REAL(name); CALL(int, -1, on_path(STAT, #name, path), real(path, to)); }
STATTER(stat, stat)
STATTER(stat64, stat64)
STATTER(lstat, stat)
STATTER(lstat64, stat64)
int fstat(int fd, struct stat* to) {
  REAL(fstat); CALL(int, -1, on_fd(STAT, "fstat", fd), real(fd, to)); }
int fstat64(int fd, struct stat64* to) {
  REAL(fstat64); CALL(int, -1, on_fd(STAT, "fstat64", fd), real(fd, to)); }
int fstatat(int fd, const char* path, struct stat* to, int flags) {
  REAL(fstatat); CALL(int, -1, on_path_at(STAT, "fstatat", fd, path), real(fd, path, to, flags)); }
int fstatat64(int fd, const char* path, struct stat64* to, int flags) {
  REAL(fstatat64);
  CALL(int, -1, on_path_at(STAT, "fstatat64", fd, path), real(fd, path, to, flags)); }
int statx(int fd, const char* path, int flags, unsigned mask, struct statx* to) {
  REAL(statx);
  CALL(int, -1, on_path_at(STAT, "statx", fd, path), real(fd, path, flags, mask, to)); }
int access(const char* path, int mode) {
  REAL(access); CALL(int, -1, on_path(STAT, "access", path), real(path, mode)); }
int faccessat(int fd, const char* path, int mode, int flags) {
  REAL(faccessat);
  CALL(int, -1, on_path_at(STAT, "faccessat", fd, path), real(fd, path, mode, flags)); }
#define OLD_STATTER(name, type) \
  int name(int version, const char* path, struct type* to) { \
    static int (*real)(int, const char*, struct type*); \
    if (real == NULL) real = (int (*)(int, const char*, struct type*))dlsym(RTLD_NEXT, #name); \
    CALL(int, -1, on_path(STAT, #name, path), real(version, path, to)); }
OLD_STATTER(__xstat, stat)
OLD_STATTER(__xstat64, stat64)
OLD_STATTER(__lxstat, stat)
OLD_STATTER(__lxstat64, stat64)

// ------------------------------------------------------------------------------------- directories

DIR* opendir(const char* path) {
  REAL(opendir); CALL(DIR*, NULL, on_path(LIST, "opendir", path), real(path)); }
DIR* fdopendir(int fd) {
  REAL(fdopendir); CALL(DIR*, NULL, on_fd(LIST, "fdopendir", fd), real(fd)); }
struct dirent* readdir(DIR* d) {
  REAL(readdir); CALL(struct dirent*, NULL, on_fd(LIST, "readdir", dirfd(d)), real(d)); }
struct dirent64* readdir64(DIR* d) {
  REAL(readdir64); CALL(struct dirent64*, NULL, on_fd(LIST, "readdir64", dirfd(d)), real(d)); }

// ------------------------------------------------------------------------------- threads and memory

int pthread_create(pthread_t* to, const pthread_attr_t* how, void* (*run)(void*), void* with) {
  REAL(pthread_create);
  const int what = in_main ? decide(THREAD, "pthread_create", "") : 0;
  return what > 0 ? what : real(to, how, run, with);
}

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
static int no_memory(void) {
  if (!counts_memory || !in_main || decide(MALLOC, "malloc", "") == 0) return 0;
  errno = ENOMEM;
  return 1;
}
void* malloc(size_t size) { return no_memory() ? NULL : __libc_malloc(size); }
void* calloc(size_t n, size_t size) { return no_memory() ? NULL : __libc_calloc(n, size); }
void* realloc(void* p, size_t size) { return no_memory() ? NULL : __libc_realloc(p, size); }
void* memalign(size_t to, size_t size) { return no_memory() ? NULL : __libc_memalign(to, size); }
void* aligned_alloc(size_t to, size_t size) { return no_memory() ? NULL : __libc_memalign(to, size); }
int posix_memalign(void** p, size_t to, size_t size) {
  if (no_memory()) return ENOMEM;
  *p = __libc_memalign(to, size);
  return *p == NULL ? ENOMEM : 0;
}

static int (*app_main)(int, char**, char**);
static int our_main(int n, char** words, char** environment) {
  in_main = 1;
  const int code = app_main(n, words, environment);
  in_main = 0;
  return code;
}
int __libc_start_main(int (*main)(int, char**, char**), int n, char** words, void (*init)(void),
                      void (*fini)(void), void (*linker_fini)(void), void* stack_end) {
  static int (*real)(int (*)(int, char**, char**), int, char**, void (*)(void), void (*)(void),
                     void (*)(void), void*);
  *(void**)&real = dlsym(RTLD_NEXT, "__libc_start_main");
  app_main = main;
  return real(our_main, n, words, init, fini, linker_fini, stack_end);
}
