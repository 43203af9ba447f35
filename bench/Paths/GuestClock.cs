using System.Diagnostics;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// The time of two guests on one thread, which stands still while the thread does: on shared machines its core is taken away for milliseconds, a few
/// times a second, and whoever forwards has nothing to do with that. What a frame waits while they are away is counted for nobody.
/// </summary>
internal sealed class GuestClock
{
    // A round takes two microseconds; longer than this and the thread was away, if only for an interrupt.
    private static readonly long Away = Stopwatch.Frequency / 200_000;

    private long _last;
    private long _away;

    /// <summary>For how long they were away since <see cref="Start"/>, as <see cref="Stopwatch"/> counts. Any thread.</summary>
    public long AwayTicks => Volatile.Read(ref _away);

    /// <summary>When they last looked, as <see cref="Stopwatch"/> counts, which never stands still. The guests' thread, as the next.</summary>
    public long LookedAt => _last;

    /// <summary>Begins anew, with the time of <see cref="Stopwatch"/>. The guests' thread, as the next.</summary>
    public void Start()
    {
        _last = Stopwatch.GetTimestamp();
        Volatile.Write(ref _away, 0);
    }

    /// <summary>What time it is for them.</summary>
    public long Now()
    {
        long now = Stopwatch.GetTimestamp(), step = now - _last;
        _last = now;
        if (step > Away) Volatile.Write(ref _away, _away + step);
        return now - _away;
    }
}
