namespace VhostSwitch.Linux;

/// <summary>The processor time of the calling thread: what it would have taken without others on its core (clock_gettime(2), CLOCK_THREAD_CPUTIME_ID).</summary>
public static unsafe class ThreadClock
{
    /// <summary>The time so far, in nanoseconds, which are ticks of <see cref="System.Diagnostics.Stopwatch"/> too. A system call: some hundred nanoseconds.</summary>
    public static long Now()
    {
        Libc.timespec time;
        // It cannot fail: every kernel has this clock.
        _ = Libc.clock_gettime(Libc.CLOCK_THREAD_CPUTIME_ID, &time);
        return (time.tv_sec * 1_000_000_000) + time.tv_nsec;
    }
}
