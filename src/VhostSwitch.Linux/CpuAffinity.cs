using System.Globalization;

namespace VhostSwitch.Linux;

/// <summary>Which processors a thread runs on. Processors are numbered as the kernel numbers them.</summary>
public static unsafe class CpuAffinity
{
    /// <summary>The most processors this project counts, as in the C library's <c>cpu_set_t</c>.</summary>
    public const int MaxCpus = 1024;

    private const int Words = MaxCpus / 64;

    /// <summary>The processors the calling thread may run on, in ascending order.</summary>
    /// <exception cref="LinuxException">The machine has more than <see cref="MaxCpus"/> processors.</exception>
    public static int[] Current() => Of(thread: 0) ?? throw LinuxException.Last("sched_getaffinity");

    /// <summary>The processors a thread may run on, in ascending order; null where there is no such thread.</summary>
    /// <param name="thread">Its id, in this process or any other; 0 for the calling one.</param>
    public static int[]? Of(int thread)
    {
        ulong* mask = stackalloc ulong[Words];
        new Span<ulong>(mask, Words).Clear();
        if (Libc.sched_getaffinity(thread, Words * sizeof(ulong), mask) < 0) return null;
        var cpus = new List<int>();
        for (int cpu = 0; cpu < MaxCpus; cpu++)
        {
            if ((mask[cpu / 64] >> (cpu % 64) & 1) != 0)
                cpus.Add(cpu);
        }
        return [.. cpus];
    }

    /// <summary>
    /// The processors the calling thread could be kept on, in ascending order: those it may run on and those that are kept free for whoever asks for
    /// them (<c>isolcpus=</c>, <c>taskset</c>), but none that is forbidden (<c>cpuset</c>).
    /// </summary>
    /// <exception cref="LinuxException">The machine has more than <see cref="MaxCpus"/> processors.</exception>
    public static int[] Present()
    {
        int[] before = Current();
        Pin([.. Enumerable.Range(0, MaxCpus)]);
        int[] present = Current();
        Pin(before);
        return present;
    }

    /// <summary>Keeps the calling thread on the given processors.</summary>
    /// <param name="cpus">At least one processor below <see cref="MaxCpus"/>.</param>
    /// <exception cref="LinuxException">None of the processors is there or allowed.</exception>
    public static void Pin(params ReadOnlySpan<int> cpus)
    {
        if (!TryPin(0, cpus)) throw LinuxException.Last($"sched_setaffinity to {string.Join(',', cpus.ToArray())}");
    }

    /// <summary>
    /// Keeps every thread of the process on the given processors but those with a certain name: the runtime's own too, such as its compiler, which
    /// would otherwise take a polling thread's processor for milliseconds. A thread that is made later is where the one that makes it is.
    /// </summary>
    /// <param name="prefix">What the names of threads that stay where they are begin with.</param>
    /// <param name="cpus">At least one processor below <see cref="MaxCpus"/>.</param>
    /// <exception cref="LinuxException">None of the processors is there or allowed.</exception>
    public static void PinAllBut(string prefix, params ReadOnlySpan<int> cpus)
    {
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            if (NameOf(task) is not { } name || name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            if (TryPin(int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture), cpus)) continue;
            var failure = LinuxException.Last($"sched_setaffinity of {name} to {string.Join(',', cpus.ToArray())}");
            if (failure.Errno != Errno.ESRCH) throw failure;
        }
    }

    // Null for a thread that has ended meanwhile.
    private static string? NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException) when (!Directory.Exists(task))
        {
            return null;
        }
    }

    /// <summary>Keeps a thread on the given processors.</summary>
    /// <param name="thread">Its id, in this process or any other; 0 for the calling one.</param>
    /// <param name="cpus">At least one processor below <see cref="MaxCpus"/>.</param>
    /// <returns>False where the kernel refuses: none of the processors is there, the thread has ended, or may not be moved.</returns>
    public static bool TryPin(int thread, ReadOnlySpan<int> cpus)
    {
        ulong* mask = stackalloc ulong[Words];
        new Span<ulong>(mask, Words).Clear();
        foreach (int cpu in cpus)
            mask[cpu / 64] |= 1UL << (cpu % 64);
        return Libc.sched_setaffinity(thread, Words * sizeof(ulong), mask) >= 0;
    }
}
