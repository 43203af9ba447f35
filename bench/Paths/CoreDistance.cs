using System.Diagnostics;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// How long a cache line takes from one core to another. On shared machines two virtual cores are near each other for some
/// seconds and far for others, which changes the rate of every switch by a factor of two or three; only samples taken at the
/// same distance compare.
/// </summary>
internal static unsafe class CoreDistance
{
    /// <summary>Below this one way, in nanoseconds, two cores share a cache; seen are 25 to 60 near and 130 to 200 far.</summary>
    public const double NearNs = 90;

    // The first trips wait for the other thread's start and are not counted.
    private const int FirstTrips = 100;
    private const int RoundTrips = 20_000;
    private const int Batches = 15;

    /// <summary>Measures one way between two cores, in nanoseconds: the median of some batches, each a fraction of a millisecond to a few.</summary>
    /// <param name="first">A core.</param>
    /// <param name="second">Another core.</param>
    /// <param name="besideOthers">Takes the shortest batch: others that run on the cores make batches longer, and do not matter.</param>
    public static double Measure(int first, int second, bool besideOthers = false)
    {
        int* line = (int*)NativeMemory.AlignedAlloc(256, 256);
        var times = new double[Batches];
        for (int batch = 0; batch < Batches; batch++)
        {
            *line = 0;
            var echo = new Thread(() => Bounce(line, second, mine: 1, FirstTrips + RoundTrips)) { IsBackground = true };
            echo.Start();
            var serve = new Thread(() =>
            {
                CpuAffinity.Pin(first);
                Bounce(line, first, mine: 0, FirstTrips);
                long start = Stopwatch.GetTimestamp();
                Bounce(line, first, mine: 0, RoundTrips);
                times[batch] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / (2.0 * RoundTrips);
            });
            serve.Start();
            serve.Join();
            echo.Join();
        }
        NativeMemory.AlignedFree(line);
        Array.Sort(times);
        return times[besideOthers ? 0 : Batches / 2];
    }

    // Waits for its own number and answers with the other one, so many times.
    private static void Bounce(int* line, int core, int mine, int trips)
    {
        CpuAffinity.Pin(core);
        for (int i = 0; i < trips; i++)
        {
            while (Volatile.Read(ref *line) != mine)
            {
            }
            Volatile.Write(ref *line, 1 - mine);
        }
    }
}
