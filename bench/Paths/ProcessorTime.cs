using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace VhostSwitch.Bench.Paths;

/// <summary>The processor time of other processes and their threads, in nanoseconds, as the scheduler counts it: user and system time.</summary>
internal static unsafe partial class ProcessorTime
{
    // Linux numbers the clock of a process by its id; 2 is the scheduler's precise count.
    private const int SchedulerClock = 2;

    // One a processor, as long as the machine runs.
    private static readonly Lazy<string[]> SoftInterruptThreads = new(() =>
    [
        .. from core in Enumerable.Range(0, Environment.ProcessorCount)
           from process in Process.GetProcessesByName($"ksoftirqd/{core}")
           select $"/proc/{process.Id}",
    ]);

    /// <summary>The time of a process with all its threads, those that have ended too.</summary>
    public static long OfProcess(int pid)
    {
        Timespec time;
        if (clock_gettime((~pid << 3) | SchedulerClock, &time) != 0) throw new InvalidOperationException($"process {pid} has no clock: it has ended");
        return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }

    /// <summary>The time of the threads of a process whose names begin so; a line end is the end of a name. They must not end meanwhile.</summary>
    public static long OfThreads(int pid, string nameBegin) => Threads(pid)
        .Where(task => File.ReadAllText($"{task}/comm").StartsWith(nameBegin, StringComparison.Ordinal))
        .Sum(Scheduled);

    /// <summary>The folder of that thread of a process which has worked most.</summary>
    public static string BusiestThread(int pid) => Threads(pid).MaxBy(task => Schedule(task).Run)!;

    /// <summary>For how long that thread of a process which has worked most was kept waiting for a processor: others had its core.</summary>
    public static long WaitOfBusiest(int pid) => Schedule(BusiestThread(pid)).Wait;

    /// <summary>The time that a host has taken from one of this virtual machine's cores since its start, in seconds; the kernel tells it in hundredths.</summary>
    public static double StolenSeconds(int core)
    {
        const int Steal = 8;
        string[] numbers = File.ReadLines("/proc/stat").First(line => line.StartsWith($"cpu{core} ", StringComparison.Ordinal)).Split(' ');
        return long.Parse(numbers[Steal], CultureInfo.InvariantCulture) / 100.0;
    }

    /// <summary>How often that thread of a process which has worked most went to sleep.</summary>
    public static long SleepsOfBusiest(int pid)
    {
        const string Begin = "voluntary_ctxt_switches:";
        return long.Parse(File.ReadLines($"{BusiestThread(pid)}/status").First(line => line.StartsWith(Begin, StringComparison.Ordinal))[Begin.Length..],
            CultureInfo.InvariantCulture);
    }

    /// <summary>The time of the kernel's own threads for network work that no system call has done, for everyone on this machine.</summary>
    public static long OfSoftInterrupts() => SoftInterruptThreads.Value.Sum(Scheduled);

    private static string[] Threads(int pid)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{pid}/task");
        }
        catch (DirectoryNotFoundException e)
        {
            throw new InvalidOperationException($"process {pid} has no threads: it has ended", e);
        }
    }

    private static long Scheduled(string task) => Schedule(task).Run;

    // The first of three numbers is the time on a processor, the second that in which there was none for it.
    private static (long Run, long Wait) Schedule(string task)
    {
        string[] numbers = File.ReadAllText($"{task}/schedstat").Split(' ');
        return (long.Parse(numbers[0], CultureInfo.InvariantCulture), long.Parse(numbers[1], CultureInfo.InvariantCulture));
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, Timespec* time);

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
