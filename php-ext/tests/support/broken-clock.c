/* Preloaded into PHP: while the variable BROKEN_CLOCK is set, clocks tell a time that there is not, at which Rust's standard
 * library panics. So a panic can be had in the very module that is shipped. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* PHP loads modules so that they see the C library before what is preloaded. */
void *dlopen(const char *file, int flags)
{
    void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
    return real(file, flags & ~RTLD_DEEPBIND);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int status = syscall(SYS_clock_gettime, clock, now);
    if (getenv("BROKEN_CLOCK") != NULL) {
        now->tv_nsec = 2000000000;
    }
    return status;
}
