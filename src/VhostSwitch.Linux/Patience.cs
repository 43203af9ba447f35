using System.Diagnostics;

namespace VhostSwitch.Linux;

/// <summary>
/// How long someone waits who looks again and again. A process that was stopped for a minute, or its machine, has not waited for a minute: of the time
/// between two looks no more counts than they are ever apart.
/// </summary>
/// <param name="limit">How long to wait.</param>
/// <param name="now">The first look; a time of <see cref="Stopwatch"/>.</param>
public struct Patience(TimeSpan limit, long now)
{
    // Looks are a millisecond apart, and some more beside others' work.
    private static readonly long LongestStep = Stopwatch.Frequency / 10;

    private long _left = (long)(limit.TotalSeconds * Stopwatch.Frequency);
    private long _looked = now;

    /// <summary>Looks again.</summary>
    /// <param name="now">A time of <see cref="Stopwatch"/>.</param>
    /// <returns>True once the limit is over.</returns>
    public bool IsOver(long now)
    {
        _left -= Math.Min(now - _looked, LongestStep);
        _looked = now;
        return _left < 0;
    }
}
