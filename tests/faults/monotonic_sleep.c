/* libfaketime 0.9.10 gets sleeping until an instant of the monotonic clock wrong, which is how Python sleeps:
   loaded before it, this leaves the monotonic clock alone. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    return syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
}
