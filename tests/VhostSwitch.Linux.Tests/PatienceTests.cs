using System.Diagnostics;

namespace VhostSwitch.Linux.Tests;

public sealed class PatienceTests
{
    private static readonly long Second = Stopwatch.Frequency, Millisecond = Stopwatch.Frequency / 1000;

    [Fact]
    public void EndsBehindItsLimit()
    {
        var patience = new Patience(TimeSpan.FromSeconds(2), now: 0);
        long over = Enumerable.Range(1, 5000).First(ms => patience.IsOver(ms * Millisecond));
        Assert.Equal(2001, over);
    }

    [Fact]
    public void DoesNotCountTheTimeInWhichTheProcessWasStopped()
    {
        var patience = new Patience(TimeSpan.FromSeconds(2), now: 0);
        Assert.False(patience.IsOver(Second));
        Assert.False(patience.IsOver(3600 * Second));
        long over = Enumerable.Range(1, 5000).First(ms => patience.IsOver((3600 * Second) + (ms * Millisecond)));
        Assert.InRange(over, 1800, 1801);
    }
}
