using System.Diagnostics;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// The times of frames. Stretches of a few milliseconds in which the host took the switch's core away, and those after them until the guests have
/// caught up, count for nobody. The guests' thread writes; others read when it has something else to write to.
/// </summary>
/// <param name="stolen">Tells of the host; null where all counts.</param>
internal sealed class LatencyAccount(StolenTime? stolen = null)
{
    private readonly LatencyHistogram _stretch = new();
    private bool _catchingUp;
    private long _stretches, _counted;

    /// <summary>The frames of the stretches that count.</summary>
    public LatencyHistogram Counted { get; } = new();

    /// <summary>The frames of all stretches.</summary>
    public LatencyHistogram All { get; } = new();

    /// <summary>The share of the stretches that do not count.</summary>
    public double Uncounted => _stretches == 0 ? 0 : 1 - ((double)_counted / _stretches);

    /// <summary>Adds a frame, in ticks of <see cref="Stopwatch"/>.</summary>
    public void Add(long ticks) => (stolen is null ? All : _stretch).Add(ticks);

    /// <summary>Ends a stretch when it is over.</summary>
    /// <param name="now">The time of <see cref="Stopwatch"/>.</param>
    /// <param name="behind">Whether more frames are due or under way than usual.</param>
    public void Pass(long now, bool behind)
    {
        if (stolen?.Look(now) is not { } taken) return;
        bool counts = !taken && !_catchingUp;
        _catchingUp = (taken || _catchingUp) && behind;
        if (_stretch.Total == 0) return;
        _stretches++;
        if (counts)
        {
            _counted++;
            Counted.Add(_stretch);
        }
        All.Add(_stretch);
        _stretch.Clear();
    }
}
