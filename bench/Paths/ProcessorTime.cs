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
    public static long OfThreads(int pid, string nameBegin) => Directory.GetDirectories($"/proc/{pid}/task")
        .Where(task => File.ReadAllText($"{task}/comm").StartsWith(nameBegin, StringComparison.Ordinal))
        .Sum(Scheduled);

    /// <summary>For how long that thread of a process which has worked most was kept waiting for a processor: others had its core.</summary>
    public static long WaitOfBusiest(int pid) =>
        Directory.GetDirectories($"/proc/{pid}/task").Select(Schedule).MaxBy(times => times.Run).Wait;

    /// <summary>The time of the kernel's own threads for network work that no system call has done, for everyone on this machine.</summary>
    public static long OfSoftInterrupts() => SoftInterruptThreads.Value.Sum(Scheduled);

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
