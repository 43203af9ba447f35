using System.Diagnostics;
using VhostSwitch.Dataplane;
using Xunit;

namespace VhostSwitch.Program.Tests;

public sealed class PollThreadRatesTests
{
    private static readonly Dictionary<InputQueue, (ulong Frames, ulong Bursts)> None = [];

    [Fact]
    public void RatesAreOfTheTimeBetween()
    {
        var rates = PollThreadRates.Between(new(0, TimeSpan.Zero, 10, None), new(2 * Stopwatch.Frequency, TimeSpan.FromSeconds(0.5), 5_000_010, None));
        Assert.Equal(new PollThreadRates(0.25, 2_500_000, 100, null), rates);
    }

    [Fact]
    public void AnEstimateIsNoMoreThanTheTime() =>
        Assert.Equal(1, PollThreadRates.Between(new(0, TimeSpan.Zero, 0, None), new(Stopwatch.Frequency, TimeSpan.FromSeconds(1.1), 1, None)).BusyShare);

    [Fact]
    public void WithoutFramesThereIsNoTimeOfAFrame() =>
        Assert.Equal(default, PollThreadRates.Between(new(0, TimeSpan.Zero, 7, None), new(Stopwatch.Frequency, TimeSpan.Zero, 7, None)));
}
