/* Reads the clock on one core without end and counts the gaps between two readings: what a loop without any runtime sees of the machine.
   spin CORE SECONDS LIMIT_US prints how many gaps were longer than the limit, and the longest one in microseconds. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    cpu_set_t core;
    CPU_ZERO(&core);
    CPU_SET(atoi(argv[1]), &core);
    if (sched_setaffinity(0, sizeof core, &core) != 0) return 1;
    long long limit = atoll(argv[3]) * 1000, longest = 0, over = 0;
    long long last = now(), end = last + (long long)(atof(argv[2]) * 1e9);
    while (last < end) {
        long long time = now(), gap = time - last;
        last = time;
        if (gap > longest) longest = gap;
        if (gap > limit) over++;
    }
    printf("%lld %.1f\n", over, longest / 1000.0);
    return 0;
}
