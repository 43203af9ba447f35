using System.Diagnostics;
using System.Numerics;

namespace VhostSwitch.Bench.Paths;

/// <summary>Times in classes whose width is at most 1/64 of them, so that millions cost no memory. One thread adds; others read afterwards.</summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 6, Sub = 1 << SubBits;

    private readonly long[] _counts = new long[(64 - SubBits + 1) * Sub];
    private long _max;

    /// <summary>How many there are.</summary>
    public long Total { get; private set; }

    /// <summary>Adds a time, in ticks of <see cref="Stopwatch"/>.</summary>
    public void Add(long ticks)
    {
        ticks = Math.Max(ticks, 0);
        _counts[ClassOf(ticks)]++;
        Total++;
        if (ticks > _max) _max = ticks;
    }

    /// <summary>Adds those of another.</summary>
    public void Add(LatencyHistogram other)
    {
        for (int i = 0; i <= ClassOf(other._max); i++) _counts[i] += other._counts[i];
        Total += other.Total;
        _max = Math.Max(_max, other._max);
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_counts, 0, ClassOf(_max) + 1);
        (Total, _max) = (0, 0);
    }

    /// <summary>The time below which this share of all lies, in microseconds: the upper end of its class; null where there are none.</summary>
    public double? QuantileUs(double share)
    {
        if (Total == 0) return null;
        long wanted = (long)Math.Ceiling(share * Total);
        int index = 0;
        for (long seen = _counts[0]; seen < wanted; seen += _counts[index]) index++;
        return ToUs(Math.Min(LastOf(index), _max));
    }

    // Times below 64 have a class each; above, the highest bit tells the row and the six behind it the place in it.
    private static int ClassOf(long ticks)
    {
        if (ticks < Sub) return (int)ticks;
        int shift = BitOperations.Log2((ulong)ticks) - SubBits;
        return ((shift + 1) << SubBits) + (int)((ticks >> shift) - Sub);
    }

    private static long LastOf(int index)
    {
        int shift = (index >> SubBits) - 1;
        return shift < 0 ? index : ((long)(Sub + (index & (Sub - 1)) + 1) << shift) - 1;
    }

    private static double ToUs(long ticks) => ticks * 1e6 / Stopwatch.Frequency;
}
